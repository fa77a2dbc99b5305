"""Who lies in a bed is told in time that the deposit runs low, and again only when it ends another day."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from almoner.messaging.models import Message
from almoner.messaging.outbox import write_reminders
from almoner.patients.models import Patient
from tests.support.day import AT, BusyDay
from tests.support.hospital import enforce


def told(day: BusyDay) -> list[Message]:
    written = write_reminders(day.hospital.id, at=AT)
    return [one for one in written if one.kind == "deposit.running_low"]


@pytest.mark.parametrize(
    ("reminders", "low", "count"), [("disabled", 9, 0), ("enabled", 0, 0), ("enabled", 9, 1)]
)
def test_a_deposit_that_runs_low_is_told_where_reminders_are_on(
    day: BusyDay, reminders: str, low: int, count: int
) -> None:
    enforce(day.hospital, "department", "inpatient", deposit_low_days=low, payment_reminders=reminders)
    patient = day.patients["Kwame Mensah"]
    with day.hospital.transaction():
        Patient.objects.filter(id=patient.id).update(email="kwame@example.org")
    found = told(day)
    assert [one.patient_id for one in found] == [patient.id] * count
    for one in found:
        assert (one.amount_minor, one.due_on) == (10000, date(2026, 3, 2))
        assert "$100.00 is left" in one.body and "Mar 2, 2026" in one.body
    assert told(day) == []


def test_what_was_added_to_a_deposit_is_waited_for(day: BusyDay) -> None:
    enforce(day.hospital, "department", "inpatient", deposit_low_days=2, payment_reminders="enabled")
    assert len(told(day)) == 1
    lying, patient = day.visits["Kwame Mensah"], day.patients["Kwame Mensah"]
    day.hospital.pay(patient, 700000, excess="deposit", encounter_id=lying.id, at=AT)
    later = AT + timedelta(days=1)
    written = write_reminders(day.hospital.id, at=later)
    assert [one for one in written if one.kind == "deposit.running_low"] == []
