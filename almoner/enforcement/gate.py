"""The guard at every step: the specification's middleware (section 7.2) as one declared decorator.

``check`` asks, and stores the answer with its facts. ``guarded`` puts it in front of an operation, so that
the operation's body only ever runs when the step may go ahead; a held answer is returned and committed,
never raised. The contract suite fails for a step that no operation guards.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import wraps
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar
from uuid import UUID

import orjson

from almoner.enforcement.facts import Subject, read_facts
from almoner.enforcement.models import GateDecision
from almoner.enforcement.rules import Decision, Facts, decide
from almoner.kernel.actor import Actor
from almoner.kernel.ids import new_id
from almoner.kernel.tenancy import transaction

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

GUARDS: dict[str, str] = {}
"""Which operation (dotted name) guards which step."""


@dataclass(frozen=True, slots=True)
class Passage(Generic[Result]):
    """What came of trying a step: the gate's decision, and the operation's result unless it was held."""

    decision: Decision
    decision_id: UUID
    result: Result | None

    @property
    def went_ahead(self) -> bool:
        return self.decision.may_proceed


def facts_as_data(facts: Facts) -> dict[str, Any]:
    """The facts as stored with a decision, and replayed by a preview of another policy."""
    data: dict[str, Any] = orjson.loads(orjson.dumps(asdict(facts)))
    return data


def check(
    hospital_id: UUID, step: str, subject: Subject, *, actor: Actor, at: datetime
) -> tuple[Decision, UUID]:
    """Decide ``step`` for ``subject`` and store the decision; two statements.

    May be the outermost operation. Raises ``NotFound`` for an unknown step or encounter.
    """
    with transaction(hospital_id, announce=False):
        read = read_facts(hospital_id, step, subject, at)
        decision = decide(read.policies, read.facts, at)
        decision_id = new_id()
        GateDecision.objects.bulk_create(
            [
                GateDecision(
                    id=decision_id,
                    hospital_id=hospital_id,
                    step=step,
                    patient_id=read.patient_id,
                    encounter_id=subject.encounter_id,
                    order_id=subject.order_id,
                    outcome=decision.outcome.value,
                    reason_code=decision.reason_code,
                    reason=decision.reason[:500],
                    due_minor=decision.due_minor,
                    currency=decision.currency,
                    facts=facts_as_data(read.facts),
                    configuration_version=read.policies.version,
                    decided_at=at,
                    asked_by=actor.name,
                )
            ]
        )
        return decision, decision_id


def guarded(
    step: str, locate: Callable[[UUID], Subject]
) -> Callable[
    [Callable[Concatenate[UUID, UUID, Parameters], Result]],
    Callable[Concatenate[UUID, UUID, Parameters], Passage[Result]],
]:
    """Put the gate of ``step`` in front of an operation ``f(hospital_id, subject_id, *, actor, at, ...)``.

    ``locate`` finds what is asked about from ``subject_id`` (an encounter, an order), inside the
    transaction that the guard opens and in which the operation then runs.
    """

    def decorate(
        operation: Callable[Concatenate[UUID, UUID, Parameters], Result],
    ) -> Callable[Concatenate[UUID, UUID, Parameters], Passage[Result]]:
        GUARDS[step] = f"{operation.__module__}.{operation.__qualname__}"

        @wraps(operation)
        def guard(
            hospital_id: UUID, subject_id: UUID, /, *args: Parameters.args, **kwargs: Parameters.kwargs
        ) -> Passage[Result]:
            actor, at = kwargs["actor"], kwargs["at"]
            assert isinstance(actor, Actor) and isinstance(at, datetime)
            with transaction(hospital_id):
                decision, decision_id = check(hospital_id, step, locate(subject_id), actor=actor, at=at)
                result = operation(hospital_id, subject_id, *args, **kwargs) if decision.may_proceed else None
                return Passage(decision, decision_id, result)

        return guard

    return decorate
