"""Capturing events: once each, whole or not at all, and every refusal names its field."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest
from django.db import connections

from almoner.catalog.models import TariffLine
from almoner.charging.models import ChargeItem, ChargeRule, ClinicalEvent
from almoner.charging.operations import MAXIMUM_BATCH, cancel, capture, capture_batch
from almoner.charging.rules import Event, EventLine
from almoner.hospitals.models import Hospital
from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict, DomainError, IdempotencyMismatch, PermissionRefused
from almoner.kernel.ids import new_id
from almoner.ledger.models import JournalEntry, Posting
from almoner.patients.merging import merge_patients
from almoner.patients.models import Encounter
from almoner.patients.operations import close_encounter
from tests.support.hospital import (
    NOON,
    SERVICE_PROVIDED,
    TEST_ORDERED,
    TestHospital,
    TestPatient,
    make_hospital,
)

LATER = NOON + timedelta(minutes=10)
LINES = (EventLine("blood_count"), EventLine("lipid_panel"))


@pytest.fixture
def hospital(db: None) -> TestHospital:
    return make_hospital()


@pytest.fixture
def patient(hospital: TestHospital) -> TestPatient:
    return hospital.patient()


def ordered(patient_id: UUID | None, key: str = "key", **changes: Any) -> Event:
    return replace(Event(TEST_ORDERED, key, patient_id=patient_id, lines=LINES), **changes)


def written(hospital: TestHospital) -> tuple[int, ...]:
    """How many rows of each kind the hospital's books hold."""
    with hospital.transaction():
        return tuple(model.objects.count() for model in (ClinicalEvent, ChargeItem, JournalEntry, Posting))


def set_version(hospital: TestHospital, version: int) -> None:
    Hospital.objects.filter(id=hospital.id).update(configuration_version=version)


def add_rule(hospital: TestHospital, **columns: Any) -> None:
    with hospital.transaction():
        ChargeRule.objects.create(hospital_id=hospital.id, **columns)
    set_version(hospital, 1)


def test_an_event_is_written_with_its_charges_and_one_entry(
    hospital: TestHospital, patient: TestPatient
) -> None:
    captured = capture(hospital.id, ordered(patient.id), actor=hospital.actor, at=NOON)
    assert (captured.patient_id, captured.patient_account_id) == (patient.id, patient.account_id)
    assert [(item["service"], item["net_minor"], item["status"]) for item in captured.items] == [
        ("blood_count", 3000, "billable"),
        ("lipid_panel", 3500, "billable"),
    ]
    assert captured.total_minor == 6500 and not captured.replayed
    assert written(hospital) == (1, 2, 1, 4)


def test_a_replay_returns_what_the_first_request_made(hospital: TestHospital, patient: TestPatient) -> None:
    first = capture(hospital.id, ordered(patient.id), actor=hospital.actor, at=NOON)
    before = written(hospital)
    again = capture(hospital.id, ordered(patient.id), actor=hospital.actor, at=LATER)
    assert again.replayed and again.event_id == first.event_id
    assert {item["id"] for item in again.items} == {item["id"] for item in first.items}
    assert again.total_minor == first.total_minor
    assert written(hospital) == before


def test_a_replay_keeps_its_price_when_the_tariff_changed(
    hospital: TestHospital, patient: TestPatient
) -> None:
    first = capture(hospital.id, ordered(patient.id), actor=hospital.actor, at=NOON)
    with hospital.transaction():
        TariffLine.objects.update(price_minor=9999)
    set_version(hospital, 1)
    again = capture(hospital.id, ordered(patient.id), actor=hospital.actor, at=LATER)
    other = capture(hospital.id, ordered(patient.id, "other"), actor=hospital.actor, at=LATER)
    assert again.total_minor == first.total_minor == 6500
    assert other.total_minor == 2 * 9999
    assert {item["configuration_version"] for item in _stored(hospital, other.event_id)} == {1}


def _stored(hospital: TestHospital, event_id: UUID) -> list[dict[str, Any]]:
    with hospital.transaction():
        return list(ChargeItem.objects.filter(event=event_id).values())


