"""The figures of the first page."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from almoner.hospitals.models import Hospital
from almoner.payments.operations import void_payment
from almoner.reports.day import Day, period_of, read_day
from almoner.service_points.consultation import operations as consultation
from tests.support.day import AT, BusyDay, make_busy_day

pytestmark = pytest.mark.django_db


@pytest.fixture
def busy() -> BusyDay:
    return make_busy_day()


def read(day: BusyDay, *, at: datetime = AT, on: date | None = None, words: str = "") -> Day:
    return read_day(Hospital.objects.get(id=day.hospital.id), on or at.date(), at=at, words=words)


def test_who_is_here_and_who_has_left(busy: BusyDay) -> None:
    day = read(busy)
    assert (day.visits_total, day.visits_open) == (11, 9)
    visits = {visit.patient_name: visit for visit in day.visits}
    assert not visits["Wei Chen"].is_open(AT)
    assert visits["Jane Smith"].last_event == "Laboratory test processed"
    assert visits["Kwame Mensah"].bed == "General ward · 1"
    assert visits["Ana Ortiz"].bed == ""


def test_what_is_held_with_amount_reason_and_options(busy: BusyDay) -> None:
    held = {step.visit.patient_name: step for step in read(busy).held_now}
    assert {name: step.due_minor for name, step in held.items()} == {
        "Maria Silva": 7500,
        "John Doe": 6500,
        "Ana Ortiz": 20000,
    }
    assert held["John Doe"].reason == "Payment required: $65.00 for this order."
    assert held["John Doe"].order_number.startswith("LAB-")
    assert [option.code for option in held["Maria Silva"].options][:2] == ["pay", "deposit"]
    assert held["Maria Silva"].held_at == AT - timedelta(minutes=17)


def test_who_paid_since_can_go_ahead_and_stands_last(busy: BusyDay) -> None:
    last = read(busy).held[-1]
    assert (last.visit.patient_name, last.released, last.due_minor) == ("Samuel Osei", True, 0)


def test_a_step_that_went_ahead_is_no_longer_listed(busy: BusyDay) -> None:
    consultation.start(busy.hospital.id, busy.visits["Samuel Osei"].id, actor=busy.hospital.actor, at=AT)
    assert "Samuel Osei" not in {step.visit.patient_name for step in read(busy).held}


def test_what_was_collected_by_method_less_what_went_back(busy: BusyDay) -> None:
    collected = read(busy).collected
    assert {t.method: (t.received_minor, t.returned_minor, t.payments) for t in collected.by_method} == {
        "mobile_money": (30000, 0, 1),
        "cash": (21500, 7500, 3),
        "card": (7500, 0, 1),
    }
    assert collected.net_minor == sum(collected.by_hour) == 51500


def test_a_void_counts_when_it_happens(busy: BusyDay) -> None:
    patient = busy.hospital.patient("Two Days")
    paid = busy.hospital.pay(patient, 1000, excess="deposit", at=AT - timedelta(days=1))
    void_payment(
        busy.hospital.id,
        paid.payment_id,
        reason="Typed twice",
        idempotency_key="void",
        actor=busy.hospital.actor,
        at=AT,
    )
    assert read(busy, on=AT.date() - timedelta(days=1)).collected.net_minor == 1000
    assert read(busy).collected.net_minor == 51500 - 1000


def test_what_waits_to_be_done(busy: BusyDay) -> None:
    waiting = read(busy).waiting
    assert (waiting.test_orders, waiting.prescriptions, waiting.admissions_without_bed) == (1, 1, 1)
    assert (waiting.beds, waiting.beds_taken) == (2, 1)


def test_every_patient_shown_has_a_billing_status(busy: BusyDay) -> None:
    day = read(busy)
    assert {visit.patient_id for visit in day.visits} == set(day.statuses)
    assert day.statuses[busy.patients["John Doe"].id].outstanding_minor == 14000


def test_a_search_narrows_the_visits_and_not_the_figures(busy: BusyDay) -> None:
    day = read(busy, words="JOHN doe")
    assert [visit.patient_name for visit in day.visits] == ["John Doe"]
    assert (day.visits_matching, day.visits_total, len(day.held_now)) == (1, 11, 3)
    assert read(busy, words="emergency").visits_matching == 1
    assert read(busy, words=busy.visits["John Doe"].number).visits_matching == 1


def test_a_stay_is_on_the_page_of_every_day_until_discharge(busy: BusyDay) -> None:
    tomorrow = read(busy, at=AT + timedelta(days=5))
    assert {visit.patient_name for visit in tomorrow.visits} == {"Ana Ortiz", "Kwame Mensah"}


def test_a_day_gone_by_shows_its_decisions_as_they_were_recorded(busy: BusyDay) -> None:
    day = read(busy, at=AT + timedelta(days=1), on=AT.date())
    assert not day.is_today
    maria = next(step for step in day.held if step.visit.patient_name == "Maria Silva")
    assert (maria.due_minor, maria.options, maria.released) == (7500, (), False)


def test_the_number_of_statements_does_not_grow_with_the_patients(
    busy: BusyDay, django_assert_num_queries: Any
) -> None:
    """Savepoint, hospital, visits, held, their answers now, statuses, money, waiting, release."""
    hospital = Hospital.objects.get(id=busy.hospital.id)
    read_day(hospital, AT.date(), at=AT)
    for number in range(5):
        busy.hospital.encounter(busy.hospital.patient(f"Patient {number}"), started_at=AT)
    with django_assert_num_queries(9):
        read_day(hospital, AT.date(), at=AT)


def test_days_have_23_24_or_25_hours_in_the_hospital_s_zone() -> None:
    def hours(day: date) -> float:
        period = period_of(day, "Europe/Berlin")
        return (period.ends_at - period.starts_at) / timedelta(hours=1)

    assert [hours(date(2026, 3, day)) for day in (28, 29, 30)] == [24, 23, 24]
    assert hours(date(2026, 10, 25)) == 25
    assert period_of(date(2026, 3, 30), "Asia/Kolkata").starts_at == datetime(2026, 3, 29, 18, 30, tzinfo=UTC)
