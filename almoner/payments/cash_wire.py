"""Drawers and requests to void, as the API reads and writes them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from almoner.kernel.paging import Page
from almoner.kernel.wire import Input, Reason, Resource
from almoner.payments.models import CashSession, CashTransfer, VoidRequest
from almoner.payments.queries import SessionReport


class CashSessionResource(Resource):
    """A drawer in the hands of one cashier. What was counted and expected is null while it is open."""

    id: UUID
    name: str
    cash_point: str
    cashier: str
    currency: str
    opened_at: datetime
    float_minor: int
    handed_over_from_id: UUID | None
    closed_at: datetime | None
    closed_by: str
    expected_minor: int | None
    counted_minor: int | None
    difference_reason: str


class CashSessionPage(Page[CashSessionResource]):
    """Cash sessions."""


class MethodTakenResource(Resource):
    method: str
    received_minor: int
    received_count: int
    given_back_minor: int
    given_back_count: int


class CashTransferResource(Resource):
    """Cash to the bank (``banked``, with its slip), to the safe, or change from it."""

    id: UUID
    kind: str
    amount_minor: int
    currency: str
    reference: str
    at: datetime
    moved_by: str


class CashSessionReport(Resource):
    """What happened in a session, from the ledger. ``expected_minor``: what should be in the drawer."""

    session: CashSessionResource
    methods: list[MethodTakenResource]
    transfers: list[CashTransferResource]
    expected_minor: int


class NewVoidRequest(Input):
    reason: Reason


class VoidRefusal(Input):
    reason: Reason


class VoidRequestResource(Resource):
    """``decision`` is empty while it waits, then ``approved`` or ``refused``."""

    id: UUID
    payment_id: UUID
    reason: str
    at: datetime
    requested_by: str
    decision: str
    decided_at: datetime | None
    decided_by: str
    decision_note: str


class VoidRequestPage(Page[VoidRequestResource]):
    """Requests to void."""


def session_resource(row: CashSession) -> CashSessionResource:
    return CashSessionResource(
        id=row.id,
        name=row.name,
        cash_point=row.cash_point,
        cashier=row.cashier,
        currency=row.currency,
        opened_at=row.opened_at,
        float_minor=row.float_minor,
        handed_over_from_id=row.handed_over_from_id,
        closed_at=row.closed_at,
        closed_by=row.closed_by,
        expected_minor=row.expected_minor,
        counted_minor=row.counted_minor,
        difference_reason=row.difference_reason,
    )


def _transfer_resource(row: CashTransfer) -> CashTransferResource:
    return CashTransferResource(
        id=row.id,
        kind=row.kind,
        amount_minor=row.amount_minor,
        currency=row.currency,
        reference=row.reference,
        at=row.at,
        moved_by=row.moved_by,
    )


def report_resource(report: SessionReport) -> CashSessionReport:
    return CashSessionReport(
        session=session_resource(report.session),
        methods=[
            MethodTakenResource(
                method=one.method,
                received_minor=one.received_minor,
                received_count=one.received_count,
                given_back_minor=one.given_back_minor,
                given_back_count=one.given_back_count,
            )
            for one in report.methods
        ],
        transfers=[_transfer_resource(row) for row in report.transfers],
        expected_minor=report.expected_minor,
    )


def void_request_resource(row: VoidRequest) -> VoidRequestResource:
    return VoidRequestResource(
        id=row.id,
        payment_id=row.payment_id,
        reason=row.reason,
        at=row.at,
        requested_by=row.requested_by,
        decision=row.decision,
        decided_at=row.decided_at,
        decided_by=row.decided_by,
        decision_note=row.decision_note,
    )
