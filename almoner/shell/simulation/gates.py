"""At a gate: try the step, and when it is held, do what people do about it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

from almoner.charging.models import ChargeItem
from almoner.enforcement.facts import Subject
from almoner.enforcement.gate import Passage
from almoner.enforcement.operations import grant_override, revoke_override
from almoner.enforcement.rules import Decision
from almoner.kernel.tenancy import transaction
from almoner.patients.operations import set_triage
from almoner.shell.simulation import cashier
from almoner.shell.simulation.visit import Visit
from almoner.shell.simulation.world import Play

Result = TypeVar("Result")
MAXIMUM_TRIES = 4
_REASONS = (
    "Cannot wait: symptoms are getting worse",
    "Relatives are on their way with the payment",
    "Card terminal was out of order",
    "Referred by the emergency department",
)


def pass_gate(
    visit: Visit, step: str, attempt: Callable[[], Passage[Result]], *, order_id: UUID | None = None
) -> Play[Result | None]:
    """Try ``step`` until it goes ahead; None when the patient gives up, or the step was refused outright."""
    for _ in range(MAXIMUM_TRIES):
        passage = visit.world.unless_refused(attempt)
        if passage is None:
            return None
        visit.world.count(f"gate: {passage.decision.outcome.value}")
        if passage.went_ahead:
            return passage.result
        subject = Subject(visit.encounter_id, order_id)
        if not (yield from _arrange(visit, step, subject, passage)):
            return None
    return None


def _arrange(visit: Visit, step: str, subject: Subject, passage: Passage[Result]) -> Play[bool]:
    """What follows a Held. False: the patient leaves."""
    decision = passage.decision
    if decision.reason_code == "unpriced":
        yield visit.world.wait(visit.minutes(10, 40))
        cashier.set_missing_prices(visit)
        return True
    offered = {option.code for option in decision.options}
    roll = visit.chance.random()
    if roll < 0.10 and "override" in offered:
        yield visit.world.wait(visit.minutes(1, 10))
        if _override(visit, step, subject, passage.decision_id):
            return True
    elif roll < 0.22 and "plan" in offered:
        yield visit.world.wait(visit.minutes(10, 25))
        cashier.agree_plan(visit, decision.due_minor)
        return True
    elif roll < 0.26 and not visit.is_emergency and step == "consultation.start":
        set_triage(
            visit.world.id,
            visit.encounter_id,
            triage_level=2,
            actor=visit.staff("receptionist"),
            at=visit.world.at,
        )
        visit.world.count("found to be critical while waiting")
        return True
    elif roll < 0.33 and step != "ward.discharge":
        visit.world.count("patients who left a held service")
        return False
    if visit.payer is not None and step == "consultation.start" and visit.happens(0.5):
        cashier.hand_over_to_payer(visit)
    yield from cashier.pay(visit, decision.concerned, advance_minor=_advance(visit, decision))
    return True


def _advance(visit: Visit, decision: Decision) -> int:
    """What the step asks for in advance (planned charges), for one to three service periods."""
    with transaction(visit.world.id):
        planned = ChargeItem.objects.filter(id__in=decision.concerned, status="planned")
        return sum(item.net_minor or 0 for item in planned) * visit.chance.randint(1, 3)


def _override(visit: Visit, step: str, subject: Subject, decision_id: UUID) -> bool:
    """A doctor overrides, at times retroactively; at times a manager revokes it at once. True: it stands."""
    world = visit.world
    retroactive = visit.happens(0.4)
    override = world.unless_refused(
        lambda: grant_override(
            world.id,
            step=step,
            subject=subject,
            reason=visit.chance.choice(_REASONS),
            expires_at=world.at + timedelta(hours=12),
            idempotency_key=visit.key("override"),
            actor=visit.staff("doctor"),
            at=world.at,
            triage_level=3,
            held_decision_id=decision_id if retroactive else None,
        )
    )
    if override is None:
        return False
    world.count("overrides applied retroactively" if retroactive else "overrides")
    if not visit.happens(0.2):
        return True
    revoke_override(
        world.id,
        override.id,
        reason="Not an emergency after all",
        actor=visit.staff("hospital_manager"),
        at=world.at,
    )
    world.count("overrides revoked")
    return False
