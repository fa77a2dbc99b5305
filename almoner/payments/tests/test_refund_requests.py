"""Refunds above the hospital's limit: one asks, another approves, and no way around it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from django.db import IntegrityError
from django.db.transaction import atomic

from almoner.hospitals.models import Hospital
from almoner.kernel.actor import Actor
from almoner.kernel.errors import DomainError, IdempotencyMismatch
from almoner.kernel.ids import new_id
from almoner.payments import operations as payments
from almoner.payments.models import Refund, RefundRequest
from tests.support.hospital import NOON, TestHospital, TestPatient, make_hospital

pytestmark = pytest.mark.django_db
MAY_REFUND = frozenset({"payments.refund"})
ADA = Actor("user:ada@example.org", MAY_REFUND, user_id=new_id())
BEN = Actor("user:ben@example.org", MAY_REFUND, user_id=new_id())


@dataclass
class Office:
    """A hospital in which more than 20.00 given back takes two, and a payment of 75.00 by card."""

    hospital: TestHospital
    patient: TestPatient
    payment_id: UUID

    def refund(self, amount_minor: int, actor: Actor = ADA, **told: Any) -> Refund:
        return self._call(payments.refund_payment, amount_minor, actor, **told)

    def ask(self, amount_minor: int, actor: Actor = ADA, **told: Any) -> RefundRequest:
        return self._call(payments.request_refund, amount_minor, actor, **told)

    def _call(self, operation: Callable[..., Any], amount_minor: int, actor: Actor, **told: Any) -> Any:
        said = {"reason": "goodwill", "method": "card", "idempotency_key": f"key-{new_id()}", **told}
        return operation(
            self.hospital.id, self.payment_id, amount_minor=amount_minor, actor=actor, at=NOON, **said
        )

    def approve(self, request: RefundRequest, actor: Actor = BEN) -> Refund:
        return payments.approve_refund(self.hospital.id, request.id, actor=actor, at=NOON)

    @property
    def deposit_minor(self) -> int:
        balance = self.hospital.balance(self.patient)
        return balance.deposit_minor if balance else 0


@pytest.fixture
def office() -> Office:
    hospital = make_hospital()
    Hospital.objects.filter(id=hospital.id).update(refund_approval_above_minor=2000)
    patient = hospital.patient()
    paid = hospital.pay(patient, 7500, method="card", shares=None, excess="deposit", at=NOON)
    return Office(hospital, patient, paid.payment_id)


def refused(code: str, operation: Callable[[], object]) -> DomainError:
    with pytest.raises(DomainError) as caught:
        operation()
    assert caught.value.code == code
    return caught.value


def test_up_to_the_limit_one_gives_back_and_above_it_nobody_alone(office: Office) -> None:
    assert office.refund(2000).approved_by == ""
    error = refused("second_person_needed", lambda: office.refund(1))
    assert error.field == "amount_minor" and "$20.00" in error.message
    assert office.deposit_minor == 5500


def test_without_a_limit_nobody_is_asked(office: Office) -> None:
    Hospital.objects.filter(id=office.hospital.id).update(refund_approval_above_minor=None)
    assert office.refund(7500).amount_minor == 7500


def test_what_is_asked_for_moves_when_another_approves_it(office: Office) -> None:
    asked = office.ask(5000)
    assert office.deposit_minor == 7500
    refused("own_request", lambda: office.approve(asked, ADA))
    refund = office.approve(asked)
    assert (refund.amount_minor, refund.requested_by, refund.approved_by) == (5000, ADA.name, BEN.name)
    assert office.approve(asked) == refund and office.deposit_minor == 2500
    late = Actor("user:eve@example.org", MAY_REFUND, user_id=new_id())
    refused("refund_decided", lambda: office.approve(asked, late))


def test_the_database_knows_that_two_are_two(office: Office) -> None:
    asked = office.ask(5000)
    decided = {"decision": "approved", "decided_at": NOON}
    for who in ({"decided_by": ADA.name}, {"decided_by": "user:ada2@example.org", "decider_id": ADA.user_id}):
        with (
            office.hospital.transaction(),
            pytest.raises(IntegrityError, match="refund_decided_by_another"),
            atomic(),
        ):
            RefundRequest.objects.filter(id=asked.id).update(**decided, **who)


def test_a_request_is_made_once_and_only_for_what_is_held(office: Office) -> None:
    first = office.ask(5000, idempotency_key="once")
    assert office.ask(5000, idempotency_key="once") == first
    with pytest.raises(IdempotencyMismatch):
        office.ask(5001, idempotency_key="once")
    refused("refund_requested", lambda: office.ask(3000))
    payments.refuse_refund(office.hospital.id, first.id, reason="it was right", actor=BEN, at=NOON)
    assert office.deposit_minor == 7500
    refused("exceeds_payment", lambda: office.ask(7501))
    second = office.ask(7000)
    office.refund(1000)
    error = refused("exceeds_payment", lambda: office.approve(second))
    assert error.detail == {"refundable_minor": 6500}
    with office.hospital.transaction():
        assert RefundRequest.objects.get(id=second.id).decision == ""


def test_a_refund_that_one_may_not_give_is_asked_for_instead(office: Office) -> None:
    def give(amount_minor: int) -> Refund | RefundRequest:
        return office._call(payments.refund_or_ask, amount_minor, ADA, idempotency_key=f"give-{amount_minor}")

    assert isinstance(give(1500), Refund) and isinstance(give(1500), Refund)
    asked = give(600)
    assert isinstance(asked, RefundRequest) and give(600) == asked
