"""Fifty at once: one event per key, never more than a charge's amount allocated, numbers without a gap."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.db import connections

from almoner.charging import operations as charging
from almoner.charging.models import ChargeItem, ClinicalEvent
from almoner.kernel.errors import Conflict
from almoner.payments import operations as payments
from almoner.payments.models import Payment
from almoner.reports.verify import check_books
from almoner.reports.verify.snapshot import snapshot
from tests.support.hospital import NOON, TEST_ORDERED, TestHospital, TestPatient, make_hospital

CLIENTS = 50


def all_at_once(action: Callable[[int], Any]) -> list[Any]:
    """What ``action`` returned or raised for each of the clients; every one has a connection of its own."""
    start = threading.Barrier(CLIENTS)

    def run(number: int) -> Any:
        try:
            connections["default"].ensure_connection()
            start.wait(timeout=60)
            return action(number)
        except Conflict as conflict:
            return conflict
        finally:
            connections.close_all()

    with ThreadPoolExecutor(CLIENTS) as pool:
        return list(pool.map(run, range(CLIENTS)))


def refused(outcomes: list[Any]) -> Counter[str]:
    """How many were refused, by code."""
    return Counter(outcome.code for outcome in outcomes if isinstance(outcome, Conflict))


def assert_clean(hospital: TestHospital) -> None:
    with snapshot(hospital.id) as cursor:
        assert [found for result in check_books(cursor) for found in result.findings] == []


@pytest.fixture
def hospital(committed: None) -> TestHospital:
    return make_hospital()


@pytest.fixture
def patient(hospital: TestHospital) -> TestPatient:
    return hospital.patient()


@pytest.fixture
def charge(hospital: TestHospital, patient: TestPatient) -> UUID:
    """A charge of 3000."""
    item_id: UUID = hospital.capture(TEST_ORDERED, "blood_count", patient=patient).items[0]["id"]
    return item_id


def test_captures_with_one_key_make_one_event(hospital: TestHospital, patient: TestPatient) -> None:
    outcomes = all_at_once(
        lambda _: hospital.capture(
            TEST_ORDERED, "blood_count", "lipid_panel", patient=patient, key="the only one"
        )
    )
    assert len({outcome.event_id for outcome in outcomes}) == 1
    assert Counter(outcome.replayed for outcome in outcomes) == {False: 1, True: CLIENTS - 1}
    with hospital.transaction():
        assert ClinicalEvent.objects.count() == 1
        assert ChargeItem.objects.count() == 2
    assert hospital.balance(patient).receivable_minor == 6500
    assert_clean(hospital)


def test_payments_of_one_charge_are_taken_once_and_then_refused(
    hospital: TestHospital, patient: TestPatient, charge: UUID
) -> None:
    outcomes = all_at_once(lambda _: hospital.pay(patient, 3000, shares=[(charge, 3000)]))
    assert refused(outcomes) == {"charge_item_overpaid": CLIENTS - 1}
    assert hospital.open_minor(charge) == 0
    with hospital.transaction():
        assert Payment.objects.count() == 1
    assert_clean(hospital)


def test_small_payments_of_one_charge_stop_at_its_amount(
    hospital: TestHospital, patient: TestPatient, charge: UUID
) -> None:
    outcomes = all_at_once(lambda _: hospital.pay(patient, 400))
    assert refused(outcomes) == {"exceeds_outstanding": CLIENTS - 7}
    assert hospital.open_minor(charge) == 200
    assert_clean(hospital)


def test_payments_of_one_charge_are_kept_as_deposits_when_asked_so(
    hospital: TestHospital, patient: TestPatient, charge: UUID
) -> None:
    outcomes = all_at_once(lambda _: hospital.pay(patient, 3000, excess="deposit"))
    assert sorted(outcome.unallocated_minor for outcome in outcomes) == [0] + [3000] * (CLIENTS - 1)
    assert sorted(int(outcome.receipt[-6:]) for outcome in outcomes) == list(range(1, CLIENTS + 1))
    balance = hospital.balance(patient)
    assert (balance.receivable_minor, balance.deposit_minor) == (0, 3000 * (CLIENTS - 1))
    assert_clean(hospital)


def test_payments_with_one_key_are_one_payment(
    hospital: TestHospital, patient: TestPatient, charge: UUID
) -> None:
    outcomes = all_at_once(lambda _: hospital.pay(patient, 3000, key="the only one"))
    assert len({outcome.payment_id for outcome in outcomes}) == 1
    assert Counter(outcome.replayed for outcome in outcomes) == {False: 1, True: CLIENTS - 1}
    assert_clean(hospital)


def test_refunds_of_one_payment_stop_at_its_amount(
    hospital: TestHospital, patient: TestPatient, charge: UUID
) -> None:
    payment_id = hospital.pay(patient, 5000, excess="deposit").payment_id
    outcomes = all_at_once(
        lambda number: payments.refund_payment(
            hospital.id,
            payment_id,
            amount_minor=1000,
            reason="asked for",
            idempotency_key=f"refund-{number}",
            actor=hospital.actor,
            at=NOON,
        )
    )
    assert refused(outcomes) == {"exceeds_payment": CLIENTS - 5}
    assert hospital.open_minor(charge) == 3000
    assert_clean(hospital)


def test_a_deposit_is_applied_once(hospital: TestHospital, patient: TestPatient, charge: UUID) -> None:
    hospital.pay(patient, 3000 + 2000, shares=[(charge, 3000)], excess="deposit")
    hospital.capture(TEST_ORDERED, "blood_count", patient=patient)
    outcomes = all_at_once(
        lambda number: payments.apply_deposits(
            hospital.id,
            patient.account_id,
            idempotency_key=f"deposit-{number}",
            actor=hospital.actor,
            at=NOON,
        )
    )
    assert Counter(outcomes) == {2000: 1, 0: CLIENTS - 1}
    assert_clean(hospital)


def test_a_charge_is_either_delivered_before_it_is_taken_back_or_not_at_all(
    hospital: TestHospital, patient: TestPatient
) -> None:
    for _ in range(5):
        item_id: UUID = hospital.capture(TEST_ORDERED, "blood_count", patient=patient).items[0]["id"]

        def race(number: int, item_id: UUID = item_id) -> object:
            if number % 2:
                return hospital.deliver([item_id])
            return payments.cancel_charge(hospital.id, item_id, actor=hospital.actor, at=NOON)

        outcomes = all_at_once(race)
        assert refused(outcomes) == {"charge_ended": CLIENTS // 2 - 1}
    assert_clean(hospital)


def test_a_charge_is_corrected_once_by_those_who_correct_it_at_once(
    hospital: TestHospital, patient: TestPatient, charge: UUID
) -> None:
    def revise(number: int) -> object:
        with hospital.transaction():
            return charging.revise(charge, quantity=Decimal(number + 2), actor=hospital.actor, at=NOON)

    outcomes = all_at_once(revise)
    assert refused(outcomes).total() == CLIENTS - 1
    with hospital.transaction():
        assert sorted(ChargeItem.objects.values_list("status", flat=True)) == ["billable", "cancelled"]
    assert_clean(hospital)
