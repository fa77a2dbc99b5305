"""/refund-requests: what more than one person gives back, asked for by one and decided by another."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from django.http import HttpResponse
from ninja import Query, Router

from almoner.charging.wire import SCOPE_BILLING
from almoner.hospitals.callers import ApiRequest, needs
from almoner.kernel.paging import Cursor, Limit, Page, read_page
from almoner.kernel.tenancy import transaction
from almoner.kernel.wire import IdempotencyKey, Input, Reason, Resource, answer
from almoner.payments import operations
from almoner.payments.models import RefundRequest
from almoner.payments.wire import NewRefund, RefundResource, refund_resource

router = Router(tags=["Payments"])


class RefundRefusal(Input):
    reason: Reason


class RefundRequestResource(Resource):
    """``decision`` is empty while it waits, then ``approved`` or ``refused``. Amounts in minor units."""

    id: UUID
    payment_id: UUID
    method: str
    amount_minor: int
    currency: str
    reason: str
    at: datetime
    requested_by: str
    decision: str
    decided_at: datetime | None
    decided_by: str
    decision_note: str


class RefundRequestPage(Page[RefundRequestResource]):
    """Requests to give money back."""


def _request(row: RefundRequest) -> RefundRequestResource:
    return RefundRequestResource(
        id=row.id,
        payment_id=row.payment_id,
        method=row.method,
        amount_minor=row.amount_minor,
        currency=row.currency,
        reason=row.reason,
        at=row.at,
        requested_by=row.requested_by,
        decision=row.decision,
        decided_at=row.decided_at,
        decided_by=row.decided_by,
        decision_note=row.decision_note,
    )


@router.post(
    "/payments/{payment_id}/refund-requests",
    auth=needs(operations.PERMISSION_REFUND),
    response={201: RefundRequestResource},
)
def request_refund(
    request: ApiRequest, payment_id: UUID, body: NewRefund, idempotency_key: IdempotencyKey
) -> HttpResponse:
    """Ask that money be given back. Nothing moves until somebody else approves it."""
    caller = request.auth
    asked = operations.request_refund(
        caller.hospital_id,
        payment_id,
        amount_minor=body.amount_minor,
        reason=body.reason,
        method=body.method.value if body.method else "",
        idempotency_key=idempotency_key,
        actor=caller.actor,
        at=caller.at,
    )
    return answer(_request(asked), 201, replayed=asked.at != caller.at)


@router.get("/refund-requests", auth=needs(SCOPE_BILLING), response=RefundRequestPage)
def list_refund_requests(
    request: ApiRequest,
    cursor: Cursor,
    limit: Limit,
    payment_id: Annotated[UUID | None, Query(None)],
    is_waiting: Annotated[bool | None, Query(None)],
) -> HttpResponse:
    """Requests to give money back, the latest first; ``is_waiting``: those that nobody has decided."""
    with transaction(request.auth.hospital_id):
        rows = RefundRequest.objects.all()
        if payment_id is not None:
            rows = rows.filter(payment=payment_id)
        if is_waiting is not None:
            rows = rows.filter(decided_at__isnull=is_waiting)
        return answer(RefundRequestPage(**read_page(rows, cursor=cursor, limit=limit, show=_request)))


@router.post(
    "/refund-requests/{refund_request_id}/approval",
    auth=needs(operations.PERMISSION_REFUND),
    response={201: RefundResource},
)
def approve_refund(request: ApiRequest, refund_request_id: UUID) -> HttpResponse:
    """Give back what somebody else asked for. Sent again, it gives the same refund."""
    caller = request.auth
    refund = operations.approve_refund(
        caller.hospital_id, refund_request_id, actor=caller.actor, at=caller.at
    )
    return answer(refund_resource(refund), 201, replayed=refund.at != caller.at)


@router.post(
    "/refund-requests/{refund_request_id}/refusal",
    auth=needs(operations.PERMISSION_REFUND),
    response={201: RefundRequestResource},
)
def refuse_refund(request: ApiRequest, refund_request_id: UUID, body: RefundRefusal) -> HttpResponse:
    """Give nothing back. Sent again, it gives the same answer."""
    caller = request.auth
    refused = operations.refuse_refund(
        caller.hospital_id, refund_request_id, reason=body.reason, actor=caller.actor, at=caller.at
    )
    return answer(_request(refused), 201, replayed=refused.decided_at != caller.at)
