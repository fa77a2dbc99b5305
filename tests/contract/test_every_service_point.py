"""The contract of a service point, run against every installed one and a sixth that only the tests have."""

from __future__ import annotations

import importlib
import re
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from almoner.charging.models import ChargeItem, ChargeRule
from almoner.charging.operations import capture
from almoner.charging.rules import Event
from almoner.enforcement import gate
from almoner.enforcement.facts import Subject
from almoner.enforcement.models import GateDecision, PaymentPolicy
from almoner.enforcement.operations import grant_override
from almoner.enforcement.rules import Outcome
from almoner.hospitals.models import Hospital
from almoner.kernel import service_points
from almoner.kernel.service_points import EventKind, ServicePointConfig, Step
from almoner.ledger.models import JournalEntry
from tests.support.hospital import NOON, TestHospital, make_hospital

POINTS = list(service_points.installed())
STEPS = [(point, step) for point in POINTS for step in point.steps]
KINDS = [(point, kind) for point in POINTS for kind in point.event_kinds]

for _point in POINTS:
    if _point.steps:
        importlib.import_module(f"{_point.name}.operations")


def _named(value: object) -> str:
    return str(getattr(value, "label", getattr(value, "name", value)))


def test_the_five_points_of_the_specification_and_the_dummy_are_installed() -> None:
    labels = {point.label for point in POINTS}
    assert labels >= {"checkin", "consultation", "laboratory", "pharmacy", "ward", "dummy_point"}


@pytest.mark.parametrize("point", POINTS, ids=_named)
def test_it_says_who_it_is(point: ServicePointConfig) -> None:
    assert point.title and point.url_prefix and point.event_kinds
    assert [other.url_prefix for other in POINTS].count(point.url_prefix) == 1


@pytest.mark.parametrize(("point", "kind"), KINDS, ids=_named)
def test_event_kinds_are_past_tense_unique_and_deliver_known_steps(
    point: ServicePointConfig, kind: EventKind
) -> None:
    assert re.fullmatch(r"[a-z_]+\.[a-z]*(ed|en)(_in|_out)?", kind.name)
    assert [other.name for _, other in KINDS].count(kind.name) == 1
    assert kind.delivers == "" or kind.delivers in {step.name for step in point.steps}


@pytest.mark.parametrize(("point", "step"), STEPS, ids=_named)
def test_every_step_is_guarded_by_an_operation_of_its_own_point(
    point: ServicePointConfig, step: Step
) -> None:
    assert gate.GUARDS[step.name].startswith(f"{point.name}.operations.")


@pytest.mark.parametrize("point", POINTS, ids=_named)
def test_its_charge_rules_name_its_own_events_and_known_steps(point: ServicePointConfig) -> None:
    for rule in point.charge_rules:
        assert rule.event_kind in {kind.name for kind in point.event_kinds}
        assert set(rule.required_at) <= set(service_points.steps())


@pytest.fixture
def hospital(db: None) -> TestHospital:
    return make_hospital()


def _charging_rule(hospital: TestHospital, kind: EventKind, step: Step | None) -> None:
    """Let ``kind`` charge a consultation's 7500 that ``step`` asks for, under a strict policy."""
    with hospital.transaction():
        ChargeRule.objects.create(
            hospital_id=hospital.id,
            code="contract",
            event_kind=kind.name,
            service="consultation",
            required_at=[step.name] if step else [],
        )
        PaymentPolicy.objects.create(
            hospital_id=hospital.id,
            scope="hospital",
            settings={"payment_enforcement": {"global_policy": "strict"}},
        )
        Hospital.objects.filter(id=hospital.id).update(configuration_version=2)


@pytest.mark.parametrize(("point", "kind"), KINDS, ids=_named)
def test_an_event_is_captured_once_with_its_charges_and_entry(
    hospital: TestHospital, point: ServicePointConfig, kind: EventKind
) -> None:
    _charging_rule(hospital, kind, None)
    encounter = hospital.encounter(hospital.patient())
    event = Event(kind=kind.name, idempotency_key="once", encounter_id=encounter.id)
    first = capture(hospital.id, event, actor=hospital.actor, at=NOON)
    again = capture(hospital.id, event, actor=hospital.actor, at=NOON + timedelta(minutes=1))
    assert (first.replayed, again.replayed) == (False, True)
    assert first.event_id == again.event_id and first.total_minor == again.total_minor == 7500
    with hospital.transaction():
        assert ChargeItem.objects.filter(event=first.event_id).count() == 1
        assert JournalEntry.objects.filter(source_id=first.event_id, kind="charge.captured").count() == 1