def test_the_same_key_with_other_content_is_refused(hospital: TestHospital, patient: TestPatient) -> None:
    capture(hospital.id, ordered(patient.id), actor=hospital.actor, at=NOON)
    before = written(hospital)
    changed = ordered(patient.id, lines=LINES[:1])
    with pytest.raises(IdempotencyMismatch) as refusal:
        capture(hospital.id, changed, actor=hospital.actor, at=NOON)
    assert (refusal.value.field, refusal.value.status) == ("idempotency_key", 409)
    assert written(hospital) == before


def test_two_hospitals_may_use_the_same_key(committed: None) -> None:
    one, two = make_hospital(), make_hospital()
    first = capture(one.id, ordered(one.patient().id), actor=one.actor, at=NOON)
    second = capture(two.id, ordered(two.patient().id), actor=two.actor, at=NOON)
    assert first.event_id != second.event_id and not second.replayed


Change = Callable[[TestHospital, Event], Event]
REFUSALS: dict[str, tuple[Change, str, str]] = {
    "an unknown kind": (
        lambda hospital, event: replace(event, kind="tooth.fairy_paid"),
        "kind",
        "unknown_event_kind",
    ),
    "an unknown service": (
        lambda hospital, event: replace(event, lines=(LINES[0], EventLine("nothing"))),
        "lines[1].service",
        "unknown_service",
    ),
    "a negative quantity": (
        lambda hospital, event: replace(event, lines=(EventLine("blood_count", Decimal(-1)),)),
        "lines[0].quantity",
        "invalid_quantity",
    ),
    "an absurd quantity": (
        lambda hospital, event: replace(event, lines=(EventLine("blood_count", Decimal(10**9)),)),
        "lines[0].quantity",
        "invalid_quantity",
    ),
    "an unknown patient": (
        lambda hospital, event: replace(event, patient_id=new_id()),
        "patient_id",
        "unknown_patient",
    ),
    "a patient of another hospital": (
        lambda hospital, event: replace(event, patient_id=make_hospital().patient().id),
        "patient_id",
        "unknown_patient",
    ),
    "an unknown encounter": (
        lambda hospital, event: replace(event, encounter_id=new_id()),
        "encounter_id",
        "unknown_encounter",
    ),
    "an encounter of another patient": (
        lambda hospital, event: replace(event, encounter_id=hospital.encounter(hospital.patient()).id),
        "encounter_id",
        "encounter_of_other_patient",
    ),
    "nobody": (
        lambda hospital, event: replace(event, patient_id=None),
        "patient_id",
        "patient_missing",
    ),
    "the future": (
        lambda hospital, event: replace(event, occurred_at=NOON + timedelta(minutes=6)),
        "occurred_at",
        "event_in_future",
    ),
    "no key": (
        lambda hospital, event: replace(event, idempotency_key=""),
        "idempotency_key",
        "invalid_idempotency_key",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_cannot_be_is_refused_by_field_and_nothing_is_written(
    hospital: TestHospital, patient: TestPatient, name: str
) -> None:
    change, field, code = REFUSALS[name]
    event = change(hospital, ordered(patient.id))
    with pytest.raises(DomainError) as refusal:
        capture(hospital.id, event, actor=hospital.actor, at=NOON)
    assert (refusal.value.field, refusal.value.code) == (field, code)
    assert refusal.value.message
    assert written(hospital) == (0, 0, 0, 0)


@pytest.mark.parametrize("name", [name for name in REFUSALS if name != "no key"])
def test_one_bad_event_refuses_the_batch_and_says_which(
    hospital: TestHospital, patient: TestPatient, name: str
) -> None:
    change, field, code = REFUSALS[name]
    bad = change(hospital, ordered(patient.id, "bad"))
    events = [ordered(patient.id, "good"), bad, ordered(patient.id, "also good")]
    with pytest.raises(DomainError) as refusal:
        capture_batch(hospital.id, events, actor=hospital.actor, at=NOON)
    assert (refusal.value.field, refusal.value.code) == (f"events[1].{field}", code)
    assert written(hospital) == (0, 0, 0, 0)


def test_a_clock_that_is_a_little_fast_is_forgiven(hospital: TestHospital, patient: TestPatient) -> None:
    event = ordered(patient.id, occurred_at=NOON + timedelta(minutes=5))
    assert not capture(hospital.id, event, actor=hospital.actor, at=NOON).replayed


def test_an_unknown_hospital_is_refused(hospital: TestHospital, patient: TestPatient) -> None:
    with pytest.raises(DomainError) as refusal:
        capture(new_id(), ordered(patient.id), actor=hospital.actor, at=NOON)
    assert refusal.value.code in ("unknown_hospital", "unknown_patient")


def test_capturing_needs_its_permission(hospital: TestHospital, patient: TestPatient) -> None:
    with pytest.raises(PermissionRefused):
        capture(hospital.id, ordered(patient.id), actor=Actor("user:visitor"), at=NOON)
    assert written(hospital) == (0, 0, 0, 0)


def test_an_event_before_the_tariff_begins_is_unpriced_and_never_free(
    hospital: TestHospital, patient: TestPatient
) -> None:
    event = ordered(patient.id, occurred_at=NOON - timedelta(days=365))
    captured = capture(hospital.id, event, actor=hospital.actor, at=NOON)
    assert [(item["status"], item["net_minor"]) for item in captured.items] == [("unpriced", None)] * 2
    assert captured.total_minor == 0
    assert written(hospital) == (1, 2, 0, 0)
    with hospital.transaction():
        work_list = ChargeItem.objects.filter(status="unpriced", service_date=date(2025, 3, 2))
        assert work_list.count() == 2


def test_an_event_after_the_discharge_is_captured_and_marked(
    hospital: TestHospital, patient: TestPatient
) -> None:
    encounter = hospital.encounter(patient)
    close_encounter(hospital.id, encounter.id, actor=hospital.actor, at=NOON)
    late = ordered(None, "late", encounter_id=encounter.id)
    captured = capture(hospital.id, late, actor=hospital.actor, at=LATER)
    (imported,) = capture_batch(
        hospital.id, [replace(late, idempotency_key="old")], actor=hospital.actor, at=LATER, historical=True
    )
    with hospital.transaction():
        assert ClinicalEvent.objects.get(id=captured.event_id).after_discharge
        assert not ClinicalEvent.objects.get(id=imported.event_id).after_discharge
    assert captured.total_minor == 6500


@pytest.mark.parametrize("names_the_visit", [False, True])
def test_an_event_of_a_merged_patient_goes_to_the_survivor(
    hospital: TestHospital, patient: TestPatient, names_the_visit: bool
) -> None:
    duplicate = hospital.patient("Ada B.")
    visit: Encounter = hospital.encounter(duplicate)
    merge_patients(
        hospital.id, duplicate_id=duplicate.id, survivor_id=patient.id, actor=hospital.actor, at=NOON
    )
    event = ordered(duplicate.id, encounter_id=visit.id if names_the_visit else None)
    captured = capture(hospital.id, event, actor=hospital.actor, at=LATER)
    assert captured.patient_id == patient.id
    with hospital.transaction():
        assert ClinicalEvent.objects.get().patient_id == patient.id


class Overtaken:
    """Stands in for the writing statement: a new configuration is loaded just before it, ``times`` times."""

    def __init__(self, hospital: TestHospital, times: int, monkeypatch: pytest.MonkeyPatch) -> None:
        module = sys.modules[capture.__module__]
        self.hospital, self.times, self.calls, self.write = hospital, times, 0, module._write  # type: ignore[attr-defined]
        monkeypatch.setattr(module, "_write", self)

    def __call__(self, *arguments: Any) -> Any:
        self.calls += 1
        if self.calls <= self.times:
            with self.hospital.transaction():
                TariffLine.objects.update(price_minor=1000 * self.calls)
            set_version(self.hospital, 100 + self.calls)
        return self.write(*arguments)


def test_prices_that_change_while_capturing_are_read_again(
    hospital: TestHospital, patient: TestPatient, monkeypatch: pytest.MonkeyPatch
) -> None:
    capture(hospital.id, ordered(patient.id, "warm"), actor=hospital.actor, at=NOON)
    overtaken = Overtaken(hospital, 1, monkeypatch)
    captured = capture(hospital.id, ordered(patient.id), actor=hospital.actor, at=NOON)
    assert overtaken.calls == 2
    assert captured.total_minor == 2000
    assert {item["configuration_version"] for item in _stored(hospital, captured.event_id)} == {101}


def test_prices_that_change_again_refuse_the_capture(
    hospital: TestHospital, patient: TestPatient, monkeypatch: pytest.MonkeyPatch
) -> None:
    overtaken = Overtaken(hospital, 2, monkeypatch)
    with pytest.raises(Conflict) as refusal:
        capture(hospital.id, ordered(patient.id), actor=hospital.actor, at=NOON)
    assert (refusal.value.code, overtaken.calls) == ("configuration_changed", 2)
    assert written(hospital) == (0, 0, 0, 0)


@pytest.mark.parametrize("size", [0, MAXIMUM_BATCH + 1])
def test_a_batch_of_an_impossible_size_is_refused(
    hospital: TestHospital, patient: TestPatient, size: int
) -> None:
    with pytest.raises(DomainError) as refusal:
        capture_batch(
            hospital.id,
            [ordered(patient.id, str(number)) for number in range(size)],
            actor=hospital.actor,
            at=NOON,
        )
    assert (refusal.value.field, refusal.value.code) == ("events", "invalid_batch")


def test_a_key_that_stands_twice_in_a_batch_is_refused(hospital: TestHospital, patient: TestPatient) -> None:
    with pytest.raises(DomainError) as refusal:
        capture_batch(hospital.id, [ordered(patient.id)] * 2, actor=hospital.actor, at=NOON)
    assert (refusal.value.field, refusal.value.code) == ("events[1].idempotency_key", "duplicate_key")
    assert written(hospital) == (0, 0, 0, 0)


def test_a_batch_adds_only_what_is_new(hospital: TestHospital, patient: TestPatient) -> None:
    first = capture(hospital.id, ordered(patient.id, "one"), actor=hospital.actor, at=NOON)
    events = [ordered(patient.id, key) for key in ("one", "two", "three")]
    outcome = capture_batch(hospital.id, events, actor=hospital.actor, at=LATER)
    assert [captured.replayed for captured in outcome] == [True, False, False]
    assert outcome[0].event_id == first.event_id
    assert written(hospital) == (3, 6, 3, 12)
    again = capture_batch(hospital.id, events, actor=hospital.actor, at=LATER)
    assert [captured.event_id for captured in again] == [captured.event_id for captured in outcome]
    assert all(captured.replayed for captured in again)
    assert written(hospital) == (3, 6, 3, 12)


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one after the other"])
@pytest.mark.parametrize("once_per", ["patient", "encounter"])
def test_a_fee_that_is_charged_once_is_charged_once(
    hospital: TestHospital, patient: TestPatient, once_per: str, together: bool
) -> None:
    add_rule(
        hospital, code="registration", event_kind="patient.checked_in", service="bandage", once_per=once_per
    )
    visit = hospital.encounter(patient)
    events = [Event("patient.checked_in", str(number), encounter_id=visit.id) for number in range(2)]
    if together:
        outcome = capture_batch(hospital.id, events, actor=hospital.actor, at=NOON)
    else:
        outcome = [capture(hospital.id, event, actor=hospital.actor, at=NOON) for event in events]
    assert [captured.total_minor for captured in outcome] == [1100, 0]


@pytest.mark.parametrize("once_per", ["patient", "encounter"])
def test_a_fee_that_somebody_else_charged_meanwhile_is_not_charged_again(
    hospital: TestHospital, patient: TestPatient, once_per: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_rule(
        hospital, code="registration", event_kind="patient.checked_in", service="bandage", once_per=once_per
    )
    visit = hospital.encounter(patient)
    hospital.capture(SERVICE_PROVIDED, "consultation", patient=patient)
    module = sys.modules[capture.__module__]
    write = module._write  # type: ignore[attr-defined]

    def write_second(*arguments: Any) -> Any:
        monkeypatch.setattr(module, "_write", write)
        first = hospital.capture("patient.checked_in", encounter=visit)
        assert first.total_minor == 1100
        return write(*arguments)

    monkeypatch.setattr(module, "_write", write_second)
    second = hospital.capture("patient.checked_in", encounter=visit)
    assert second.total_minor == 0 and not second.replayed
    assert hospital.capture("patient.checked_in", encounter=visit).total_minor == 0


@pytest.mark.parametrize("charged_to", ["the survivor", "the duplicate"])
def test_a_fee_that_either_of_two_merged_records_was_charged_is_not_charged_again(
    hospital: TestHospital, patient: TestPatient, charged_to: str
) -> None:
    add_rule(
        hospital, code="registration", event_kind="patient.checked_in", service="bandage", once_per="patient"
    )
    duplicate = hospital.patient("Ada B.")
    first = patient if charged_to == "the survivor" else duplicate
    assert hospital.capture("patient.checked_in", patient=first).total_minor == 1100
    merge_patients(
        hospital.id, duplicate_id=duplicate.id, survivor_id=patient.id, actor=hospital.actor, at=NOON
    )
    assert hospital.capture("patient.checked_in", patient=patient).total_minor == 0


def test_a_fee_is_not_charged_again_when_the_records_are_merged_while_it_is_captured(
    hospital: TestHospital, patient: TestPatient, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_rule(
        hospital, code="registration", event_kind="patient.checked_in", service="bandage", once_per="patient"
    )
    duplicate = hospital.patient("Ada B.")
    hospital.capture("patient.checked_in", patient=duplicate)
    module = sys.modules[capture.__module__]
    write = module._write  # type: ignore[attr-defined]

    def merge_first(*arguments: Any) -> Any:
        monkeypatch.setattr(module, "_write", write)
        merge_patients(
            hospital.id, duplicate_id=duplicate.id, survivor_id=patient.id, actor=hospital.actor, at=NOON
        )
        return write(*arguments)

    monkeypatch.setattr(module, "_write", merge_first)
    assert hospital.capture("patient.checked_in", patient=patient).total_minor == 0


def test_a_fee_that_is_charged_once_is_charged_once_by_requests_at_the_same_moment(committed: None) -> None:
    hospital = make_hospital()
    add_rule(
        hospital, code="registration", event_kind="patient.checked_in", service="bandage", once_per="patient"
    )
    visit = hospital.encounter(hospital.patient())
    together = Barrier(4)

    def check_in(number: int) -> int:
        try:
            together.wait()
            return hospital.capture("patient.checked_in", encounter=visit, key=str(number)).total_minor
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as threads:
        totals = list(threads.map(check_in, range(4)))
    assert sorted(totals) == [0, 0, 0, 1100]


def test_a_fee_that_is_charged_once_is_charged_again_when_it_was_taken_back(
    hospital: TestHospital, patient: TestPatient
) -> None:
    add_rule(
        hospital, code="registration", event_kind="patient.checked_in", service="bandage", once_per="patient"
    )
    visit = hospital.encounter(patient)
    first = hospital.capture("patient.checked_in", encounter=visit)
    with hospital.transaction():
        cancel(first.items[0]["id"], actor=hospital.actor, at=NOON)
    assert hospital.capture("patient.checked_in", encounter=visit).total_minor == 1100


def test_an_event_that_fulfils_a_step_delivers_what_was_charged_for_it(
    hospital: TestHospital, patient: TestPatient
) -> None:
    visit, order = hospital.encounter(patient), new_id()
    charged = hospital.capture(TEST_ORDERED, "blood_count", encounter=visit, order_id=order)
    hospital.capture(TEST_ORDERED, "lipid_panel", encounter=visit, order_id=new_id())
    hospital.capture("lab_test.processed", encounter=visit, order_id=order, at=LATER)
    with hospital.transaction():
        delivered = ChargeItem.objects.exclude(delivered_at=None)
        assert [(item.id, item.delivered_at) for item in delivered] == [(charged.items[0]["id"], LATER)]


def test_what_is_provided_is_delivered_at_once(hospital: TestHospital, patient: TestPatient) -> None:
    captured = hospital.capture(SERVICE_PROVIDED, "consultation", patient=patient)
    with hospital.transaction():
        assert ChargeItem.objects.get(event=captured.event_id).delivered_at == NOON
