"""An admission is always taken; the bed waits for the advance, a plan or an override; days are charged once."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

import pytest

from almoner.charging.models import ChargeItem, ChargeRule
from almoner.enforcement.facts import Subject
from almoner.enforcement.operations import grant_override
from almoner.enforcement.rules import Outcome
from almoner.hospitals.models import Bed
from almoner.identity.models import AuditRecord
from almoner.kernel.errors import Conflict
from almoner.orders.models import Admission
from almoner.orders.operations import Placed, admit
from almoner.patients.models import Encounter
from almoner.payments.operations import agree_plan
from almoner.payments.plans import Terms
from almoner.service_points.ward import operations
from almoner.service_points.ward.accrual import settle
from tests.support.hospital import (
    NOON,
    TestHospital,
    TestPatient,
    change_configuration,
    enforce,
    make_hospital,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def hospital() -> TestHospital:
    hospital = make_hospital()
    enforce(
        hospital,
        "department",
        "inpatient",
        payment_enforcement="strict",
        payment_plan_satisfies=True,
    )
    with hospital.transaction():
        ChargeRule.objects.create(
            hospital_id=hospital.id,
            code="room",
            event_kind="ward.admitted",
            service="bed_day",
            ward_type="general",
            charge_type="daily",
            planned=True,
            required_at=["bed.assign"],
        )
        change_configuration(hospital)
    return hospital


@pytest.fixture
def patient(hospital: TestHospital) -> TestPatient:
    return hospital.patient("John Doe")


@pytest.fixture
def encounter(hospital: TestHospital, patient: TestPatient) -> Encounter:
    return hospital.encounter(patient, "inpatient", encounter_class="inpatient")


@pytest.fixture
def admission(hospital: TestHospital, encounter: Encounter) -> Placed[Admission]:
    return admit(
        hospital.id,
        encounter_id=encounter.id,
        ward="general_ward",
        idempotency_key="admit",
        actor=hospital.actor,
        at=NOON,
    )


def _bed(hospital: TestHospital, code: str = "1") -> UUID:
    with hospital.transaction():
        return Bed.objects.get(code=code).id


def _assign(hospital: TestHospital, admission: Placed[Admission], bed: str = "1"):
    return operations.assign_bed(
        hospital.id, admission.order.id, bed_id=_bed(hospital, bed), actor=hospital.actor, at=NOON
    )


def test_admission_foresees_the_daily_charge_without_posting_it(
    hospital: TestHospital, patient: TestPatient, admission: Placed[Admission]
) -> None:
    assert [(item["status"], item["net_minor"]) for item in admission.captured.items] == [("planned", 20000)]
    assert hospital.balance(patient) is None


def test_the_bed_is_held_until_the_advance_is_taken_and_then_applied(
    hospital: TestHospital, patient: TestPatient, admission: Placed[Admission]
) -> None:
    held = _assign(hospital, admission)
    assert held.decision.outcome is Outcome.HELD
    assert held.decision.reason == "Payment required: $200.00 in advance for Bed day."
    hospital.pay(patient, 20000, excess="deposit")
    passage = _assign(hospital, admission)
    assert passage.went_ahead
    with hospital.transaction():
        item = ChargeItem.objects.get(order_id=admission.order.id)
    assert (item.status, item.service_period, item.delivered_at) == ("billable", "2026-03-02", NOON)
    balance = hospital.balance(patient)
    assert balance is not None and (balance.receivable_minor, balance.deposit_minor) == (0, 0)


def test_a_payment_plan_satisfies_the_bed(
    hospital: TestHospital, patient: TestPatient, encounter: Encounter, admission: Placed[Admission]
) -> None:
    agree_plan(
        hospital.id,
        patient_account_id=patient.account_id,
        encounter_id=encounter.id,
        total_minor=100000,
        terms=Terms(instalments=5, first_due_on=date(2026, 4, 1)),
        actor=hospital.actor,
        at=NOON,
    )
    assert _assign(hospital, admission).decision.reason_code == "plan"


def test_an_override_gives_the_bed_and_the_charge_accumulates(
    hospital: TestHospital, patient: TestPatient, encounter: Encounter, admission: Placed[Admission]
) -> None:
    grant_override(
        hospital.id,
        step="bed.assign",
        subject=Subject(encounter.id, admission.order.id),
        reason="Cannot stand",
        expires_at=NOON + timedelta(hours=1),
        idempotency_key="o",
        actor=hospital.actor,
        at=NOON,
    )
    assert _assign(hospital, admission).decision.outcome is Outcome.OVERRIDDEN
    balance = hospital.balance(patient)
    assert balance is not None and balance.receivable_minor == 20000


def test_a_bed_holds_one_patient(hospital: TestHospital, admission: Placed[Admission]) -> None:
    other = hospital.patient("Jane Smith")
    second = admit(
        hospital.id,
        encounter_id=hospital.encounter(other, "inpatient").id,
        ward="general_ward",
        idempotency_key="admit-2",
        actor=hospital.actor,
        at=NOON,
    )
    enforce(hospital, "department", "inpatient", payment_enforcement="none")
    assert _assign(hospital, admission).went_ahead
    with pytest.raises(Conflict, match="taken"):
        _assign(hospital, second)
    assert _assign(hospital, second, "2").went_ahead


def test_every_local_date_begun_in_the_bed_is_charged_once(
    hospital: TestHospital, patient: TestPatient, admission: Placed[Admission]
) -> None:
    enforce(hospital, "department", "inpatient", payment_enforcement="none")
    _assign(hospital, admission)
    later = NOON + timedelta(days=3)
    first = settle(hospital.id, admission.order.id, actor=hospital.actor, at=later)
    again = settle(hospital.id, admission.order.id, actor=hospital.actor, at=later)
    assert [item.service_period for item in first] == ["2026-03-03", "2026-03-04", "2026-03-05"]
    assert again == []
    balance = hospital.balance(patient)
    assert balance is not None and balance.receivable_minor == 4 * 20000


def test_discharge_asks_for_an_arrangement_but_lets_the_patient_go(
    hospital: TestHospital, patient: TestPatient, encounter: Encounter, admission: Placed[Admission]
) -> None:
    enforce(hospital, "department", "inpatient", payment_enforcement="none")
    _assign(hospital, admission)
    held = operations.discharge(hospital.id, admission.order.id, actor=hospital.actor, at=NOON)
    assert held.decision.outcome is Outcome.HELD and held.decision.due_minor == 20000
    left = operations.discharge_with_exception(
        hospital.id,
        admission.order.id,
        exception="Leaves against advice",
        actor=hospital.actor,
        at=NOON,
    )
    assert left.went_ahead and left.result is not None and left.result.discharged_at == NOON
    with hospital.transaction():
        assert AuditRecord.objects.filter(action="override.exception_recorded").count() == 1
    balance = hospital.balance(patient)
    assert balance is not None and balance.receivable_minor == 20000


def test_a_paid_stay_is_discharged_and_frees_the_bed(
    hospital: TestHospital, patient: TestPatient, admission: Placed[Admission]
) -> None:
    hospital.pay(patient, 20000, excess="deposit")
    _assign(hospital, admission)
    assert operations.discharge(hospital.id, admission.order.id, actor=hospital.actor, at=NOON).went_ahead
    with hospital.transaction():
        assert not operations.BedStay.objects.filter(ended_at=None).exists()
