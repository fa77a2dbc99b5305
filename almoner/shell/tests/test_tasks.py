"""The background worker's work, done right here."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

import pytest
from django.core import mail

from almoner.charging.models import ChargeItem
from almoner.hospitals.models import Bed
from almoner.identity import audit
from almoner.identity.models import AuditBlock
from almoner.kernel.actor import system
from almoner.kernel.clock import now
from almoner.kernel.tenancy import transaction
from almoner.messaging.models import Message
from almoner.messaging.operations import set_contact, set_rules
from almoner.messaging.rules import MessagingRules
from almoner.orders.operations import admit
from almoner.patients.operations import register_patient
from almoner.payments.operations import record_payment
from almoner.service_points.checkin.operations import check_in
from almoner.service_points.ward import operations as ward
from almoner.shell import tasks
from almoner.shell.simulation.hospitals import new_hospital

STAFF = system("test")

pytestmark = pytest.mark.usefixtures("committed")


def _in_bed_since(days_ago: int) -> tuple[UUID, UUID]:
    """A hospital and an admission to its general ward, in a bed since then; the first day is paid."""
    at = now() - timedelta(days=days_ago)
    hospital = new_hospital(actor=STAFF, at=at - timedelta(days=1))
    patient = register_patient(hospital.id, name="John Doe", actor=STAFF, at=at)
    visit = check_in(
        hospital.id,
        patient_id=patient.patient.id,
        department="general_medicine",
        idempotency_key="visit",
        actor=STAFF,
        at=at,
    )
    admission = admit(
        hospital.id,
        encounter_id=visit.encounter.id,
        ward="general",
        idempotency_key="admission",
        actor=STAFF,
        at=at,
    ).order
    record_payment(
        hospital.id,
        patient_account_id=patient.account.id,
        method="cash",
        amount_minor=23000,
        currency="USD",
        cash_point="main",
        excess="deposit",
        idempotency_key="advance",
        actor=STAFF,
        at=at,
    )
    with transaction(hospital.id):
        bed = Bed.objects.filter(ward__code="general").earliest("code")
    given = ward.assign_bed(hospital.id, admission.id, bed_id=bed.id, actor=STAFF, at=at)
    assert given.result is not None
    return hospital.id, admission.id


def _days(hospital_id: UUID, admission_id: UUID) -> list[date]:
    with transaction(hospital_id):
        items = ChargeItem.objects.filter(order_id=admission_id, charge_type="daily", status="billable")
        return list(items.order_by("service_date").values_list("service_date", flat=True))


def test_every_day_in_bed_is_charged_once_however_often_the_job_runs() -> None:
    hospital_id, admission_id = _in_bed_since(days_ago=2)
    tasks.charge_ward_time_of(hospital_id)
    tasks.charge_ward_time_of(hospital_id)
    days = _days(hospital_id, admission_id)
    assert len(days) == 3 and len(set(days)) == 3
    assert days[-1] - days[0] == timedelta(days=2)


def test_the_audit_trail_is_sealed_to_its_end() -> None:
    hospital_id, _ = _in_bed_since(days_ago=0)
    with transaction(hospital_id):
        audit.record("test.done", actor=STAFF, at=now(), subject_kind="test")
    tasks.seal_audit_trail(hospital_id)
    assert audit.seal(hospital_id, at=now()) == 0
    with transaction(hospital_id):
        assert AuditBlock.objects.exists()


def test_work_that_fails_keeps_nobody_else_waiting_and_is_told_at_the_end() -> None:
    done = []

    def work(number: int) -> None:
        if number == 2:
            raise ValueError("two is broken")
        done.append(number)

    with pytest.raises(tasks.WorkFailed, match="1 could not be done"):
        tasks._for_each([1, 2, 3], work)
    assert done == [1, 3]


def test_reminders_are_written_and_sent_by_the_jobs() -> None:
    at = now() - timedelta(days=10)
    hospital = new_hospital(actor=STAFF, at=at)
    patient = register_patient(hospital.id, name="John Doe", actor=STAFF, at=at).patient
    set_contact(hospital.id, patient.id, phone="", email="john@example.org", language="", actor=STAFF, at=at)
    set_rules(hospital.id, MessagingRules(), actor=STAFF, at=at)
    check_in(
        hospital.id,
        patient_id=patient.id,
        department="general_medicine",
        idempotency_key="visit",
        actor=STAFF,
        at=at,
    )
    for _ in range(2):
        tasks.remind_patients_of(hospital.id)
        tasks.send_messages_of(hospital.id)
    with transaction(hospital.id):
        assert [(one.kind, one.state, one.attempts) for one in Message.objects.all()] == [
            ("balance.overdue", "sent", 1)
        ]
    assert [one.to for one in mail.outbox] == [["john@example.org"]]
