"""The guard at every step: the specification's middleware (section 7.2) as one declared decorator.

``check`` asks, and stores the answer with its facts. ``guarded`` puts it in front of an operation, so that
the operation's body only ever runs when the step may go ahead; a held answer is returned and committed,
never raised. The contract suite fails for a step that no operation guards.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Concatenate, Generic, ParamSpec, TypeVar
from uuid import UUID

import orjson
from django.db import connection

from almoner.enforcement.facts import StepFacts, Subject, read_facts
from almoner.enforcement.rules import Decision, decide
from almoner.kernel.actor import Actor
from almoner.kernel.ids import new_id
from almoner.kernel.tenancy import transaction

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

_STORE_DECISION = """
    INSERT INTO enforcement_gatedecision
        (id, hospital_id, step, patient_id, encounter_id, order_id, outcome, reason_code, reason, due_minor,
         currency, facts, configuration_version, decided_at, asked_by, setting, source)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s::jsonb, %s, %s, %s, %s, %s)
"""

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


def check(
    hospital_id: UUID, step: str, subject: Subject, *, actor: Actor, at: datetime
) -> tuple[Decision, UUID]:
    """Decide ``step`` for ``subject`` and store the decision; two statements.

    May be the outermost operation. Raises ``NotFound`` for an unknown step or encounter.
    """
    with transaction(hospital_id, announce=False):
        read = read_facts(hospital_id, step, subject, at)
        decision = decide(read.policies, read.facts, at)
        return decision, _store(hospital_id, subject, read, decision, actor, at)


def _store(
    hospital_id: UUID, subject: Subject, read: StepFacts, decision: Decision, actor: Actor, at: datetime
) -> UUID:
    """Write the decision down with its facts, in one statement, and return its id."""
    decision_id = new_id()
    with connection.cursor() as cursor:
        cursor.execute(
            _STORE_DECISION,
            [
                decision_id,
                hospital_id,
                read.facts.step,
                read.patient_id,
                subject.encounter_id,
                subject.order_id,
                decision.outcome.value,
                decision.reason_code,
                decision.says.in_english()[:500],
                decision.due_minor,
                decision.currency,
                orjson.dumps(read.facts).decode(),
                read.policies.version,
                at,
                actor.name,
                decision.setting,
                decision.source,
            ],
        )
    return decision_id


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
