"""A plan that the rules offer becomes a plan when staff accept it with the patient."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext as _

from almoner.charging import operations as charging
from almoner.enforcement.queries import plan_offer
from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict, IdempotencyMismatch
from almoner.kernel.tenancy import transaction
from almoner.patients.models import PatientAccount
from almoner.patients.operations import surviving
from almoner.payments.models import PaymentPlan
from almoner.payments.operations import PERMISSION_PLAN, agree_plan, plan_of_key


def accept_plan_offer(
    hospital_id: UUID,
    patient_id: UUID,
    encounter_id: UUID | None = None,
    *,
    code: str,
    patient_agreed_by: str = "",
    discharging: bool = False,
    idempotency_key: str,
    actor: Actor,
    at: datetime,
) -> PaymentPlan:
    """Agree the plan that the rules offer now, if it is still the one of ``code`` that was shown.

    ``encounter_id``: the visit it was offered for, None for what the patient owes. Its down payment is due at
    once: until it is paid the plan is behind. Repeated under its key it returns the first plan.

    Raises ``NotFound``, ``Conflict`` when nothing or something else is offered now, and as ``agree_plan``.
    """
    actor.require(PERMISSION_PLAN)
    plan_id = plan_of_key(hospital_id, idempotency_key)
    with transaction(hospital_id):
        patient = surviving(patient_id)
        for account_id in (
            PatientAccount.objects.filter(patient=patient).order_by("id").values_list("id", flat=True)
        ):
            charging.lock_account(account_id)
        before = PaymentPlan.objects.filter(id=plan_id, patient_account__patient=patient).first()
        if before is not None:
            asked = (encounter_id or before.encounter_id, patient_agreed_by.strip())
            if asked != (before.encounter_id, before.patient_agreed_by):
                raise IdempotencyMismatch(idempotency_key)
            return before
        offer = plan_offer(hospital_id, patient.id, encounter_id, at=at, discharging=discharging)
        if offer is None or offer.code != code:
            raise Conflict(
                _("This plan is not offered any more: what is owed or the rules have changed."),
                field="code",
                code="offer_changed",
                detail={"offered": offer.code if offer else None},
            )
        return agree_plan(
            hospital_id,
            patient_account_id=offer.patient_account_id,
            encounter_id=offer.encounter_id,
            total_minor=offer.owed_minor,
            terms=offer.terms,
            patient_agreed_by=patient_agreed_by,
            idempotency_key=idempotency_key,
            actor=actor,
            at=at,
        )
