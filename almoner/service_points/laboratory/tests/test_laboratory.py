"""The laboratory sees an order at once, and what is in it only once it is released."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta

import pytest

from almoner.charging.models import ChargeItem
from almoner.enforcement.rules import Outcome
from almoner.kernel.errors import Conflict
from almoner.orders.models import TestOrder
from almoner.orders.operations import Placed, cancel_order, order_tests
from almoner.patients.models import Encounter
from almoner.service_points.laboratory import operations, queries
from tests.support.hospital import NOON, TestHospital, TestPatient, enforce, make_hospital

pytestmark = pytest.mark.django_db


@pytest.fixture
def hospital() -> TestHospital:
    hospital = make_hospital()
    enforce(hospital, "department", "laboratory", payment_enforcement="strict")
    return hospital


@pytest.fixture
def patient(hospital: TestHospital) -> TestPatient:
    return hospital.patient("Grace Hopper")


@pytest.fixture
def encounter(hospital: TestHospital, patient: TestPatient) -> Encounter:
    return hospital.encounter(patient)


def _order(hospital: TestHospital, encounter: Encounter, key: str = "order") -> Placed[TestOrder]:
    return order_tests(
        hospital.id,
        encounter_id=encounter.id,
        services=["blood_count", "lipid_panel"],
        idempotency_key=key,
        actor=hospital.actor,
        at=NOON,
    )


def test_an_order_is_taken_unpaid_and_its_tests_are_charged(
    hospital: TestHospital, encounter: Encounter
) -> None:
    placed = _order(hospital, encounter)
    assert placed.captured.total_minor == 6500
    assert placed.order.number == "LAB-1"


def test_before_payment_nothing_but_patient_number_and_amount_is_seen(
    hospital: TestHospital, encounter: Encounter
) -> None:
    placed = _order(hospital, encounter)
    [seen] = queries.work_list(hospital.id, at=NOON)
    assert seen.title == "Grace Hopper - Lab Order LAB-1 - Payment required: $65.00 for this order."
    shown = str(asdict(seen)).lower()
    for word in ("blood", "lipid", "blood_count", "lipid_panel"):
        assert word not in shown
    assert str(placed.order.id) in shown


def test_processing_is_held_and_nothing_is_done(hospital: TestHospital, encounter: Encounter) -> None:
    placed = _order(hospital, encounter)
    passage = operations.process(hospital.id, placed.order.id, actor=hospital.actor, at=NOON)
    assert passage.decision.outcome is Outcome.HELD and passage.result is None
    with hospital.transaction():
        assert not ChargeItem.objects.exclude(delivered_at=None).exists()
        line = placed.order.lines.first()
    with pytest.raises(Conflict):
        operations.enter_result(hospital.id, line.id, value="5.1", actor=hospital.actor, at=NOON)


def test_after_payment_the_tests_are_seen_processed_and_reported(
    hospital: TestHospital, patient: TestPatient, encounter: Encounter
) -> None:
    placed = _order(hospital, encounter)
    hospital.pay(patient, 6500)
    [seen] = queries.work_list(hospital.id, at=NOON)
    assert seen.title == "Grace Hopper - Blood count, Lipid panel"
    passage = operations.process(hospital.id, placed.order.id, actor=hospital.actor, at=NOON)
    assert passage.went_ahead
    operations.enter_result(
        hospital.id, seen.tests[0].order_line_id, value="5.1", unit="10^9/L", actor=hospital.actor, at=NOON
    )
    done = queries.laboratory_order(hospital.id, placed.order.id, at=NOON)
    entered = done.values[0].entered
    assert entered is not None and (done.is_processed, entered.value, entered.unit) == (True, "5.1", "10^9/L")
    assert queries.work_list(hospital.id, at=NOON) == []


def test_details_may_be_shown_while_processing_is_held(hospital: TestHospital, encounter: Encounter) -> None:
    enforce(hospital, "department", "laboratory", payment_enforcement="strict", hide_test_details="disabled")
    placed = _order(hospital, encounter)
    [seen] = queries.work_list(hospital.id, at=NOON)
    assert not seen.details_hidden and not seen.decision.may_proceed
    assert not operations.process(hospital.id, placed.order.id, actor=hospital.actor, at=NOON).went_ahead


def test_an_urgent_order_is_deferred_where_the_policy_is_moderate(
    hospital: TestHospital, encounter: Encounter
) -> None:
    enforce(hospital, "department", "laboratory", payment_enforcement="moderate", deferral_hours=24)
    placed = order_tests(
        hospital.id,
        encounter_id=encounter.id,
        services=["blood_count"],
        priority="stat",
        idempotency_key="stat",
        actor=hospital.actor,
        at=NOON,
    )
    passage = operations.process(hospital.id, placed.order.id, actor=hospital.actor, at=NOON)
    assert passage.decision.outcome is Outcome.DEFERRED
    assert passage.decision.until == NOON + timedelta(hours=24)


def test_ordering_again_with_the_same_key_finds_the_first_order(
    hospital: TestHospital, encounter: Encounter
) -> None:
    first, again = _order(hospital, encounter), _order(hospital, encounter)
    assert first.order.id == again.order.id and again.captured.replayed
    with hospital.transaction():
        assert ChargeItem.objects.count() == 2


def test_a_cancelled_order_gives_its_money_back_as_a_deposit(
    hospital: TestHospital, patient: TestPatient, encounter: Encounter
) -> None:
    placed = _order(hospital, encounter)
    hospital.pay(patient, 6500)
    cancel_order(
        hospital.id, TestOrder, placed.order.id, reason="wrong patient", actor=hospital.actor, at=NOON
    )
    balance = hospital.balance(patient)
    assert balance is not None
    assert (balance.receivable_minor, balance.deposit_minor) == (0, 6500)
    with pytest.raises(Conflict, match="cancelled"):
        operations.process(hospital.id, placed.order.id, actor=hospital.actor, at=NOON)


def test_a_processed_order_is_not_cancelled(
    hospital: TestHospital, patient: TestPatient, encounter: Encounter
) -> None:
    placed = _order(hospital, encounter)
    hospital.pay(patient, 6500)
    operations.process(hospital.id, placed.order.id, actor=hospital.actor, at=NOON)
    with pytest.raises(Conflict, match="delivered"):
        cancel_order(hospital.id, TestOrder, placed.order.id, reason="x", actor=hospital.actor, at=NOON)
