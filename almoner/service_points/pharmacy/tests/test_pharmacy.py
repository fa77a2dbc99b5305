"""Medication is charged when prescribed and delivered when dispensed, in whole or in part."""

from __future__ import annotations

from decimal import Decimal

import pytest

from almoner.charging.models import ChargeItem, ChargeRule
from almoner.kernel.errors import Conflict, DomainError
from almoner.ledger.queries import account_total
from almoner.orders.models import Prescription
from almoner.orders.operations import Medication, Placed, prescribe
from almoner.patients.models import Encounter
from almoner.service_points.pharmacy.operations import dispense
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
    enforce(hospital, "department", "pharmacy", payment_enforcement="strict")
    with hospital.transaction():
        ChargeRule.objects.create(
            hospital_id=hospital.id,
            code="dispensing_fee",
            event_kind="medication.prescribed",
            service="bandage",
            required_at=["pharmacy.dispense"],
        )
        change_configuration(hospital)
    return hospital


@pytest.fixture
def patient(hospital: TestHospital) -> TestPatient:
    return hospital.patient()


@pytest.fixture
def encounter(hospital: TestHospital, patient: TestPatient) -> Encounter:
    return hospital.encounter(patient)


def _prescribe(hospital: TestHospital, encounter: Encounter) -> Placed[Prescription]:
    return prescribe(
        hospital.id,
        encounter_id=encounter.id,
        medications=[Medication("amoxicillin", Decimal(20))],
        idempotency_key="rx",
        actor=hospital.actor,
        at=NOON,
    )


def _revenue(hospital: TestHospital) -> int:
    with hospital.transaction():
        return -account_total("revenue")


def test_medication_is_charged_by_quantity_with_the_dispensing_fee(
    hospital: TestHospital, encounter: Encounter
) -> None:
    placed = _prescribe(hospital, encounter)
    assert sorted(item["net_minor"] for item in placed.captured.items) == [1000, 1100]


def test_an_unpaid_prescription_is_on_hold(hospital: TestHospital, encounter: Encounter) -> None:
    placed = _prescribe(hospital, encounter)
    passage = dispense(hospital.id, placed.order.id, idempotency_key="d", actor=hospital.actor, at=NOON)
    assert not passage.went_ahead and passage.decision.due_minor == 2100
    assert _revenue(hospital) == 0


def test_a_paid_prescription_is_dispensed_in_whole(
    hospital: TestHospital, patient: TestPatient, encounter: Encounter
) -> None:
    placed = _prescribe(hospital, encounter)
    hospital.pay(patient, 2100)
    passage = dispense(hospital.id, placed.order.id, idempotency_key="d", actor=hospital.actor, at=NOON)
    assert passage.result is not None and passage.result[0].quantity == 20
    assert _revenue(hospital) == 2000
    with pytest.raises(Conflict, match="already"):
        dispense(hospital.id, placed.order.id, idempotency_key="d2", actor=hospital.actor, at=NOON)


def test_a_part_delivers_its_share_and_keeps_the_rest_charged_and_paid(
    hospital: TestHospital, patient: TestPatient, encounter: Encounter
) -> None:
    placed = _prescribe(hospital, encounter)
    hospital.pay(patient, 2100)
    dispense(
        hospital.id,
        placed.order.id,
        quantities={1: Decimal(12)},
        idempotency_key="d1",
        actor=hospital.actor,
        at=NOON,
    )
    assert _revenue(hospital) == 1000 + 600
    with hospital.transaction():
        rest = ChargeItem.objects.get(order_id=placed.order.id, status="billable", delivered_at=None)
    assert (rest.quantity, rest.net_minor, hospital.open_minor(rest.id)) == (8, 400, 0)
    balance = hospital.balance(patient)
    assert balance is not None and (balance.receivable_minor, balance.deposit_minor) == (0, 0)
    passage = dispense(hospital.id, placed.order.id, idempotency_key="d2", actor=hospital.actor, at=NOON)
    assert passage.result is not None and passage.result[0].quantity == 8
    assert _revenue(hospital) == 2000


def test_more_than_is_left_is_refused_by_line(
    hospital: TestHospital, patient: TestPatient, encounter: Encounter
) -> None:
    placed = _prescribe(hospital, encounter)
    hospital.pay(patient, 2100)
    with pytest.raises(DomainError) as refused:
        dispense(
            hospital.id,
            placed.order.id,
            quantities={1: Decimal(21)},
            idempotency_key="d",
            actor=hospital.actor,
            at=NOON,
        )
    assert refused.value.field == "quantities[1]" and "20 left" in refused.value.message
