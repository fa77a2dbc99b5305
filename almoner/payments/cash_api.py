"""/cash-sessions, to read; /void-requests, to ask for a void and to decide about one."""

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
from almoner.payments import operations
from almoner.payments.cash_wire import (
    CashSessionPage,
    CashSessionReport,
    NewVoidRequest,
    VoidRefusal,
    VoidRequestPage,
    VoidRequestResource,
    report_resource,
    session_resource,
    void_request_resource,
)
from almoner.payments.models import CashSession, VoidRequest
from almoner.payments.queries import find_session, session_report
from almoner.payments.wire import VoidResource, void_resource

router = Router(tags=["Payments"])


@router.get("/cash-sessions", auth=needs(SCOPE_BILLING), response=CashSessionPage)
def list_cash_sessions(
    request: ApiRequest,
    cursor: Cursor,
    limit: Limit,
    cash_point: Annotated[str | None, Query(None, max_length=30)],
    is_open: Annotated[bool | None, Query(None)],
) -> HttpResponse:
    """Drawers, the latest opened first."""
    with transaction(request.auth.hospital_id):
        rows = CashSession.objects.all()
        if cash_point is not None:
            rows = rows.filter(cash_point=cash_point)
        if is_open is not None:
            rows = rows.filter(closed_at__isnull=is_open)
        page = read_page(rows, cursor=cursor, limit=limit, time="opened_at", show=session_resource)
        return answer(CashSessionPage(**page))


@router.get("/cash-sessions/{cash_session_id}", auth=needs(SCOPE_BILLING), response=CashSessionReport)
def get_cash_session(request: ApiRequest, cash_session_id: UUID) -> HttpResponse:
    """One drawer and what happened in it, by method, from the ledger."""
    with transaction(request.auth.hospital_id):
        return answer(report_resource(session_report(find_session(cash_session_id))))


@router.post(
    "/payments/{payment_id}/void-requests",
    auth=needs(operations.PERMISSION_RECORD),
    response={201: VoidRequestResource},
)
def request_void(
    request: ApiRequest, payment_id: UUID, body: NewVoidRequest, idempotency_key: IdempotencyKey
) -> HttpResponse:
    """Ask that a payment be voided. Nothing changes until somebody else approves it."""
    caller = request.auth
    asked = operations.request_void(
        caller.hospital_id,
        payment_id,
        reason=body.reason,
        idempotency_key=idempotency_key,
        actor=caller.actor,
        at=caller.at,
    )
    return answer(void_request_resource(asked), 201, replayed=asked.at != caller.at)


@router.get("/void-requests", auth=needs(SCOPE_BILLING), response=VoidRequestPage)
def list_void_requests(
    request: ApiRequest,
    cursor: Cursor,
    limit: Limit,
    payment_id: Annotated[UUID | None, Query(None)],
    is_waiting: Annotated[bool | None, Query(None)],
) -> HttpResponse:
    """Requests to void, the latest first; ``is_waiting``: those that nobody has decided."""
    with transaction(request.auth.hospital_id):
        rows = VoidRequest.objects.all()
        if payment_id is not None:
            rows = rows.filter(payment=payment_id)
        if is_waiting is not None:
            rows = rows.filter(decided_at__isnull=is_waiting)
        return answer(
            VoidRequestPage(**read_page(rows, cursor=cursor, limit=limit, show=void_request_resource))
        )


@router.post(
    "/void-requests/{void_request_id}/approval",
    auth=needs(operations.PERMISSION_VOID),
    response={201: VoidResource},
)
def approve_void(request: ApiRequest, void_request_id: UUID) -> HttpResponse:
    """Void the payment of a request that somebody else made. Sent again, it gives the same void."""
    caller = request.auth
    void = operations.approve_void(caller.hospital_id, void_request_id, actor=caller.actor, at=caller.at)
    return answer(void_resource(void), 201, replayed=void.at != caller.at)


@router.post(
    "/void-requests/{void_request_id}/refusal",
    auth=needs(operations.PERMISSION_VOID),
    response={201: VoidRequestResource},
)
def refuse_void(request: ApiRequest, void_request_id: UUID, body: VoidRefusal) -> HttpResponse:
    """Let the payment of a request stand. Sent again, it gives the same answer."""
    caller = request.auth
    refused = operations.refuse_void(
        caller.hospital_id, void_request_id, reason=body.reason, actor=caller.actor, at=caller.at
    )
    return answer(void_request_resource(refused), 201, replayed=refused.decided_at != caller.at)
