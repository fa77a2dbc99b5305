"""/payment-plans: agreed, read as they stand, cancelled."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from django.http import HttpResponse
from ninja import Query, Router

from almoner.charging.wire import SCOPE_BILLING
from almoner.hospitals.callers import ApiRequest, needs
from almoner.kernel.paging import Cursor, Limit, read_page
from almoner.kernel.tenancy import transaction
from almoner.kernel.wire import IdempotencyKey, answer
from almoner.patients.operations import find_encounter
from almoner.payments import operations
from almoner.payments.models import PaymentPlan
from almoner.payments.plan_queries import find_plan
from almoner.payments.plan_wire import (
    NewPaymentPlan,
    NewPlanCancellation,
    PaymentPlanPage,
    PaymentPlanResource,
    plan_resources,
)

router = Router(tags=["Payments"])


@router.post("/payment-plans", auth=needs(operations.PERMISSION_PLAN), response={201: PaymentPlanResource})
def agree_payment_plan(
    request: ApiRequest, body: NewPaymentPlan, idempotency_key: IdempotencyKey
) -> HttpResponse:
    """Record that the patient pays in instalments; gates read how the plan stands as a fact."""
    caller = request.auth
    with transaction(caller.hospital_id):
        if body.encounter_id is not None:
            find_encounter(body.encounter_id)
        plan = operations.agree_plan(
            caller.hospital_id,
            patient_account_id=body.patient_account_id,
            encounter_id=body.encounter_id,
            total_minor=body.total_minor,
            terms=body.terms,
            patient_agreed_by=body.patient_agreed_by,
            idempotency_key=idempotency_key,
            actor=caller.actor,
            at=caller.at,
        )
        [resource] = plan_resources([plan], caller.at)
        return answer(resource, 201, replayed=plan.agreed_at != caller.at)


@router.get("/payment-plans", auth=needs(SCOPE_BILLING), response=PaymentPlanPage)
def list_payment_plans(
    request: ApiRequest,
    cursor: Cursor,
    limit: Limit,
    patient_account_id: Annotated[UUID | None, Query(None)],
) -> HttpResponse:
    """Payment plans as they stand now, the latest first."""
    with transaction(request.auth.hospital_id):
        rows = PaymentPlan.objects.all()
        if patient_account_id is not None:
            rows = rows.filter(patient_account=patient_account_id)
        page = read_page(rows, cursor=cursor, limit=limit, show=lambda row: row)
        page["items"] = plan_resources(page["items"], request.auth.at)
        return answer(PaymentPlanPage(**page))


@router.get("/payment-plans/{plan_id}", auth=needs(SCOPE_BILLING), response=PaymentPlanResource)
def get_payment_plan(request: ApiRequest, plan_id: UUID) -> HttpResponse:
    """One payment plan as it stands now."""
    with transaction(request.auth.hospital_id):
        return answer(plan_resources([find_plan(plan_id)], request.auth.at)[0])


@router.post(
    "/payment-plans/{plan_id}/cancellation",
    auth=needs(operations.PERMISSION_PLAN),
    response={201: PaymentPlanResource},
)
def cancel_payment_plan(
    request: ApiRequest, plan_id: UUID, body: NewPlanCancellation, idempotency_key: IdempotencyKey
) -> HttpResponse:
    """End a plan that is not paid. A plan is cancelled once: repeating it gives the first cancellation."""
    caller = request.auth
    with transaction(caller.hospital_id):
        made = operations.cancel_plan(
            caller.hospital_id, plan_id, reason=body.reason, actor=caller.actor, at=caller.at
        )
        [resource] = plan_resources([find_plan(plan_id)], caller.at)
        return answer(resource, 201, replayed=made.at != caller.at)
