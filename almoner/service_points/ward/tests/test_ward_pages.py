"""The ward's pages: who waits and for how much, the board, a bed, daily charges, the discharge."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from almoner.charging.models import ChargeItem
from almoner.enforcement.facts import Subject
from almoner.enforcement.models import Override
from almoner.hospitals.models import Bed, Department, Ward
from almoner.kernel.ids import new_id
from almoner.orders.models import Admission
from almoner.orders.operations import admit
from almoner.pages.step_actions import action_urls
from almoner.service_points import ward
from almoner.service_points.ward.models import BedStay
from tests.support.day import AT, BusyDay
from tests.support.hospital import enforce
from tests.support.pages import HTMX, member_client, said, templates_of, text_of, typed


@pytest.fixture
def nurse(day: BusyDay) -> Client:
    return member_client(day.hospital.id, "ward_nurse")


def admission_of(day: BusyDay, patient: str) -> Admission:
    with day.hospital.transaction():
        return Admission.objects.get(encounter=day.visits[patient].id)


def stay_url(day: BusyDay, patient: str) -> str:
    return reverse("ward:stay", args=[admission_of(day, patient).id])


def beds_of(day: BusyDay) -> dict[str, UUID]:
    with day.hospital.transaction():
        return dict(Bed.objects.values_list("code", "id"))


def assign(client: Client, day: BusyDay, patient: str, bed: str) -> HttpResponse:
    url = reverse("ward:assign", args=[admission_of(day, patient).id, beds_of(day)[bed]])
    return client.post(url, headers=HTMX)


def pay_advance(day: BusyDay, patient: str) -> None:
    """A cashier takes what the bar of the bed asks for."""
    cashier = member_client(day.hospital.id, "cashier")
    admission = admission_of(day, patient)
    url = action_urls("bed.assign", Subject(admission.encounter_id, admission.id))["pay"]
    answer = cashier.post(url, typed(cashier.get(url, headers=HTMX).context["form"]), headers=HTMX)
    assert said(answer).startswith("$200.00 received")


def stays(day: BusyDay, patient: str) -> list[BedStay]:
    with day.hospital.transaction():
        rows = BedStay.objects.select_related("bed").filter(admission=admission_of(day, patient))
        return list(rows.order_by("started_at"))


def test_the_board_says_who_waits_for_how_much_a_day_and_who_lies_where(day: BusyDay, nurse: Client) -> None:
    page = text_of(nurse.get(reverse("ward:board")))
    assert "Admitted - Awaiting Bed Assignment" in page
    assert "Ana Ortiz" in page and "Payment Required: $200.00/day" in page
    assert "1 of 2 is free" in page and "Kwame Mensah" in page
    assert "since 1:45 PM · 1 h 35" in page


def test_a_bed_is_held_until_the_advance_is_paid_and_then_assigned(day: BusyDay, nurse: Client) -> None:
    opened = nurse.get(stay_url(day, "Ana Ortiz")).content.decode()
    assert "Assign bed 2" in opened and "disabled" in opened
    refused = assign(nurse, day, "Ana Ortiz", "2")
    assert refused.status_code == 409 and "$200.00" in said(refused)
    assert stays(day, "Ana Ortiz") == []

    pay_advance(day, "Ana Ortiz")
    assert said(assign(nurse, day, "Ana Ortiz", "2")) == "Bed 2 is assigned."
    assert "Bed 2" in text_of(nurse.get(stay_url(day, "Ana Ortiz")))
    again = assign(nurse, day, "Ana Ortiz", "2")
    assert again.status_code == 409 and "has a bed already" in said(again)
    assert len(stays(day, "Ana Ortiz")) == 1


def test_a_bed_that_was_taken_meanwhile_is_said_and_nothing_happens(day: BusyDay, nurse: Client) -> None:
    pay_advance(day, "Ana Ortiz")
    answer = assign(nurse, day, "Ana Ortiz", "1")
    assert answer.status_code == 409 and "taken meanwhile" in said(answer)
    assert stays(day, "Ana Ortiz") == []


@pytest.mark.parametrize(
    ("role", "action", "fields"),
    [("doctor", "override", {"reason": "Cannot wait"}), ("billing_staff", "plan", {})],
)
def test_an_override_or_a_plan_lets_the_bed_be_assigned(
    day: BusyDay, nurse: Client, role: str, action: str, fields: dict[str, str]
) -> None:
    enforce(day.hospital, "department", "inpatient", payment_plan_satisfies=True)
    admission = admission_of(day, "Ana Ortiz")
    url = action_urls("bed.assign", Subject(admission.encounter_id, admission.id))[action]
    client = member_client(day.hospital.id, role)
    sent = client.post(url, typed(client.get(url, headers=HTMX).context["form"], **fields), headers=HTMX)
    assert sent.status_code == 200 and said(sent)
    assert "a bed can be assigned" in text_of(nurse.get(reverse("ward:board")))
    assert said(assign(nurse, day, "Ana Ortiz", "2")) == "Bed 2 is assigned."


def test_days_are_charged_once_each(day: BusyDay, nurse: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("almoner.pages.staff.now", lambda: AT + timedelta(days=2))
    assert "2 days up to today are not charged yet" in text_of(nurse.get(stay_url(day, "Kwame Mensah")))
    url = reverse("ward:charge-days", args=[admission_of(day, "Kwame Mensah").id])
    assert said(nurse.post(url, headers=HTMX)) == "2 days are charged: $400.00."
    assert said(nurse.post(url, headers=HTMX)) == "Every day up to today is charged already."
    page = text_of(nurse.get(stay_url(day, "Kwame Mensah")))
    assert "not charged yet" not in page and "$600.00" in page
    with day.hospital.transaction():
        items = ChargeItem.objects.filter(order_id=admission_of(day, "Kwame Mensah").id, status="billable")
        assert items.count() == 3


def test_a_discharge_asks_for_an_arrangement_and_goes_ahead_once_it_is_paid(
    day: BusyDay, nurse: Client
) -> None:
    day.hospital.capture("service.provided", "bandage", encounter=day.visits["Kwame Mensah"], at=AT)
    url = reverse("ward:discharge", args=[admission_of(day, "Kwame Mensah").id])
    day.hospital.capture("service.provided", "bed_day", encounter=day.visits["Kwame Mensah"], at=AT)
    refused = nurse.post(url, headers=HTMX)
    assert refused.status_code == 409 and said(refused)
    day.hospital.pay(day.patients["Kwame Mensah"], 21100, at=AT)
    assert said(nurse.post(url, headers=HTMX)) == "The patient is discharged; the bed is free."
    page = text_of(nurse.get(stay_url(day, "Kwame Mensah")))
    assert "Discharged" in page and "from bed 1" in page
    board = nurse.get(reverse("ward:board"))
    assert "2 of 2 are free" in text_of(board)
    assert text_of(board).split("Left in the last seven days")[1].split()[1:3] == ["Kwame", "Mensah"]
    assert stay_url(day, "Kwame Mensah") in board.content.decode()


def test_who_leaves_without_an_arrangement_is_let_go_with_one_recorded_exception(
    day: BusyDay, nurse: Client
) -> None:
    day.hospital.capture("service.provided", "bed_day", encounter=day.visits["Kwame Mensah"], at=AT)
    url = reverse("ward:exception", args=[admission_of(day, "Kwame Mensah").id])
    opened = nurse.get(url, headers=HTMX)
    assert "Nobody is kept against their will" in text_of(opened)
    empty = nurse.post(url, typed(opened.context["form"]), headers=HTMX)
    assert empty.status_code == 422 and "This field is required" in empty.content.decode()
    sent = typed(opened.context["form"], exception="Wants to go home")
    assert "Billing will review" in said(nurse.post(url, sent, headers=HTMX))
    again = nurse.post(url, sent, headers=HTMX)
    assert again.status_code == 422 and "was discharged already" in again.content.decode()
    with day.hospital.transaction():
        [exception] = Override.objects.filter(step="ward.discharge")
    assert exception.reason == "Wants to go home"


def test_others_are_told_who_works_here_and_strange_ids_are_not_there(day: BusyDay, nurse: Client) -> None:
    cashier = member_client(day.hospital.id, "cashier")
    admission = admission_of(day, "Ana Ortiz").id
    posts = [
        reverse("ward:assign", args=[admission, beds_of(day)["2"]]),
        reverse("ward:charge-days", args=[admission]),
        reverse("ward:discharge", args=[admission]),
        reverse("ward:exception", args=[admission]),
    ]
    for url in [reverse("ward:board"), reverse("ward:stay", args=[admission])]:
        page = cashier.get(url)
        assert page.status_code == 403 and "Ward nurse" in page.content.decode()
    for url in posts:
        answer = cashier.post(url, headers=HTMX)
        assert answer.status_code == 403 and "Ward nurse" in said(answer)
    assert stays(day, "Ana Ortiz") == []
    assert nurse.get(reverse("ward:stay", args=[new_id()])).status_code == 404
    assert nurse.post(reverse("ward:discharge", args=[new_id()]), headers=HTMX).status_code == 404


def _admit_more(day: BusyDay, number: int) -> None:
    for index in range(number):
        patient = day.hospital.patient(f"Waiting {index}")
        visit = day.hospital.encounter(patient, "inpatient", encounter_class="inpatient")
        admit(
            day.hospital.id,
            encounter_id=visit.id,
            ward="general_ward",
            idempotency_key=f"more-admission:{index}",
            actor=day.hospital.actor,
            at=AT,
        )


def test_a_page_takes_at_most_twelve_statements_however_many_wait(day: BusyDay, nurse: Client) -> None:
    counts = []
    for more in (0, 8):
        _admit_more(day, more)
        for url in (reverse("ward:board"), stay_url(day, "Ana Ortiz"), stay_url(day, "Kwame Mensah")):
            with CaptureQueriesContext(
                connection,
            ) as captured:
                assert nurse.get(url).status_code == 200
            counts.append(len(captured))
    assert max(counts) <= 12
    assert counts[:3] == counts[3:]


def test_every_template_of_the_ward_is_rendered(day: BusyDay, nurse: Client, rendered: Any) -> None:
    for patient in ("Ana Ortiz", "Kwame Mensah"):
        nurse.get(stay_url(day, patient))
    nurse.get(reverse("ward:board"))
    nurse.get(reverse("ward:exception", args=[admission_of(day, "Kwame Mensah").id]), headers=HTMX)
    nurse.get(transfer_url(day, "Kwame Mensah"), headers=HTMX)
    nurse.get(reverse("ward:correct", args=[admission_of(day, "Kwame Mensah").id]), headers=HTMX)
    assert templates_of(ward) - rendered == set()


def add_icu(day: BusyDay) -> None:
    with day.hospital.transaction():
        icu = Ward.objects.create(
            hospital_id=day.hospital.id,
            code="icu",
            name="Intensive care",
            ward_type="icu",
            department=Department.objects.get(code="inpatient"),
        )
        Bed.objects.create(hospital_id=day.hospital.id, ward=icu, code="A")


def transfer_url(day: BusyDay, patient: str) -> str:
    return reverse("ward:transfer", args=[admission_of(day, patient).id])


def test_a_patient_is_moved_once_and_the_stay_says_which_beds_there_were(day: BusyDay, nurse: Client) -> None:
    add_icu(day)
    url = transfer_url(day, "Kwame Mensah")
    assert "Beds of this stay" not in text_of(nurse.get(stay_url(day, "Kwame Mensah")))
    opened = nurse.get(url, headers=HTMX)
    assert 'label="Intensive care"' in opened.content.decode() and "from bed 1" in text_of(opened)
    sent = typed(opened.context["form"], bed_id=beds_of(day)["A"], reason="Needs monitoring")
    for _ in range(2):
        assert said(nurse.post(url, sent, headers=HTMX)) == "Kwame Mensah lies in bed A, Intensive care, now."
    page = text_of(nurse.get(stay_url(day, "Kwame Mensah")))
    assert "Beds of this stay" in page and "Needs monitoring" in page and "Intensive care" in page
    assert [stay.bed.code for stay in stays(day, "Kwame Mensah")] == ["1", "A"]


@pytest.mark.parametrize(
    ("bed", "moved_at", "says"),
    [
        ("1", "", "lies in this bed already"),
        ("2", "2026-03-02T16:00", "in the future"),
        ("2", "2026-03-02T09:00", "came into bed 1 later"),
        ("2", "0001-01-01T00:00", "came into bed 1 later"),
        ("2", "yesterday", "Enter a day and a time"),
        ("x", "", "Choose a free bed"),
    ],
)
def test_a_transfer_that_cannot_be_is_explained_at_its_field_and_keeps_what_was_typed(
    day: BusyDay, nurse: Client, bed: str, moved_at: str, says: str
) -> None:
    url = transfer_url(day, "Kwame Mensah")
    form = nurse.get(url, headers=HTMX).context["form"]
    sent = typed(form, bed_id=beds_of(day).get(bed, bed), moved_at=moved_at, reason="Closer to the door")
    refused = nurse.post(url, sent, headers=HTMX)
    assert refused.status_code == 422 and says in text_of(refused)
    assert "Closer to the door" in refused.content.decode()
    assert len(stays(day, "Kwame Mensah")) == 1
