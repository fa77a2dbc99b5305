"""Substitutes at their own price, returns at the price that was charged; what was paid stays the patient's."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from django.db import IntegrityError
from django.db.models import F

from almoner.catalog.models import Service, TariffLine
from almoner.charging.models import ChargeItem
from almoner.kernel.errors import Conflict, DomainError, IdempotencyMismatch
from almoner.ledger.queries import account_total
from almoner.orders.operations import Medication, prescribe
from almoner.service_points.pharmacy.models import (
    Batch,
    Dispensing,
    MedicationReturn,
    StockMovement,
    Substitution,
)
from almoner.service_points.pharmacy.operations import dispense, receive, substitute, take_back
from tests.support.hospital import (
    NOON,
    PRICES_START,
    TestHospital,
    TestPatient,
    change_configuration,
    enforce,
    make_hospital,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def hospital() -> TestHospital:
    """Amoxicillin at 0.50 may be replaced by a generic at 0.40, or by a branded one at 0.90."""
    hospital = make_hospital()
    enforce(hospital, "department", "pharmacy", payment_enforcement="strict")
    with hospital.transaction():
        for code, price in (("generic", 40), ("branded", 90)):
            made = Service.objects.create(
                hospital_id=hospital.id,
                code=code,
                name=code.title(),
                kind="medication",
                department_id=hospital.departments["pharmacy"],
            )
            TariffLine.objects.create(
                hospital_id=hospital.id, service=made, price_minor=price, starts_on=PRICES_START
            )
        Service.objects.filter(code="amoxicillin").update(substitutes=["generic", "branded"])
        change_configuration(hospital)
    return hospital


@pytest.fixture
def patient(hospital: TestHospital) -> TestPatient:
    return hospital.patient()


@pytest.fixture
def order(hospital: TestHospital, patient: TestPatient) -> UUID:
    placed = prescribe(
        hospital.id,
        encounter_id=hospital.encounter(patient).id,
        medications=[Medication("amoxicillin", Decimal(20))],
        idempotency_key="rx",
        actor=hospital.actor,
        at=NOON,
    )
    return placed.order.id


def replace(
    hospital: TestHospital, order: UUID, service: str = "generic", key: str = "s", **more: str
) -> Substitution:
    return substitute(
        hospital.id,
        order,
        line=1,
        service=service,
        reason="out of stock",
        idempotency_key=key,
        actor=hospital.actor,
        at=NOON + timedelta(hours=1),
        **more,
    )


def hand_out(hospital: TestHospital, order: UUID, quantity: int, key: str = "d") -> Dispensing:
    passage = dispense(
        hospital.id,
        order,
        quantities={1: Decimal(quantity)},
        idempotency_key=key,
        actor=hospital.actor,
        at=NOON + timedelta(hours=2),
    )
    assert passage.result is not None, passage.decision.reason
    return passage.result[0]


def bring_back(
    hospital: TestHospital, dispensing: Dispensing, quantity: int, *, sealed: bool = True, key: str = "b"
) -> MedicationReturn:
    return take_back(
        hospital.id,
        dispensing.id,
        quantity=Decimal(quantity),
        is_sealed=sealed,
        reason="not needed any more",
        idempotency_key=key,
        actor=hospital.actor,
        at=NOON + timedelta(hours=3),
    )


def stock(hospital: TestHospital, service: str, number: str, quantity: int = 100, days: int = 400) -> None:
    receive(
        hospital.id,
        store="pharmacy",
        service=service,
        batch_number=number,
        expires_on=NOON.date() + timedelta(days=days),
        quantity=Decimal(quantity),
        idempotency_key=f"r:{number}",
        actor=hospital.actor,
        at=NOON,
    )


def money(hospital: TestHospital, patient: TestPatient) -> tuple[int, int, int]:
    """What the patient owes, what is held as a deposit, and the revenue."""
    balance = hospital.balance(patient)
    assert balance is not None
    with hospital.transaction():
        return balance.receivable_minor, balance.deposit_minor, -account_total("revenue")


def test_a_substitute_is_charged_at_its_own_price_of_that_day_and_handed_out(
    hospital: TestHospital, patient: TestPatient, order: UUID
) -> None:
    hospital.pay(patient, 1000)
    replace(hospital, order)
    assert money(hospital, patient) == (0, 200, 0)
    stock(hospital, "generic", "G1")
    handed_out = hand_out(hospital, order, 20)
    assert handed_out.service.code == "generic"
    assert money(hospital, patient) == (0, 200, 800)
    with hospital.transaction():
        assert Batch.objects.get(number="G1").on_hand == 80


def test_a_dearer_substitute_is_held_until_the_difference_is_paid(
    hospital: TestHospital, patient: TestPatient, order: UUID
) -> None:
    hospital.pay(patient, 1000)
    replace(hospital, order, "branded")
    passage = dispense(hospital.id, order, idempotency_key="d", actor=hospital.actor, at=NOON)
    assert not passage.went_ahead and passage.decision.due_minor == 800
    hospital.pay(patient, 800)
    assert hand_out(hospital, order, 20).quantity == 20
    assert money(hospital, patient) == (0, 0, 1800)


def test_only_the_rest_is_substituted_and_may_be_changed_back(
    hospital: TestHospital, patient: TestPatient, order: UUID
) -> None:
    hospital.pay(patient, 1000)
    hand_out(hospital, order, 5, "d1")
    replace(hospital, order)
    hand_out(hospital, order, 5, "d2")
    replace(hospital, order, "amoxicillin", "back")
    hand_out(hospital, order, 10, "d3")
    assert money(hospital, patient)[2] == 5 * 50 + 5 * 40 + 10 * 50
    with pytest.raises(Conflict, match="handed out already"):
        replace(hospital, order, key="late")


def test_of_substitutions_at_the_same_instant_the_last_one_counts(
    hospital: TestHospital, patient: TestPatient, order: UUID
) -> None:
    hospital.pay(patient, 2000, excess="deposit")
    for number, service in enumerate(["generic", "branded", "amoxicillin", "generic", "branded", "generic"]):
        replace(hospital, order, service, f"change-{number}")
    assert hand_out(hospital, order, 20).service.code == "generic"
    assert money(hospital, patient) == (0, 1200, 800)


def test_a_substitution_sent_twice_is_made_once(hospital: TestHospital, order: UUID) -> None:
    assert replace(hospital, order).id == replace(hospital, order).id
    with pytest.raises(IdempotencyMismatch):
        replace(hospital, order, "branded")
    with hospital.transaction():
        assert ChargeItem.objects.filter(order_id=order, status="billable").count() == 1


def test_only_an_allowed_substitute_with_the_consent_that_is_asked_for(
    hospital: TestHospital, order: UUID
) -> None:
    with pytest.raises(DomainError) as refused:
        replace(hospital, order, "vitamins")
    assert refused.value.field == "service" and "branded, generic" in refused.value.message
    with hospital.transaction():
        Service.objects.filter(code="amoxicillin").update(flags=["substitution_needs_consent"])
    with pytest.raises(DomainError) as refused:
        replace(hospital, order)
    assert refused.value.field == "consented_by"
    assert replace(hospital, order, consented_by="Dr. Okafor").consented_by == "Dr. Okafor"


def test_what_comes_back_is_credited_at_its_price_and_what_was_paid_is_a_deposit(
    hospital: TestHospital, patient: TestPatient, order: UUID
) -> None:
    hospital.pay(patient, 1000)
    stock(hospital, "amoxicillin", "A1")
    handed_out = hand_out(hospital, order, 20)
    with hospital.transaction():
        TariffLine.objects.filter(service__code="amoxicillin").update(price_minor=F("price_minor") * 3)
        change_configuration(hospital)
    assert bring_back(hospital, handed_out, 6).credited_minor == 300
    assert bring_back(hospital, handed_out, 6).credited_minor == 300
    assert money(hospital, patient) == (0, 300, 700)
    with hospital.transaction():
        assert Batch.objects.get().on_hand == 86
    assert bring_back(hospital, handed_out, 14, key="rest").credited_minor == 700
    assert money(hospital, patient) == (0, 1000, 0)


def test_what_was_not_paid_is_simply_not_owed_any_more(
    hospital: TestHospital, patient: TestPatient, order: UUID
) -> None:
    enforce(hospital, "department", "pharmacy", payment_enforcement="flexible")
    bring_back(hospital, hand_out(hospital, order, 20), 5)
    assert money(hospital, patient) == (750, 0, 750)


@pytest.mark.parametrize(("sealed", "days"), [(False, 400), (True, 0)])
def test_what_is_open_or_has_expired_meanwhile_is_disposed_of(
    hospital: TestHospital, patient: TestPatient, order: UUID, sealed: bool, days: int
) -> None:
    hospital.pay(patient, 1000)
    stock(hospital, "amoxicillin", "A1", days=days)
    handed_out = hand_out(hospital, order, 20)
    take_back(
        hospital.id,
        handed_out.id,
        quantity=Decimal(4),
        is_sealed=sealed,
        reason="allergy",
        idempotency_key="b",
        actor=hospital.actor,
        at=NOON + timedelta(days=1),
    )
    with hospital.transaction():
        kinds = list(StockMovement.objects.order_by("id").values_list("kind", flat=True))
        assert kinds == ["received", "dispensed", "returned", "disposed"]
        assert Batch.objects.get().on_hand == 80


def test_no_more_comes_back_than_went_out_of_each_batch(
    hospital: TestHospital, patient: TestPatient, order: UUID
) -> None:
    hospital.pay(patient, 1000)
    stock(hospital, "amoxicillin", "A1", 15, 100)
    stock(hospital, "amoxicillin", "A2")
    handed_out = hand_out(hospital, order, 20)
    with pytest.raises(DomainError) as refused:
        bring_back(hospital, handed_out, 1)
    assert refused.value.field == "batch_id"
    with hospital.transaction():
        second = Batch.objects.get(number="A2").id

    def of_second(quantity: int, key: str) -> None:
        take_back(
            hospital.id,
            handed_out.id,
            quantity=Decimal(quantity),
            is_sealed=True,
            reason="x",
            batch_id=second,
            idempotency_key=key,
            actor=hospital.actor,
            at=NOON,
        )

    of_second(3, "b1")
    with pytest.raises(DomainError) as refused:
        of_second(3, "b2")
    assert refused.value.field == "quantity" and "At most 2" in refused.value.message
    with pytest.raises(IntegrityError, match="more comes back"), hospital.transaction():
        MedicationReturn.objects.create(
            hospital_id=hospital.id,
            dispensing=handed_out,
            batch_id=second,
            quantity=3,
            is_sealed=True,
            reason="x",
            credited_minor=0,
            returned_at=NOON,
            returned_by="x",
        )
