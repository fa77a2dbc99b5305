"""A preview decides as the gate would have: whatever the facts, and whatever the policy."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from almoner.enforcement.facts import Subject, policies_at
from almoner.enforcement.gate import check
from almoner.enforcement.models import GateDecision
from almoner.enforcement.policy import Policies, read_policies
from almoner.enforcement.preview import preview
from almoner.kernel.ids import new_id
from almoner.patients.models import Encounter
from tests.support.hospital import NOON, TestHospital, enforce, make_hospital

WIDE = (NOON - timedelta(days=400), NOON + timedelta(days=400))
STEP = "laboratory.process"


def ask(hospital: TestHospital, subject: Subject, *, later: timedelta = timedelta(0)) -> None:
    check(hospital.id, STEP, subject, actor=hospital.actor, at=NOON + later)


def charged(
    hospital: TestHospital,
    at: datetime = NOON,
    *,
    paid_minor: int = 0,
    deposit_minor: int = 0,
    **fields: str,
) -> Subject:
    """An order of a blood count, $30.00, that the laboratory is asked about; some of it paid, with a deposit besides."""
    patient, order_id = hospital.patient(), new_id()
    encounter = hospital.encounter(patient)
    captured = hospital.capture(
        "lab_test.ordered", "blood_count", encounter=encounter, order_id=order_id, at=at, **fields
    )
    if paid_minor:
        hospital.pay(patient, paid_minor, shares=[(captured.items[0]["id"], paid_minor)], at=at)
    if deposit_minor:
        hospital.pay(patient, deposit_minor, shares=[], excess="deposit", at=at)
    return Subject(encounter.id, order_id)


def level(word: str, **more: object) -> Policies:
    return read_policies(
        0, [("hospital", "", {"payment_enforcement": {"global_policy": word}, "gate": more})]
    )


@pytest.mark.django_db
def test_the_policies_in_force_change_nothing() -> None:
    hospital = make_hospital()
    for word in ("strict", "moderate", "flexible", "emergency_only"):
        enforce(hospital, "hospital", payment_enforcement={"global_policy": word})
        since = NOON + timedelta(days=["strict", "moderate", "flexible", "emergency_only"].index(word))
        subject = charged(hospital)
        check(hospital.id, STEP, subject, actor=hospital.actor, at=since)
        with hospital.transaction():
            version = GateDecision.objects.latest("decided_at").configuration_version
        seen = preview(hospital.id, policies_at(hospital.id, version), since=since, until=since)
        assert (seen.decisions, dict(seen.changes)) == (1, {}), word


@pytest.mark.django_db
def test_a_service_counts_once_by_its_first_answer() -> None:
    hospital = make_hospital()
    enforce(hospital, "hospital", payment_enforcement={"global_policy": "flexible"})
    subject = charged(hospital)
    for minutes in range(3):
        ask(hospital, subject, later=timedelta(minutes=minutes))
    seen = preview(hospital.id, level("strict"), since=WIDE[0], until=WIDE[1])
    assert (seen.decisions, seen.services) == (3, 1)
    assert (seen.total.newly_held, seen.total.earlier_minor) == (1, 3000)
    assert dict(seen.changes) == {("reminded", "held"): 1}
    assert set(seen.by_place) == {("cardiology", "laboratory")}
    back = preview(hospital.id, level("none"), since=WIDE[0], until=WIDE[1])
    assert dict(back.changes) == {("reminded", "allowed"): 1} and back.total.newly_released == 0


@pytest.mark.django_db
def test_a_preview_of_critical_conditions_finds_whom_they_would_have_released() -> None:
    hospital = make_hospital()
    enforce(hospital, "hospital", payment_enforcement={"global_policy": "strict"})
    for reason in ("Chest pain since noon", "Headache"):
        subject = charged(hospital)
        with hospital.transaction():
            Encounter.objects.filter(id=subject.encounter_id).update(reason=reason)
        ask(hospital, subject)
    seen = preview(
        hospital.id, level("strict", critical_conditions=["chest_pain"]), since=WIDE[0], until=WIDE[1]
    )
    assert dict(seen.changes) == {("held", "overridden"): 1} and seen.total.later_minor == 3000


@pytest.mark.django_db
def test_only_decisions_of_the_days_asked_for_are_replayed() -> None:
    hospital = make_hospital()
    ask(hospital, charged(hospital))
    ask(hospital, charged(hospital), later=timedelta(days=3))
    since = NOON + timedelta(days=2)
    assert preview(hospital.id, level("strict"), since=since, until=WIDE[1]).decisions == 1


@pytest.mark.django_db
def test_a_replayed_decision_is_the_one_the_gate_would_have_made() -> None:
    """Ages rounded to the limits of time, and amounts left out where nothing is held against them, change no answer:
    the gate is asked under the policy that is replayed."""
    hospital = make_hospital()
    days = itertools.count(1)

    @settings(max_examples=60, deadline=None)
    @given(
        word=st.sampled_from(["strict", "moderate", "flexible", "emergency_only"]),
        deferral_hours=st.sampled_from([0, 1, 24]),
        defer=st.sampled_from([["routine"], ["stat"]]),
        limit_minor=st.sampled_from([None, 2999, 10**9]),
        grace=st.sampled_from([0, 1]),
        priority=st.sampled_from(["routine", "stat"]),
        seconds=st.sampled_from([0, 1, 3599, 3600, 3601, 86399, 86400, 86401]),
        part=st.sampled_from([None, 50]),
        paid_minor=st.sampled_from([0, 1, 1500, 3000]),
        deposit_minor=st.sampled_from([0, 0, 1499, 1500, 3000]),
    )
    def replay(
        word: str,
        deferral_hours: int,
        defer: list[str],
        limit_minor: int | None,
        grace: int,
        priority: str,
        seconds: int,
        part: int | None,
        paid_minor: int,
        deposit_minor: int,
    ) -> None:
        gate: dict[str, object] = {"deferral_hours": deferral_hours, "defer": defer}
        if limit_minor is not None:
            gate["deferral_limit_minor"] = limit_minor
        if part is not None:
            gate["minimum_part_percent"] = part
        block = {"global_policy": word, "grace_periods": grace}
        enforce(hospital, "hospital", payment_enforcement=block, gate=gate)
        began = NOON + timedelta(days=10 * next(days))
        at = began + timedelta(seconds=seconds)
        paid = {"paid_minor": paid_minor, "deposit_minor": deposit_minor}
        check(
            hospital.id,
            STEP,
            charged(hospital, began, priority=priority, **paid),
            actor=hospital.actor,
            at=at,
        )
        policies = read_policies(0, [("hospital", "", {"payment_enforcement": block, "gate": gate})])
        seen = preview(hospital.id, policies, since=at, until=at)
        assert (seen.decisions, dict(seen.changes)) == (1, {})

    replay()
