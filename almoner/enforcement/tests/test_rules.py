"""What holds of every decision, whatever the policy and the facts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from almoner.enforcement.policy import Level, OverrideRule, Policies, Settings
from almoner.enforcement.rules import DueItem, Facts, Outcome, OverrideInForce, decide
from almoner.kernel.ids import new_id
from tests.support.hospital import NOON

HARDNESS = [Outcome.ALLOWED, Outcome.REMINDED, Outcome.DEFERRED, Outcome.HELD]
SOFTEST_FIRST = [Level.NONE, Level.FLEXIBLE, Level.MODERATE, Level.STRICT]

maybe = st.none() | st.booleans()
settings = st.builds(
    Settings,
    level=st.none() | st.sampled_from(Level),
    override=st.none() | st.sampled_from(OverrideRule),
    blocking=maybe,
    grace_days=st.none() | st.integers(0, 30),
    plan_offered=maybe,
    plan_satisfies=maybe,
    deposit_satisfies=maybe,
    deferral_hours=st.none() | st.integers(0, 100),
    deferral_limit_minor=st.none() | st.integers(0, 20_000),
    critical_triage=st.none() | st.integers(1, 5),
    critical_conditions=st.none() | st.just(("chest_pain",)),
    critical_condition_triage=st.none() | st.integers(1, 5),
    arrangement_at_discharge=maybe,
)
policies = st.builds(
    Policies,
    st.just(1),
    settings,
    st.dictionaries(st.sampled_from(["cardiology", "pharmacy"]), settings),
    st.dictionaries(st.sampled_from(["consultation", "aspirin"]), settings),
)
items = st.builds(
    DueItem,
    st.builds(new_id),
    service=st.sampled_from(["consultation", "aspirin"]),
    name=st.sampled_from(["Consultation", "Aspirin"]),
    department=st.sampled_from(["", "cardiology", "pharmacy"]),
    net_minor=st.just(10_000),
    due_minor=st.none() | st.integers(0, 10_000),
    due_at=st.integers(-200, 200).map(lambda hours: NOON + timedelta(hours=hours)),
    priority=st.sampled_from(["routine", "urgent", "stat"]),
    request_type=st.sampled_from(["first", "follow_up", "maintenance", "elective"]),
    planned=st.booleans(),
)
overrides = st.builds(
    OverrideInForce,
    st.builds(new_id),
    st.just("user:ada"),
    st.just("chest pain"),
    st.integers(-5, 5).map(lambda hours: NOON + timedelta(hours=hours)),
)
facts = st.builds(
    Facts,
    step=st.just("consultation.start"),
    currency=st.just("USD"),
    items=st.lists(items, max_size=3).map(tuple),
    department=st.just("cardiology"),
    department_kind=st.sampled_from(["specialist", "emergency"]),
    encounter_class=st.sampled_from(["ambulatory", "emergency", "inpatient"]),
    triage_level=st.none() | st.integers(1, 5),
    conditions=st.just(()) | st.just(("Chest pain",)),
    outstanding_minor=st.integers(0, 30_000),
    deposit_minor=st.integers(0, 20_000),
    plan_status=st.sampled_from(["", "on_track", "behind", "completed"]),
    overrides=st.lists(overrides, max_size=1).map(tuple),
    conceals_details=st.booleans(),
    settles_encounter=st.booleans(),
)


@given(policies, facts)
def test_an_emergency_is_never_held_but_at_discharge(policies: Policies, facts: Facts) -> None:
    emergency = replace(facts, encounter_class="emergency", settles_encounter=False)
    assert decide(policies, emergency, NOON).outcome is Outcome.OVERRIDDEN


@given(policies, facts)
def test_what_is_held_says_what_is_due_and_what_can_be_done(policies: Policies, facts: Facts) -> None:
    decision = decide(policies, facts, NOON)
    assert decision.reason
    assert decision.due_minor == sum(item.due_minor or 0 for item in facts.items)
    assert set(decision.concerned) == {item.charge_item_id for item in facts.items if item.due_minor != 0}
    if decision.outcome is Outcome.HELD:
        assert decision.due_minor > 0 or any(item.due_minor is None for item in facts.items)
        assert {option.code for option in decision.options} >= {"pay", "postpone"}
    else:
        assert decision.options == ()


@given(policies, facts)
def test_the_same_facts_are_decided_the_same(policies: Policies, facts: Facts) -> None:
    assert decide(policies, facts, NOON) == decide(policies, facts, NOON)


@given(facts)
def test_with_everything_paid_nothing_is_held(facts: Facts) -> None:
    paid = replace(facts, items=tuple(replace(item, due_minor=0) for item in facts.items))
    strict = Policies(1, Settings(level=Level.STRICT, override=OverrideRule.NEVER))
    assert decide(strict, paid, NOON).outcome in (Outcome.ALLOWED, Outcome.OVERRIDDEN)


@given(settings, facts)
def test_a_softer_level_is_never_harder(said: Settings, facts: Facts) -> None:
    plain = replace(
        facts,
        encounter_class="ambulatory",
        department_kind="specialist",
        triage_level=None,
        conditions=(),
        overrides=(),
    )
    hardness = [
        HARDNESS.index(decide(Policies(1, replace(said, level=level)), plain, NOON).outcome)
        for level in SOFTEST_FIRST
    ]
    assert hardness == sorted(hardness)


@given(policies, facts, st.integers(1, 10_000))
def test_paying_more_never_makes_the_answer_harder(policies: Policies, facts: Facts, paid_minor: int) -> None:
    priced = [replace(item, due_minor=item.due_minor or 0) for item in facts.items]
    before = replace(
        facts, items=tuple(priced), overrides=(), department_kind="specialist", encounter_class="inpatient"
    )
    after = replace(
        before,
        items=tuple(replace(item, due_minor=max(0, (item.due_minor or 0) - paid_minor)) for item in priced),
    )
    first, second = decide(policies, before, NOON).outcome, decide(policies, after, NOON).outcome
    if first is not Outcome.OVERRIDDEN:
        assert HARDNESS.index(second) <= HARDNESS.index(first)


@given(policies, facts)
def test_a_concealed_order_is_never_named(policies: Policies, facts: Facts) -> None:
    decision = decide(policies, replace(facts, conceals_details=True), NOON)
    assert not any(item.name in decision.reason or item.service in decision.reason for item in facts.items)


@given(policies, facts)
def test_a_deferral_ends_and_has_not_ended_yet(policies: Policies, facts: Facts) -> None:
    decision = decide(policies, facts, NOON)
    if decision.outcome is Outcome.DEFERRED:
        assert decision.until is not None and decision.until >= NOON


@given(policies, facts)
def test_an_override_in_force_releases_whatever_the_level(policies: Policies, facts: Facts) -> None:
    in_force: Any = OverrideInForce(new_id(), "user:ada", "chest pain", NOON + timedelta(minutes=1))
    assert decide(policies, replace(facts, overrides=(in_force,)), NOON).outcome is Outcome.OVERRIDDEN
