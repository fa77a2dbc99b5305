"""/payment-plans/{id}/changes and /payment-plan-changes: other instalments, asked for by one, decided by another."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from django.http import HttpResponse
from ninja import Query, Router
from pydantic import Field

from almoner.charging.wire import SCOPE_BILLING
from almoner.hospitals.callers import ApiRequest, needs
from almoner.kernel.paging import Cursor, Limit, Page, read_page
from almoner.kernel.tenancy import transaction
from almoner.kernel.wire import IdempotencyKey, Reason, Resource, answer
from almoner.payments import operations
from almoner.payments.models import PlanChangeRequest
from almoner.payments.plan_wire import NewTerms, PaymentPlanResource, plan_resources

router = Router(tags=["Payments"])


class NewPlanChange(NewTerms):
    """How what is left shall be paid instead, and why."""

    reason: Reason


class PlanChangeResource(Resource):
    """A change that was asked for. ``decision``: approved, refused, or empty while it waits for a second person."""

    id: UUID
    plan_id: UUID
    terms: dict[str, Any]
    reason: str
    at: datetime
    requested_by: str
    decision: str
    decided_at: datetime | None
    decided_by: str


class PlanChangePage(Page[PlanChangeResource]):
    """Changes of payment plans."""


def _resource(row: PlanChangeRequest) -> PlanChangeResource:
    return PlanChangeResource(
        id=row.id,
        plan_id=row.plan_id,
        terms=row.terms,
        reason=row.reason,
        at=row.at,
        requested_by=row.requested_by,
        decision=row.decision,
        decided_at=row.decided_at,
        decided_by=row.decided_by,
    )


@router.post(
    "/payment-plans/{plan_id}/changes",
    auth=needs(operations.PERMISSION_PLAN),
    response={201: PlanChangeResource},
)
def request_plan_change(
    request: ApiRequest, plan_id: UUID, body: NewPlanChange, idempotency_key: IdempotencyKey
) -> HttpResponse:
    """Ask that what is left be paid by other terms. The plan stands until somebody else approves."""
    caller = request.auth
    row = operations.request_plan_change(
        caller.hospital_id,
        plan_id,
        terms=body.terms,
        reason=body.reason,
        idempotency_key=idempotency_key,
        actor=caller.actor,
        at=caller.at,
    )
    return answer(_resource(row), 201, replayed=row.at != caller.at)


@router.get("/payment-plan-changes", auth=needs(SCOPE_BILLING), response=PlanChangePage)
def list_plan_changes(
    request: ApiRequest,
    cursor: Cursor,
    limit: Limit,
    plan_id: Annotated[UUID | None, Query(None)],
    decision: Annotated[str, Query("any"), Field(pattern="^(any|waiting|approved|refused)$")],
) -> HttpResponse:
    """Changes that were asked for, the latest first."""
    with transaction(request.auth.hospital_id):
        rows = PlanChangeRequest.objects.all()
        if plan_id is not None:
            rows = rows.filter(plan=plan_id)
        if decision != "any":
            rows = rows.filter(decision="" if decision == "waiting" else decision)
        page = read_page(rows, cursor=cursor, limit=limit, show=_resource)
    return answer(PlanChangePage(**page))


@router.post(
    "/payment-plan-changes/{plan_change_id}/approval",
    auth=needs(operations.PERMISSION_PLAN),
    response={201: PaymentPlanResource},
)
def approve_plan_change(request: ApiRequest, plan_change_id: UUID) -> HttpResponse:
    """Put the new plan in the place of the old one, as the second person (409 for who asked for it)."""
    caller = request.auth
    with transaction(caller.hospital_id):
        plan = operations.approve_plan_change(
            caller.hospital_id, plan_change_id, actor=caller.actor, at=caller.at
        )
        return answer(plan_resources([plan], caller.at)[0], 201, replayed=plan.agreed_at != caller.at)


@router.post(
    "/payment-plan-changes/{plan_change_id}/refusal",
    auth=needs(operations.PERMISSION_PLAN),
    response={201: PlanChangeResource},
)
def refuse_plan_change(request: ApiRequest, plan_change_id: UUID) -> HttpResponse:
    """Leave the plan as it is, as the second person (409 for who asked for it)."""
    caller = request.auth
    row = operations.refuse_plan_change(caller.hospital_id, plan_change_id, actor=caller.actor, at=caller.at)
    return answer(_resource(row), 201)
