"""Payments and what follows them, as the API reads and writes them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from django.db.models import Sum
from pydantic import Field

from almoner.kernel.paging import Page
from almoner.kernel.wire import (
    Currency,
    Input,
    Instant,
    PositiveMinor,
    Quantity,
    Reason,
    Resource,
    Text,
)
from almoner.payments.models import (
    Allocation,
    Payment,
    PaymentTender,
    PaymentVoid,
    Refund,
)


class NewShare(Input):
    """A part of the payment meant for one charge item."""

    charge_item_id: UUID
    amount_minor: PositiveMinor


class NewTender(Input):
    """What is paid by one method. ``tendered_minor`` (cash) may be more than the amount: the rest is change."""

    method: Payment.Method
    amount_minor: PositiveMinor
    tendered_minor: PositiveMinor | None = None
    reference: Text = ""


class NewPayment(Input):
    """Money received. ``amount_minor`` is what is applied; ``tendered_minor`` (cash) may be more.

    Paid by one ``method``, or by ``tenders`` that add up to ``amount_minor`` and stand instead of ``method`` and
    ``tendered_minor``. The money goes into the drawer that is open at ``cash_point``, when there is one.

    Without ``shares`` the oldest open charges are paid first: those of ``encounter_id``, else of the
    account. What is left over is refused unless ``excess`` is ``deposit``; with an empty list of shares it
    is all kept as a deposit. With ``payer_id`` the payer's part of the charges is settled.
    """

    patient_account_id: UUID
    method: Payment.Method | None = None
    tenders: Annotated[list[NewTender], Field(max_length=10)] = []
    amount_minor: PositiveMinor
    currency: Currency
    cash_point: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,30}$")]
    tendered_minor: PositiveMinor | None = None
    encounter_id: UUID | None = None
    payer_id: UUID | None = None
    shares: Annotated[list[NewShare], Field(max_length=500)] | None = None
    excess: Literal["refuse", "deposit"] = "refuse"
    reference: Text = ""
    received_at: Instant | None = None


class RecordedResource(Resource):
    """A payment just recorded. ``unallocated_minor`` is held as a deposit."""

    id: UUID
    receipt: str
    amount_minor: int
    change_minor: int
    unallocated_minor: int
    currency: str


class AllocationResource(Resource):
    """What the payment gives to one charge item now."""

    charge_item_id: UUID
    amount_minor: int


class RefundResource(Resource):
    """``approved_by`` is the second person, where the hospital asks for one."""

    id: UUID
    payment_id: UUID
    method: str
    amount_minor: int
    currency: str
    reason: str
    at: datetime
    requested_by: str
    approved_by: str


class VoidResource(Resource):
    """``approved_by`` is the second person; empty when a program voided it."""

    id: UUID
    payment_id: UUID
    reason: str
    at: datetime
    requested_by: str
    approved_by: str


class TenderResource(Resource):
    """What was handed over by one method of a payment. Only cash gives change."""

    method: str
    tendered_minor: int
    change_minor: int
    amount_minor: int
    reference: str


class PaymentResource(Resource):
    """A payment as it stands now: what it pays for, what went back, whether it was voided.

    ``method`` is ``several`` when there is more than one tender.
    """

    id: UUID
    receipt: str
    patient_account_id: UUID
    encounter_id: UUID | None
    payer_id: UUID | None
    method: str
    tendered_minor: int
    change_minor: int
    amount_minor: int
    unallocated_minor: int
    currency: str
    reference: str
    cash_point: str
    cash_session_id: UUID | None
    received_at: datetime
    recorded_at: datetime
    received_by: str
    tenders: list[TenderResource]
    allocations: list[AllocationResource]
    refunds: list[RefundResource]
    void: VoidResource | None


class PaymentPage(Page[PaymentResource]):
    """Payments."""


class NewVoid(Input):
    reason: Reason


class NewRefund(Input):
    """Money given back. ``method`` left out: as it was paid."""

    amount_minor: PositiveMinor
    reason: Reason
    method: Payment.Method | None = None


class NewDepositApplication(Input):
    """Which charges deposits are given to: those named, else the oldest open ones of the account."""

    charge_item_ids: Annotated[list[UUID], Field(min_length=1, max_length=500)] | None = None
    maximum_minor: PositiveMinor | None = None


class DepositApplicationResource(Resource):
    """What was given. ``id`` null and 0: no deposit was there, or nothing was open."""

    id: UUID | None
    patient_account_id: UUID
    amount_minor: int
    currency: str


class CashPointResource(Resource):
    code: str
    name: str
    is_active: bool


class CashPointPage(Page[CashPointResource]):
    """Cash points."""


class Cancellation(Input):
    reason: Reason


class Revision(Input):
    quantity: Quantity
    reason: Reason


def refund_resource(row: Refund) -> RefundResource:
    return RefundResource(
        id=row.id,
        payment_id=row.payment_id,
        method=row.method,
        amount_minor=row.amount_minor,
        currency=row.currency,
        reason=row.reason,
        at=row.at,
        requested_by=row.requested_by,
        approved_by=row.approved_by,
    )


def void_resource(row: PaymentVoid) -> VoidResource:
    return VoidResource(
        id=row.id,
        payment_id=row.payment_id,
        reason=row.reason,
        at=row.at,
        requested_by=row.requested_by,
        approved_by=row.approved_by,
    )


def payment_resources(rows: list[Payment]) -> list[PaymentResource]:
    """Payments with their tenders, allocations, refunds and voids, in four more statements."""
    tenders: dict[UUID, list[TenderResource]] = {}
    for tender in PaymentTender.objects.filter(payment__in=rows).order_by("line"):
        tenders.setdefault(tender.payment_id, []).append(
            TenderResource(
                method=tender.method,
                tendered_minor=tender.tendered_minor,
                change_minor=tender.change_minor,
                amount_minor=tender.amount_minor,
                reference=tender.reference,
            )
        )
    allocations: dict[UUID, list[AllocationResource]] = {}
    given = Allocation.objects.filter(payment__in=rows).values("payment_id", "charge_item_id")
    for row in given.annotate(total=Sum("amount_minor")).filter(total__gt=0).order_by("charge_item_id"):
        allocations.setdefault(row["payment_id"], []).append(
            AllocationResource(charge_item_id=row["charge_item_id"], amount_minor=row["total"])
        )
    refunds: dict[UUID, list[RefundResource]] = {}
    for refund in Refund.objects.filter(payment__in=rows).order_by("at", "id"):
        refunds.setdefault(refund.payment_id, []).append(refund_resource(refund))
    voids = {void.payment_id: void_resource(void) for void in PaymentVoid.objects.filter(payment__in=rows)}
    return [
        PaymentResource(
            id=row.id,
            receipt=row.receipt,
            patient_account_id=row.patient_account_id,
            encounter_id=row.encounter_id,
            payer_id=row.payer_id,
            method=row.method,
            tendered_minor=row.tendered_minor,
            change_minor=row.change_minor,
            amount_minor=row.amount_minor,
            unallocated_minor=row.unallocated_minor,
            currency=row.currency,
            reference=row.reference,
            cash_point=row.cash_point,
            cash_session_id=row.cash_session_id,
            received_at=row.received_at,
            recorded_at=row.recorded_at,
            received_by=row.received_by,
            tenders=tenders.get(row.id, []),
            allocations=allocations.get(row.id, []),
            refunds=refunds.get(row.id, []),
            void=voids.get(row.id),
        )
        for row in rows
    ]
