"""A plan paid before its days: the rest at once, without the fees of instalments whose day has not come."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from almoner.charging import operations as charging
from almoner.hospitals.models import Hospital
from almoner.identity import audit
from almoner.kernel.actor import Actor
from almoner.kernel.clock import local_date
from almoner.kernel.errors import Conflict, DomainError
from almoner.kernel.money import Money
from almoner.kernel.tenancy import transaction
from almoner.payments.models import Payment
from almoner.payments.operations.plan_fees import fees_of, not_earned, take_back_fees
from almoner.payments.operations.recording import Recorded, record_payment
from almoner.payments.operations.shared import PERMISSION_RECORD
from almoner.payments.plan_queries import find_plan, standing_of
from almoner.payments.plans import PlanStatus


def settle_plan(
    hospital_id: UUID,
    plan_id: UUID,
    *,
    amount_minor: int,
    idempotency_key: str,
    actor: Actor,
    at: datetime,
    **payment: Any,
) -> Recorded | None:
    """Take the rest of a plan at once: ``amount_minor`` is what is left without the fees of instalments whose day
    has not come, which are taken back first. None when nothing is left besides those fees.

    ``payment`` is what ``record_payment`` needs besides (method, cash_point, tendered_minor ...). Repeated under
    its key it returns the first payment. Raises ``Conflict`` when the plan has ended, ``DomainError`` at
    ``amount_minor`` when it costs something else, and as ``record_payment``.
    """
    actor.require(PERMISSION_RECORD)
    with transaction(hospital_id):
        plan = find_plan(plan_id)
        charging.lock_account(plan.patient_account_id)
        if not Payment.objects.filter(idempotency_key=idempotency_key).exists():
            standing = standing_of(plan, at)
            if standing.status not in (PlanStatus.ON_TRACK, PlanStatus.BEHIND):
                raise Conflict(
                    _("The plan has ended: nothing is to be paid by it any more."),
                    field="plan_id",
                    code="plan_ended",
                )
            zone = Hospital.objects.values_list("time_zone", flat=True).get(id=hospital_id)
            fees = not_earned(plan, fees_of(plan), local_date(at, zone)) if plan.fees_minor else []
            spared_minor = sum(item.net_minor or 0 for item in fees)
            rest_minor = plan.total_minor - standing.settled_minor - spared_minor
            if amount_minor != rest_minor:
                raise DomainError(
                    _("%(amount)s settles the plan now.") % {"amount": Money(rest_minor, plan.currency)},
                    field="amount_minor",
                    code="plan_costs_otherwise",
                    detail={"rest_minor": rest_minor},
                )
            take_back_fees(plan, fees, actor=actor, at=at)
            audit.record(
                "payment_plan.settled",
                actor=actor,
                at=at,
                subject_kind="payment_plan",
                subject_id=plan.id,
                amount_minor=amount_minor,
                fees_taken_back_minor=spared_minor,
            )
        if not amount_minor:
            return None
        return record_payment(
            hospital_id,
            patient_account_id=plan.patient_account_id,
            amount_minor=amount_minor,
            currency=plan.currency,
            encounter_id=plan.encounter_id,
            excess="deposit" if plan.encounter_id else "refuse",
            idempotency_key=idempotency_key,
            actor=actor,
            at=at,
            **payment,
        )
