"""What the pages of payment plans read: a fixed number of statements."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.db import connection

from almoner.kernel.tenancy import require_transaction
from almoner.patients.models import Encounter, Patient
from almoner.payments.models import PaymentPlan, PlanCancellation, PlanChangeRequest
from almoner.payments.operations import fees_of, not_earned
from almoner.payments.plan_queries import (
    InstalmentStanding,
    PlanStanding,
    fill,
    find_plan,
    instalments_of,
    standing_of,
)

MAXIMUM_ROWS = 100


@dataclass(frozen=True, slots=True)
class PlanRead:
    """A plan with all that its page shows."""

    plan: PaymentPlan
    patient: Patient
    visit: Encounter | None
    standing: PlanStanding
    instalments: list[InstalmentStanding]
    cancellation: PlanCancellation | None
    replaced_by: UUID | None
    change: PlanChangeRequest | None
    not_earned_minor: int

    @property
    def to_settle_minor(self) -> int:
        """What pays the rest at once: without the fees of instalments whose day has not come."""
        return self.plan.total_minor - self.standing.settled_minor - self.not_earned_minor


def read_plan(plan_id: UUID, *, at: datetime, today: date) -> PlanRead:
    """The plan and what belongs to it; five statements, two more when the plan has fees. Raises ``NotFound``."""
    plan = find_plan(plan_id, "patient_account__patient", "encounter__department")
    standing = standing_of(plan, at)
    cancelled = standing.status == "cancelled"
    charged = fees_of(plan) if plan.fees_minor else []
    return PlanRead(
        plan=plan,
        patient=plan.patient_account.patient,
        visit=plan.encounter,
        standing=standing,
        instalments=fill(instalments_of(plan), standing.settled_minor),
        cancellation=PlanCancellation.objects.filter(plan=plan).first() if cancelled else None,
        replaced_by=PaymentPlan.objects.filter(replaces=plan).values_list("id", flat=True).first(),
        change=None if cancelled else PlanChangeRequest.objects.filter(plan=plan, decision="").first(),
        not_earned_minor=sum(item.net_minor or 0 for item in not_earned(plan, charged, today)),
    )


@dataclass(frozen=True, slots=True)
class PlanRow:
    """A plan in the list; amounts in minor units."""

    plan_id: UUID
    patient_id: UUID
    patient: str
    mrn: str
    phone: str
    total_minor: int
    agreed_at: datetime
    status: str
    paid_minor: int
    behind_minor: int
    missed: int
    next_due_on: date | None
    next_due_minor: int
    change_asked: bool


_PLANS = """
SELECT plan.id, patient.id, patient.name, patient.mrn, patient.phone, plan.total_minor, plan.agreed_at,
       standing.status, standing.paid_minor, standing.behind_minor, standing.missed, standing.next_due_on,
       coalesce(standing.next_due_minor, 0),
       EXISTS (SELECT FROM payments_planchangerequest AS change
               WHERE change.hospital_id = %(hospital)s AND change.plan_id = plan.id AND change.decision = '')
FROM payments_paymentplan AS plan
JOIN patients_patientaccount AS account
    ON account.hospital_id = %(hospital)s AND account.id = plan.patient_account_id
JOIN patients_patient AS patient ON patient.hospital_id = %(hospital)s AND patient.id = account.patient_id
CROSS JOIN LATERAL payments_plan_standing(%(hospital)s, plan.id, %(at)s) AS standing
WHERE plan.hospital_id = %(hospital)s AND standing.status = ANY (%(statuses)s)
ORDER BY standing.next_due_on, plan.agreed_at DESC, plan.id
LIMIT %(limit)s
"""


def list_plans(statuses: list[str], *, at: datetime) -> list[PlanRow]:
    """The plans that stand so at ``at``, the longest overdue first; one statement."""
    with connection.cursor() as cursor:
        cursor.execute(
            _PLANS,
            {"hospital": require_transaction(), "at": at, "statuses": statuses, "limit": MAXIMUM_ROWS},
        )
        return [PlanRow(*row) for row in cursor.fetchall()]