def _charged_for(hospital: TestHospital, point: ServicePointConfig, step: Step) -> tuple[UUID, Subject]:
    kind = next(kind for kind in point.event_kinds if kind.delivers != step.name)
    _charging_rule(hospital, kind, step)
    patient = hospital.patient()
    encounter = hospital.encounter(patient)
    hospital.capture(kind.name, encounter=encounter)
    return patient.account_id, Subject(encounter.id)


@pytest.mark.parametrize(("point", "step"), STEPS, ids=_named)
def test_a_step_is_held_until_paid_and_every_answer_is_stored(
    hospital: TestHospital, point: ServicePointConfig, step: Step
) -> None:
    account_id, subject = _charged_for(hospital, point, step)
    held, held_id = gate.check(hospital.id, step.name, subject, actor=hospital.actor, at=NOON)
    assert held.outcome is Outcome.HELD and held.due_minor == 7500
    assert "$75.00" in held.reason
    assert {option.code for option in held.options} >= {"pay", "override"}
    with hospital.transaction():
        stored = GateDecision.objects.get(id=held_id)
    assert stored.reason == held.reason and stored.facts["items"][0]["due_minor"] == 7500
    from almoner.payments.operations import record_payment

    record_payment(
        hospital.id,
        patient_account_id=account_id,
        method="cash",
        amount_minor=7500,
        currency="USD",
        cash_point=hospital.cash_point,
        idempotency_key="pay",
        actor=hospital.actor,
        at=NOON,
    )
    paid, _ = gate.check(hospital.id, step.name, subject, actor=hospital.actor, at=NOON)
    assert paid.outcome is Outcome.ALLOWED


@pytest.mark.parametrize(("point", "step"), STEPS, ids=_named)
def test_a_step_goes_ahead_under_an_override_and_is_held_again_when_it_ends(
    hospital: TestHospital, point: ServicePointConfig, step: Step
) -> None:
    _, subject = _charged_for(hospital, point, step)
    grant_override(
        hospital.id,
        step=step.name,
        subject=subject,
        reason="Chest pain, no wallet",
        expires_at=NOON + timedelta(hours=2),
        idempotency_key="override",
        actor=hospital.actor,
        at=NOON,
    )
    during, _ = gate.check(hospital.id, step.name, subject, actor=hospital.actor, at=NOON)
    after, _ = gate.check(hospital.id, step.name, subject, actor=hospital.actor, at=NOON + timedelta(hours=2))
    assert during.outcome is Outcome.OVERRIDDEN and "Chest pain" in during.reason
    assert after.outcome is Outcome.HELD


@pytest.mark.parametrize(
    ("point", "step"), [pair for pair in STEPS if not pair[1].settles_encounter], ids=_named
)
def test_an_emergency_is_never_held(hospital: TestHospital, point: ServicePointConfig, step: Step) -> None:
    kind = next(kind for kind in point.event_kinds if kind.delivers != step.name)
    _charging_rule(hospital, kind, step)
    encounter = hospital.encounter(hospital.patient(), triage_level=1)
    hospital.capture(kind.name, encounter=encounter)
    decision, _ = gate.check(hospital.id, step.name, Subject(encounter.id), actor=hospital.actor, at=NOON)
    assert decision.outcome is Outcome.OVERRIDDEN and decision.due_minor == 7500


def test_the_dummy_points_own_rule_charges_and_its_operation_is_held(hospital: TestHospital) -> None:
    from tests.contract.dummy_point.models import Scan
    from tests.contract.dummy_point.operations import take_scan

    with hospital.transaction():
        PaymentPolicy.objects.create(
            hospital_id=hospital.id,
            scope="hospital",
            settings={"payment_enforcement": {"global_policy": "strict"}},
        )
    patient = hospital.patient()
    encounter = hospital.encounter(patient)
    hospital.capture("scan.ordered", "bandage", encounter=encounter, quantity=Decimal(2))
    held = take_scan(hospital.id, encounter.id, actor=hospital.actor, at=NOON)
    assert not held.went_ahead and held.result is None and held.decision.due_minor == 2200
    with hospital.transaction():
        assert Scan.objects.count() == 0
    hospital.pay(patient, 2200)
    passed = take_scan(hospital.id, encounter.id, actor=hospital.actor, at=NOON)
    assert passed.went_ahead and passed.result is not None
    with hospital.transaction():
        assert ChargeItem.objects.get(encounter=encounter.id).delivered_at == NOON
