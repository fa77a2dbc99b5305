"""Arrangements to pay later."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID, uuid5

from django.utils.translation import gettext as _

from almoner.charging import operations as charging
from almoner.identity import audit
from almoner.kernel.actor import Actor
from almoner.kernel.errors import DomainError, IdempotencyMismatch
from almoner.kernel.idempotency import check_key
from almoner.kernel.ids import new_id
from almoner.kernel.tenancy import transaction
from almoner.payments.models import (
    PaymentPlan,
)
from almoner.payments.operations.shared import (
    PERMISSION_PLAN,
    check_amount,
)


def agree_plan(
    hospital_id: UUID,
    *,
    patient_account_id: UUID,
    encounter_id: UUID | None,
    total_minor: int,
    instalments: int,
    first_due_on: date,
    actor: Actor,
    at: datetime,
    idempotency_key: str = "",
) -> PaymentPlan:
    """Record that the patient pays ``total_minor`` in ``instalments``; gates read it as a fact.

    With ``idempotency_key`` the plan's id follows from it: repeating the request returns the first plan,
    and raises ``IdempotencyMismatch`` when it says something else.
    """
    actor.require(PERMISSION_PLAN)
    check_amount(total_minor, "total_minor")
    if not 1 <= instalments <= 120:
        raise DomainError(
            _("A plan has 1 to 120 instalments."), field="instalments", code="invalid_instalments"
        )
    with transaction(hospital_id):
        account = charging.lock_account(patient_account_id)
        plan_id = uuid5(hospital_id, f"plan:{check_key(idempotency_key)}") if idempotency_key else new_id()
        before = PaymentPlan.objects.filter(id=plan_id).first()
        if before is not None:
            said = (account.id, encounter_id, total_minor, instalments, first_due_on)
            if said != (
                before.patient_account_id,
                before.encounter_id,
                before.total_minor,
                before.instalments,
                before.first_due_on,
            ):
                raise IdempotencyMismatch(idempotency_key)
            return before
        plan = PaymentPlan.objects.create(
            id=plan_id,
            hospital_id=hospital_id,
            patient_account=account,
            encounter_id=encounter_id,
            total_minor=total_minor,
            currency=account.currency,
            instalments=instalments,
            first_due_on=first_due_on,
            agreed_at=at,
            agreed_by=actor.name,
        )
        audit.record(
            "payment_plan.agreed",
            actor=actor,
            at=at,
            subject_kind="payment_plan",
            subject_id=plan.id,
            total_minor=total_minor,
        )
        return plan
