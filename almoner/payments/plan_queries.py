"""Reads of payment plans: how they stand, and what was paid by them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.db import connection
from django.utils.translation import gettext as _

from almoner.kernel.errors import NotFound
from almoner.kernel.tenancy import require_transaction
from almoner.payments.models import PaymentPlan, PlanInstalment
from almoner.payments.plans import PlanStatus


@dataclass(frozen=True, slots=True)
class PlanStanding:
    """How a plan stands; amounts in minor units.

    ``behind_minor`` is what should have been paid by now and was not, ``missed`` how many instalments that
    concerns; ``settled_minor`` is what was paid and the fees that were taken back. ``next_due_minor`` is open of the first unpaid instalment, due on ``next_due_on``.
    ``settled_on``: when the last of it was paid.
    """

    status: PlanStatus
    paid_minor: int
    settled_minor: int
    behind_minor: int
    missed: int
    next_due_on: date | None
    next_due_minor: int
    settled_on: date | None


@dataclass(frozen=True, slots=True)
class InstalmentStanding:
    """An instalment, and what of it is paid: payments fill the instalments in the order of their days."""

    number: int
    due_on: date
    amount_minor: int
    paid_minor: int


def find_plan(plan_id: UUID, *related: str) -> PaymentPlan:
    """The plan of the open transaction's hospital, with what is ``related``. Raises ``NotFound``."""
    plan = PaymentPlan.objects.select_related(*related).filter(id=plan_id).first()
    if plan is None:
        raise NotFound(
            _("There is no such payment plan at this hospital."), field="plan_id", code="unknown_plan"
        )
    return plan


def standing_of(plan: PaymentPlan, at: datetime) -> PlanStanding:
    """How ``plan`` stands at ``at``; one statement."""
    return standings_of([plan], at)[plan.id]


def standings_of(plans: Iterable[PaymentPlan], at: datetime) -> dict[UUID, PlanStanding]:
    """How each of ``plans`` stands at ``at``; one statement."""
    ids = [plan.id for plan in plans]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT asked.id, s.status, s.paid_minor, s.settled_minor, s.behind_minor, s.missed, s.next_due_on, s.next_due_minor,"
            " s.settled_on FROM unnest(%s::uuid[]) AS asked (id)"
            " CROSS JOIN LATERAL payments_plan_standing(%s, asked.id, %s) AS s",
            [ids, require_transaction(), at],
        )
        return {
            plan_id: PlanStanding(
                PlanStatus(status), paid, covered, behind, missed, next_on, next_minor or 0, settled
            )
            for plan_id, status, paid, covered, behind, missed, next_on, next_minor, settled in cursor.fetchall()
        }


def instalments_of(plan: PaymentPlan) -> list[PlanInstalment]:
    """The instalments of ``plan`` in their order; one statement."""
    return list(PlanInstalment.objects.filter(plan=plan).order_by("number"))


def fill(instalments: Sequence[PlanInstalment], paid_minor: int) -> list[InstalmentStanding]:
    """``instalments`` with what was paid, ``paid_minor`` in all, given to them one after the other."""
    filled, left_minor = [], paid_minor
    for one in instalments:
        part_minor = min(left_minor, one.amount_minor)
        left_minor -= part_minor
        filled.append(InstalmentStanding(one.number, one.due_on, one.amount_minor, part_minor))
    return filled
