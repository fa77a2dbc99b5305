"""Stays put right afterwards: what is refused, what changes in the charges, and what is shown before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.urls import reverse

from almoner.charging.models import ChargeItem
from almoner.identity.models import AuditRecord
from almoner.kernel.actor import Actor
from almoner.kernel.errors import DomainError, IdempotencyMismatch, PermissionRefused
from almoner.kernel.ids import new_id
from almoner.orders.models import Admission
from almoner.service_points.ward.corrections import Corrected, correct_stay, preview_correction
from almoner.service_points.ward.models import StayCorrection
from tests.support.day import AT, BusyDay
from tests.support.hospital import TestPatient
from tests.support.pages import HTMX, member_client, said, text_of, typed
from tests.support.ward import WardHospital, make_ward_hospital

START = datetime(2026, 3, 2, 10, 30, tzinfo=UTC)
DAY = timedelta(days=1)
DAYS = {number: f"2026-03-{number:02}" for number in range(1, 9)}


@pytest.fixture
def place(db: None) -> WardHospital:
    place = make_ward_hospital()
    place.define("room", "daily", rate_minor=20000)
    return place


def stayed(place: WardHospital, start: datetime = START, days: int = 2) -> UUID:
    """A stay of three service dates that ended after ``days``."""
    admission_id = place.admit("general", start)
    place.discharge(admission_id, start + days * DAY)
    return admission_id


def correct(
    place: WardHospital, admission_id: UUID, at: datetime = START + 5 * DAY, **told: Any
) -> Corrected:
    words = {"reason": "told wrongly", "idempotency_key": f"correction-{new_id()}", **told}
    return correct_stay(place.id, admission_id, actor=place.hospital.actor, at=at, **words)


def days_of(place: WardHospital, admission_id: UUID) -> list[str]:
    return [item.service_period for item in place.charges(admission_id, "room")]


def patient_of(place: WardHospital, admission_id: UUID) -> TestPatient:
    with place.hospital.transaction():
        item = ChargeItem.objects.filter(order_id=admission_id).earliest("id")
        return TestPatient(item.patient_id, item.patient_account_id)


def test_both_ends_of_a_stay_may_move_even_past_what_was_recorded(place: WardHospital) -> None:
    admission_id = stayed(place)
    correct(place, admission_id, came_at=START - DAY, left_at=START + DAY)
    assert days_of(place, admission_id) == [DAYS[1], DAYS[2], DAYS[3]]
    correct(place, admission_id, came_at=START + 3 * DAY, left_at=START + 4 * DAY)
    assert days_of(place, admission_id) == [DAYS[5], DAYS[6]]
    correct(place, admission_id, came_at=START - DAY, left_at=START)
    assert days_of(place, admission_id) == [DAYS[1], DAYS[2]]
    with place.hospital.transaction():
        admission = Admission.objects.select_related("encounter").get(id=admission_id)
        assert admission.discharged_at == admission.encounter.ended_at == START
        assert StayCorrection.objects.filter(admission=admission).count() == 3
        assert AuditRecord.objects.filter(action="stay.corrected", subject_id=admission_id).count() == 3


def test_what_was_paid_for_days_that_were_none_is_the_patients_credit(place: WardHospital) -> None:
    admission_id = stayed(place)
    patient = patient_of(place, admission_id)
    place.hospital.pay(patient, 60000, at=START + 3 * DAY)
    told = {"left_at": START + timedelta(hours=3)}
    seen = preview_correction(place.id, admission_id, actor=place.hospital.actor, at=START + 5 * DAY, **told)
    assert [item.service_period for item in seen.taken_back] == [DAYS[3], DAYS[4]] and not seen.charged
    assert (seen.before.available_credit_minor, seen.after.available_credit_minor) == (0, 40000)
    assert days_of(place, admission_id) == [DAYS[2], DAYS[3], DAYS[4]], "a preview changes nothing"
    correct(place, admission_id, **told)
    balance = place.hospital.balance(patient)
    assert balance is not None and (balance.receivable_minor, balance.deposit_minor) == (0, 40000)


def test_a_correction_is_made_once_by_its_key_and_needs_its_permission(place: WardHospital) -> None:
    admission_id = stayed(place)
    first = correct(place, admission_id, came_at=START - DAY, idempotency_key="once")
    again = correct(place, admission_id, came_at=START - DAY, idempotency_key="once")
    assert again.replayed and again.correction == first.correction
    with pytest.raises(IdempotencyMismatch):
        correct(place, admission_id, came_at=START - 2 * DAY, idempotency_key="once")
    nobody = Actor("user:porter@example.org", frozenset({"ward.assign_bed", "ward.backdate_transfer"}))
    with pytest.raises(PermissionRefused):
        correct_stay(
            place.id,
            admission_id,
            reason="because",
            idempotency_key="mine",
            came_at=START - DAY,
            actor=nobody,
            at=START + 5 * DAY,
        )


@pytest.mark.parametrize(
    ("told", "field", "code"),
    [
        ({"came_at": START}, "came_at", "nothing_to_correct"),
        ({}, "came_at", "nothing_to_correct"),
        ({"left_at": START + 2 * DAY}, "left_at", "nothing_to_correct"),
        ({"came_at": START + 2 * DAY}, "came_at", "after_the_stay"),
        ({"came_at": START + DAY, "left_at": START + DAY}, "came_at", "after_the_stay"),
        ({"left_at": START}, "left_at", "before_the_stay"),
        ({"left_at": START + 6 * DAY}, "left_at", "in_the_future"),
        ({"came_at": START - 400 * DAY}, "came_at", "too_far"),
        ({"came_at": START - DAY, "reason": "  "}, "reason", "reason_missing"),
    ],
)
def test_times_that_cannot_be_are_refused_at_their_field(
    place: WardHospital, told: dict[str, Any], field: str, code: str
) -> None:
    admission_id = stayed(place)
    with pytest.raises(DomainError) as refused:
        correct(place, admission_id, **told)
    assert (refused.value.field, refused.value.code) == (field, code)
    assert len(days_of(place, admission_id)) == 3


def test_a_stay_does_not_reach_into_anothers_bed_nor_into_the_patients_other_stay(
    place: WardHospital,
) -> None:
    bed_id = place.bed("general")
    mine = place.admit("general", START, bed_id=bed_id)
    with pytest.raises(DomainError) as refused:
        correct(place, mine, left_at=START + DAY)
    assert (refused.value.field, refused.value.code) == ("left_at", "not_discharged")
    place.discharge(mine, START + DAY)
    patient = patient_of(place, mine)
    place.admit("general", START + 3 * DAY, bed_id=bed_id, name="Next In Bed")
    place.admit("general", START + 2 * DAY, known=patient)
    for days, code in [(4, "bed_taken"), (2.5, "patient_elsewhere")]:
        with pytest.raises(DomainError) as refused:
            correct(place, mine, left_at=START + days * DAY)
        assert (refused.value.field, refused.value.code) == ("left_at", code)
    correct(place, mine, left_at=START + 2 * DAY)
    assert days_of(place, mine) == [DAYS[2], DAYS[3], DAYS[4]]


def test_the_dialog_shows_what_changes_before_it_is_done_and_then_does_just_that(
    day: BusyDay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("almoner.pages.staff.now", lambda: AT + DAY)
    nurse = member_client(day.hospital.id, "ward_nurse")
    with day.hospital.transaction():
        admission = Admission.objects.get(encounter=day.visits["Kwame Mensah"].id)
    page, url = reverse("ward:stay", args=[admission.id]), reverse("ward:correct", args=[admission.id])
    assert "Correct the stay…" in text_of(nurse.get(page))
    opened = nurse.get(url, headers=HTMX)
    assert opened.context["form"]["came_at"].value() == "2026-03-02T13:45"
    sent = typed(opened.context["form"], came_at="2026-03-01T22:00", reason="Came at night")
    shown = nurse.post(url, sent, headers=HTMX)
    assert shown.status_code == 200 and "What it changes" in text_of(shown)
    assert "$400.00" in text_of(shown)
    with day.hospital.transaction():
        assert not StayCorrection.objects.exists()
    seen = {**sent, "seen": shown.context["seen"]}
    otherwise = nurse.post(url, {**seen, "came_at": "2026-02-28T22:00"}, headers=HTMX)
    assert "What it changes" in text_of(otherwise) and not said(otherwise), "other times are shown first"
    assert said(nurse.post(url, seen, headers=HTMX)) == "The stay is corrected; its charges follow."
    assert said(nurse.post(url, seen, headers=HTMX)) == "The stay is corrected; its charges follow."
    after = text_of(nurse.get(page))
    assert "Came Mar 1, 2026 10:00 PM, not Mar 2, 2026 1:45 PM." in after.replace("\u202f", " ")
    assert "Came at night" in after
    with day.hospital.transaction():
        assert StayCorrection.objects.count() == 1


@pytest.mark.parametrize(
    ("came_at", "says"),
    [("2026-03-09T10:00", "in the future"), ("some day", "Enter a day and a time"), ("", "required")],
)
def test_the_dialog_explains_a_refusal_at_its_field_and_keeps_what_was_typed(
    day: BusyDay, came_at: str, says: str
) -> None:
    nurse = member_client(day.hospital.id, "ward_nurse")
    with day.hospital.transaction():
        lying = Admission.objects.get(encounter=day.visits["Kwame Mensah"].id)
        waiting = Admission.objects.get(encounter=day.visits["Ana Ortiz"].id)
    url = reverse("ward:correct", args=[lying.id])
    form = nurse.get(url, headers=HTMX).context["form"]
    refused = nurse.post(url, typed(form, came_at=came_at, reason="Door book"), headers=HTMX)
    assert refused.status_code == 422 and says in text_of(refused)
    assert "Door book" in refused.content.decode()
    nobed = nurse.get(reverse("ward:correct", args=[waiting.id]), headers=HTMX)
    assert "there is nothing to correct" in text_of(nobed)
