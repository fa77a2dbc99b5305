"""Payment plans as the API reads and writes them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from almoner.kernel.paging import Page
from almoner.kernel.wire import Day, Input, PositiveMinor, Reason, Resource, Text
from almoner.payments.models import PaymentPlan, PlanInstalment
from almoner.payments.plan_queries import fill, standings_of
from almoner.payments.plans import MAXIMUM_GRACE_DAYS, MAXIMUM_INSTALMENTS, Frequency, Terms


class NewInstalment(Input):
    """A part of a plan whose days and amounts are given one by one."""

    due_on: Day
    amount_minor: PositiveMinor


class NewTerms(Input):
    """``instalments`` equal parts from ``first_due_on`` on, ``frequency`` apart, the last one taking the rest; or
    ``parts`` with their days and amounts. ``down_payment_minor`` is due at once. An instalment counts as missed
    ``grace_days`` after its day."""

    instalments: Annotated[int, Field(strict=True, ge=1, le=MAXIMUM_INSTALMENTS)] | None = None
    first_due_on: Day | None = None
    frequency: Frequency = Frequency.MONTHLY
    parts: Annotated[list[NewInstalment], Field(max_length=MAXIMUM_INSTALMENTS)] = []
    down_payment_minor: Annotated[int, Field(strict=True, ge=0, le=10**13)] = 0
    grace_days: Annotated[int, Field(strict=True, ge=0, le=MAXIMUM_GRACE_DAYS)] = 0

    @property
    def terms(self) -> Terms:
        """The terms as ``payments.plans`` has them."""
        return Terms(
            instalments=self.instalments or 0,
            first_due_on=self.first_due_on,
            frequency=Frequency.DATES if self.parts else self.frequency,
            down_payment_minor=self.down_payment_minor,
            grace_days=self.grace_days,
            parts=tuple((part.due_on, part.amount_minor) for part in self.parts),
        )


class NewPaymentPlan(NewTerms):
    """An arrangement to pay ``total_minor`` in parts; ``encounter_id`` left out: what the account owes so far.

    What the plan itself costs here (``fees_minor`` of the answer) comes on top, and ``parts`` add up to both.
    ``patient_agreed_by``: who agreed for the patient.
    """

    patient_account_id: UUID
    encounter_id: UUID | None = None
    total_minor: PositiveMinor
    patient_agreed_by: Text = ""


class NewPlanCancellation(Input):
    reason: Reason


class InstalmentResource(Resource):
    """Number 0 is the down payment. ``paid_minor``: payments fill the instalments in the order of their days."""

    number: int
    due_on: date
    amount_minor: int
    paid_minor: int


class PaymentPlanResource(Resource):
    """A plan as it stands now. ``status``: on_track, behind, completed, cancelled, replaced (by a new plan)."""

    id: UUID
    patient_account_id: UUID
    encounter_id: UUID | None
    total_minor: int
    fees_minor: int
    paid_minor: int
    behind_minor: int
    currency: str
    frequency: str
    instalments: list[InstalmentResource]
    grace_days: int
    status: str
    replaces: UUID | None
    patient_agreed_by: str
    agreed_at: datetime
    agreed_by: str


class PaymentPlanPage(Page[PaymentPlanResource]):
    """Payment plans."""


def plan_resources(plans: Sequence[PaymentPlan], at: datetime) -> list[PaymentPlanResource]:
    """``plans`` as they stand at ``at``; two statements."""
    standings = standings_of(plans, at)
    parts: dict[UUID, list[PlanInstalment]] = {}
    for part in PlanInstalment.objects.filter(plan__in=plans).order_by("number"):
        parts.setdefault(part.plan_id, []).append(part)
    return [
        PaymentPlanResource(
            id=plan.id,
            patient_account_id=plan.patient_account_id,
            encounter_id=plan.encounter_id,
            total_minor=plan.total_minor,
            fees_minor=plan.fees_minor,
            paid_minor=standings[plan.id].paid_minor,
            behind_minor=standings[plan.id].behind_minor,
            currency=plan.currency,
            frequency=plan.frequency,
            instalments=[
                InstalmentResource(
                    number=one.number,
                    due_on=one.due_on,
                    amount_minor=one.amount_minor,
                    paid_minor=one.paid_minor,
                )
                for one in fill(parts.get(plan.id, []), standings[plan.id].settled_minor)
            ],
            grace_days=plan.grace_days,
            status=standings[plan.id].status.value,
            replaces=plan.replaces_id,
            patient_agreed_by=plan.patient_agreed_by,
            agreed_at=plan.agreed_at,
            agreed_by=plan.agreed_by,
        )
        for plan in plans
    ]
