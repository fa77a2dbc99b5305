"""Reading what decisions are made from, and the policies they follow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils.translation import gettext

from almoner.enforcement.models import PaymentPolicy
from almoner.enforcement.policy import Policies, read_policies
from almoner.enforcement.rules import DueItem, Facts, OverrideInForce
from almoner.kernel.errors import NotFound
from almoner.kernel.service_points import Step, modules, steps
from almoner.kernel.tenancy import transaction

_policies: dict[UUID, Policies] = {}


def policies_at(hospital_id: UUID, version: int) -> Policies:
    """The hospital's policies of configuration ``version``, kept in the process while it stands."""
    known = _policies.get(hospital_id)
    if known is not None and known.version == version:
        return known
    with transaction(hospital_id):
        rows = list(PaymentPolicy.objects.all())
    policies = read_policies(version, ((row.scope, row.subject, row.settings) for row in rows))
    _policies[hospital_id] = policies
    return policies


def known_policies(hospital_id: UUID) -> Policies | None:
    """The policies in memory, which may be stale; None before the first read."""
    return _policies.get(hospital_id)


def _asked_elsewhere(hospital_id: UUID) -> list[str]:
    """The services that the policies known here ask for at steps that are not their own."""
    known = _policies.get(hospital_id)
    return known.services_asked_elsewhere() if known else []


@dataclass(frozen=True, slots=True)
class RecentPayment:
    payment_id: UUID
    amount_minor: int
    method: str
    received_at: datetime
    voided: bool


@dataclass(frozen=True, slots=True)
class Subject:
    """What a gate is asked about: an encounter, and the order when the step fulfils one."""

    encounter_id: UUID
    order_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class StepFacts:
    """The facts of a gate with what a page shows beside them."""

    facts: Facts
    policies: Policies
    patient_id: UUID
    patient_account_id: UUID
    payments: tuple[RecentPayment, ...]


def due_items(rows: Iterable[dict[str, Any]]) -> tuple[DueItem, ...]:
    """Charges as the SQL functions give them."""
    module_of = modules()
    return tuple(
        DueItem(
            charge_item_id=UUID(row["charge_item_id"]),
            service=row["service"],
            name=row["name"],
            department=row["department"],
            net_minor=row["net_minor"],
            due_minor=row["due_minor"],
            due_at=datetime.fromisoformat(row["due_at"]),
            priority=row["priority"],
            request_type=row["request_type"],
            planned=row["planned"],
            steps=tuple(row["steps"]),
            module=next((module_of[step] for step in row["steps"] if step in module_of), ""),
            delivered=row["delivered"],
        )
        for row in rows
    )


def overrides_in_force(rows: Iterable[dict[str, Any]]) -> tuple[OverrideInForce, ...]:
    """Overrides as the SQL functions give them."""
    return tuple(
        OverrideInForce(
            override_id=UUID(row["override_id"]),
            by=row["by"],
            reason=row["reason"],
            expires_at=datetime.fromisoformat(row["expires_at"]),
        )
        for row in rows
    )


def read_facts(
    hospital_id: UUID, step: str, subject: Subject, at: datetime, *, with_payments: bool = False
) -> StepFacts:
    """The facts of ``step`` at ``at`` in one statement. Raises ``NotFound`` for an unknown step or encounter."""
    known = steps().get(step)
    if known is None:
        raise NotFound(
            gettext("Unknown step %(step)r. Known steps: %(steps)s.")
            % {"step": step, "steps": ", ".join(sorted(steps()))},
            field="step",
            code="unknown_step",
        )
    elsewhere = _asked_elsewhere(hospital_id)
    row = _call_facts(hospital_id, known, subject, at, elsewhere, with_payments)
    if policies_at(hospital_id, row[0]).services_asked_elsewhere() != elsewhere:
        elsewhere = _asked_elsewhere(hospital_id)
        row = _call_facts(hospital_id, known, subject, at, elsewhere, with_payments)
    return _step_facts(hospital_id, known, row)


def _call_facts(
    hospital_id: UUID, step: Step, subject: Subject, at: datetime, elsewhere: list[str], with_payments: bool
) -> Sequence[Any]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT * FROM enforcement_facts(%s, %s, %s, %s, %s, %s, %s, %s)",
            [
                hospital_id,
                step.name,
                subject.encounter_id,
                subject.order_id,
                at,
                with_payments,
                step.settles_encounter,
                elsewhere,
            ],
        )
        row = cursor.fetchone()
    if row is None:
        raise NotFound(
            gettext("There is no such encounter at this hospital."),
            field="encounter_id",
            code="unknown_encounter",
        )
    return tuple(row)


def read_many_facts(
    hospital_id: UUID, asked: Sequence[tuple[str, Subject]], at: datetime
) -> list[StepFacts | None]:
    """``read_facts`` of many (step, subject) in one statement, in their order; None for what is unknown."""
    known = steps()
    wanted = [(place, known[step], subject) for place, (step, subject) in enumerate(asked) if step in known]
    elsewhere = _asked_elsewhere(hospital_id)
    rows = _call_many_facts(hospital_id, wanted, at, elsewhere)
    version = next((row[0] for row in rows.values()), None)
    if version is not None and policies_at(hospital_id, version).services_asked_elsewhere() != elsewhere:
        rows = _call_many_facts(hospital_id, wanted, at, _asked_elsewhere(hospital_id))
    return [
        _step_facts(hospital_id, known[step], rows[place]) if place in rows else None
        for place, (step, _) in enumerate(asked)
    ]


def _call_many_facts(
    hospital_id: UUID, wanted: list[tuple[int, Step, Subject]], at: datetime, elsewhere: list[str]
) -> dict[int, list[Any]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT asked.place, facts.* FROM unnest(%s::int[], %s::text[], %s::uuid[], %s::uuid[], %s::bool[])"
            " AS asked (place, step, encounter_id, order_id, whole)"
            " CROSS JOIN LATERAL enforcement_facts("
            "%s, asked.step, asked.encounter_id, asked.order_id, %s, false, asked.whole, %s) AS facts",
            [
                [place for place, _, _ in wanted],
                [step.name for _, step, _ in wanted],
                [subject.encounter_id for _, _, subject in wanted],
                [subject.order_id for _, _, subject in wanted],
                [step.settles_encounter for _, step, _ in wanted],
                hospital_id,
                at,
                elsewhere,
            ],
        )
        return {place: row for place, *row in cursor.fetchall()}


def _step_facts(hospital_id: UUID, known: Step, row: Sequence[Any]) -> StepFacts:
    """A row of ``enforcement_facts`` as rules read it."""
    (version, currency, patient_id, account_id, encounter_class, triage_level, department, department_kind,
     outstanding_minor, deposit_minor, plan_status, items, overrides, payments,
     patient_category, conditions) = row  # fmt: skip
    facts = Facts(
        step=known.name,
        currency=currency,
        items=due_items(items or ()),
        department=department,
        department_kind=department_kind,
        encounter_class=encounter_class,
        triage_level=triage_level,
        outstanding_minor=outstanding_minor,
        deposit_minor=deposit_minor,
        plan_status=plan_status or "",
        overrides=overrides_in_force(overrides or ()),
        conceals_details=known.conceals_details,
        settles_encounter=known.settles_encounter,
        module=modules()[known.name],
        patient_category=patient_category,
        conditions=tuple(conditions),
    )
    return StepFacts(
        facts=facts,
        policies=policies_at(hospital_id, version),
        patient_id=patient_id,
        patient_account_id=account_id,
        payments=tuple(
            RecentPayment(
                payment_id=UUID(payment["payment_id"]),
                amount_minor=payment["amount_minor"],
                method=payment["method"],
                received_at=datetime.fromisoformat(payment["received_at"]),
                voided=payment["voided"],
            )
            for payment in payments or ()
        ),
    )
