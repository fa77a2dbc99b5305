"""/payments and what follows them: voids, refunds, deposits, plans; corrections of charges that may be paid."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from django.db.models import Q, Sum
from django.http import HttpResponse
from ninja import Query, Router
from pydantic import Field

from almoner.charging.api import SCOPE_BILLING, ChargeItemResource, charge_item_resources, find_charge_item
from almoner.charging.operations import PERMISSION_CORRECT
from almoner.hospitals.callers import ApiRequest, needs
from almoner.kernel.errors import NotFound
from almoner.kernel.paging import Cursor, Limit, Page, read_page
from almoner.kernel.tenancy import transaction
from almoner.kernel.wire import (
    Currency,
    Day,
    IdempotencyKey,
    Input,
    Instant,
    PositiveMinor,
    Quantity,
    Reason,
    Resource,
    Text,
    answer,
)
from almoner.patients.models import Payer
from almoner.patients.operations import find_encounter
from almoner.payments import operations
from almoner.payments.corrections import cancel_with_reason, revise_quantity
from almoner.payments.models import (
    Allocation,
    CashPoint,
    DepositApplication,
    Payment,
    PaymentPlan,
    PaymentVoid,
    Refund,
)

router = Router(tags=["Payments"])


class NewShare(Input):
    """A part of the payment meant for one charge item."""

    charge_item_id: UUID
    amount_minor: PositiveMinor


class NewPayment(Input):
    """Money received. ``amount_minor`` is what is applied; ``tendered_minor`` (cash) may be more.

    Without ``shares`` the oldest open charges are paid first: those of ``encounter_id``, else of the
    account. What is left over is refused unless ``excess`` is ``deposit``. With ``payer_id`` the payer's
    part of the charges is settled.
    """

    patient_account_id: UUID
    method: Payment.Method
    amount_minor: PositiveMinor
    currency: Currency
    cash_point: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,30}$")]
    tendered_minor: PositiveMinor | None = None
    encounter_id: UUID | None = None
    payer_id: UUID | None = None
    shares: Annotated[list[NewShare], Field(min_length=1, max_length=500)] | None = None
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
    id: UUID
    payment_id: UUID
    method: str
    amount_minor: int
    currency: str
    reason: str
    at: datetime
    requested_by: str


class VoidResource(Resource):
    id: UUID
    payment_id: UUID
    reason: str
    at: datetime
    requested_by: str


class PaymentResource(Resource):
    """A payment as it stands now: what it pays for, what went back, whether it was voided."""

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
    received_at: datetime
    recorded_at: datetime
    received_by: str
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


class NewPaymentPlan(Input):
    """An arrangement to pay ``total_minor`` in equal parts; ``encounter_id`` left out: the whole account."""

    patient_account_id: UUID
    encounter_id: UUID | None = None
    total_minor: PositiveMinor
    instalments: Annotated[int, Field(strict=True, ge=1, le=120)]
    first_due_on: Day


class PaymentPlanResource(Resource):
    id: UUID
    patient_account_id: UUID
    encounter_id: UUID | None
    total_minor: int
    currency: str
    instalments: int
    first_due_on: date
    status: str
    agreed_at: datetime
    agreed_by: str


class PaymentPlanPage(Page[PaymentPlanResource]):
    """Payment plans."""


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


def _refund(row: Refund) -> RefundResource:
    return RefundResource(
        id=row.id,
        payment_id=row.payment_id,
        method=row.method,
        amount_minor=row.amount_minor,
        currency=row.currency,
        reason=row.reason,
        at=row.at,
        requested_by=row.requested_by,
    )


def _void(row: PaymentVoid) -> VoidResource:
    return VoidResource(
        id=row.id,
        payment_id=row.payment_id,
        reason=row.reason,
        at=row.at,
        requested_by=row.requested_by,
    )


def _plan(row: PaymentPlan) -> PaymentPlanResource:
    return PaymentPlanResource(
        id=row.id,
        patient_account_id=row.patient_account_id,
        encounter_id=row.encounter_id,
        total_minor=row.total_minor,
        currency=row.currency,
        instalments=row.instalments,
        first_due_on=row.first_due_on,
        status=row.status,
        agreed_at=row.agreed_at,
        agreed_by=row.agreed_by,
    )


def _payments(rows: list[Payment]) -> list[PaymentResource]:
    """Payments with their allocations, refunds and voids, in three more statements."""
    allocations: dict[UUID, list[AllocationResource]] = {}
    given = Allocation.objects.filter(payment__in=rows).values("payment_id", "charge_item_id")
    for row in given.annotate(total=Sum("amount_minor")).filter(total__gt=0).order_by("charge_item_id"):
        allocations.setdefault(row["payment_id"], []).append(
            AllocationResource(charge_item_id=row["charge_item_id"], amount_minor=row["total"])
        )
    refunds: dict[UUID, list[RefundResource]] = {}
    for refund in Refund.objects.filter(payment__in=rows).order_by("at", "id"):
        refunds.setdefault(refund.payment_id, []).append(_refund(refund))
    voids = {void.payment_id: _void(void) for void in PaymentVoid.objects.filter(payment__in=rows)}
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
            received_at=row.received_at,
            recorded_at=row.recorded_at,
            received_by=row.received_by,
            allocations=allocations.get(row.id, []),
            refunds=refunds.get(row.id, []),
            void=voids.get(row.id),
        )
        for row in rows
    ]


def _check_payer(hospital_id: UUID, payer_id: UUID) -> None:
    with transaction(hospital_id):
        if not Payer.objects.filter(id=payer_id).exists():
            raise NotFound("There is no such payer at this hospital.", field="payer_id", code="unknown_payer")


@router.post("/payments", auth=needs(operations.PERMISSION_RECORD), response={201: RecordedResource})
def record_payment(request: ApiRequest, body: NewPayment, idempotency_key: IdempotencyKey) -> HttpResponse:
    """Record money received, pay charges with it and number its receipt."""
    caller = request.auth
    shares = None
    if body.shares is not None:
        shares = [operations.Share(share.charge_item_id, share.amount_minor) for share in body.shares]
    if body.payer_id is not None:
        _check_payer(caller.hospital_id, body.payer_id)
    recorded = operations.record_payment(
        caller.hospital_id,
        patient_account_id=body.patient_account_id,
        method=body.method.value,
        amount_minor=body.amount_minor,
        currency=body.currency,
        cash_point=body.cash_point,
        tendered_minor=body.tendered_minor,
        encounter_id=body.encounter_id,
        payer_id=body.payer_id,
        shares=shares,
        excess=body.excess,
        reference=body.reference,
        received_at=body.received_at,
        idempotency_key=idempotency_key,
        actor=caller.actor,
        at=caller.at,
        time_zone=caller.time_zone,
    )
    resource = RecordedResource(
        id=recorded.payment_id,
        receipt=recorded.receipt,
        amount_minor=recorded.amount_minor,
        change_minor=recorded.change_minor,
        unallocated_minor=recorded.unallocated_minor,
        currency=body.currency,
    )
    return answer(resource, 201, replayed=recorded.replayed)


@router.get("/payments", auth=needs(SCOPE_BILLING), response=PaymentPage)
def list_payments(
    request: ApiRequest,
    cursor: Cursor,
    limit: Limit,
    patient_id: Annotated[UUID | None, Query(None)],
    patient_account_id: Annotated[UUID | None, Query(None)],
    encounter_id: Annotated[UUID | None, Query(None)],
) -> HttpResponse:
    """Payments, the latest received first."""
    with transaction(request.auth.hospital_id):
        rows = Payment.objects.all()
        if patient_id is not None:
            patient = Q(patient_account__patient=patient_id)
            rows = rows.filter(patient | Q(patient_account__patient__merged_into=patient_id))
        if patient_account_id is not None:
            rows = rows.filter(patient_account=patient_account_id)
        if encounter_id is not None:
            rows = rows.filter(encounter=encounter_id)
        page = read_page(rows, cursor=cursor, limit=limit, time="received_at", show=lambda row: row)
        page["items"] = _payments(page["items"])
    return answer(PaymentPage(**page))


@router.get("/payments/{payment_id}", auth=needs(SCOPE_BILLING), response=PaymentResource)
def get_payment(request: ApiRequest, payment_id: UUID) -> HttpResponse:
    """One payment as it stands now."""
    with transaction(request.auth.hospital_id):
        row = Payment.objects.filter(id=payment_id).first()
        if row is None:
            raise NotFound(
                "There is no such payment at this hospital.", field="payment_id", code="unknown_payment"
            )
        return answer(_payments([row])[0])


@router.post(
    "/payments/{payment_id}/void", auth=needs(operations.PERMISSION_VOID), response={201: VoidResource}
)
def void_payment(
    request: ApiRequest, payment_id: UUID, body: NewVoid, idempotency_key: IdempotencyKey
) -> HttpResponse:
    """Undo a payment that was recorded in error: what it paid is open again."""
    caller = request.auth
    void = operations.void_payment(
        caller.hospital_id,
        payment_id,
        reason=body.reason,
        idempotency_key=idempotency_key,
        actor=caller.actor,
        at=caller.at,
    )
    return answer(_void(void), 201, replayed=void.at != caller.at)


@router.post(
    "/payments/{payment_id}/refunds",
    auth=needs(operations.PERMISSION_REFUND),
    response={201: RefundResource},
)
def refund_payment(
    request: ApiRequest, payment_id: UUID, body: NewRefund, idempotency_key: IdempotencyKey
) -> HttpResponse:
    """Give money back: first what is held as a deposit, then by opening the latest charges again."""
    caller = request.auth
    refund = operations.refund_payment(
        caller.hospital_id,
        payment_id,
        amount_minor=body.amount_minor,
        reason=body.reason,
        method=body.method.value if body.method else "",
        idempotency_key=idempotency_key,
        actor=caller.actor,
        at=caller.at,
    )
    return answer(_refund(refund), 201, replayed=refund.at != caller.at)


@router.post(
    "/patient-accounts/{patient_account_id}/deposit-applications",
    auth=needs(operations.PERMISSION_RECORD),
    response={201: DepositApplicationResource},
)
def apply_deposits(
    request: ApiRequest,
    patient_account_id: UUID,
    body: NewDepositApplication,
    idempotency_key: IdempotencyKey,
) -> HttpResponse:
    """Give deposits of the account (the oldest first) to its open charges."""
    caller = request.auth
    with transaction(caller.hospital_id):
        amount = operations.apply_deposits(
            caller.hospital_id,
            patient_account_id,
            charge_item_ids=body.charge_item_ids,
            maximum_minor=body.maximum_minor,
            idempotency_key=idempotency_key,
            actor=caller.actor,
            at=caller.at,
        )
        made = DepositApplication.objects.filter(idempotency_key=idempotency_key).first()
        resource = DepositApplicationResource(
            id=made.id if made else None,
            patient_account_id=patient_account_id,
            amount_minor=amount,
            currency=made.currency if made else caller.currency,
        )
        return answer(resource, 201, replayed=made is not None and made.at != caller.at)


@router.post("/payment-plans", auth=needs(operations.PERMISSION_PLAN), response={201: PaymentPlanResource})
def agree_payment_plan(request: ApiRequest, body: NewPaymentPlan) -> HttpResponse:
    """Record that the patient pays in instalments; gates read it as a fact."""
    caller = request.auth
    with transaction(caller.hospital_id):
        if body.encounter_id is not None:
            find_encounter(body.encounter_id)
        plan = operations.agree_plan(
            caller.hospital_id,
            patient_account_id=body.patient_account_id,
            encounter_id=body.encounter_id,
            total_minor=body.total_minor,
            instalments=body.instalments,
            first_due_on=body.first_due_on,
            actor=caller.actor,
            at=caller.at,
        )
        return answer(_plan(plan), 201)


@router.get("/payment-plans", auth=needs(SCOPE_BILLING), response=PaymentPlanPage)
def list_payment_plans(
    request: ApiRequest,
    cursor: Cursor,
    limit: Limit,
    patient_account_id: Annotated[UUID | None, Query(None)],
) -> HttpResponse:
    """Payment plans, the latest first."""
    with transaction(request.auth.hospital_id):
        rows = PaymentPlan.objects.all()
        if patient_account_id is not None:
            rows = rows.filter(patient_account=patient_account_id)
        return answer(PaymentPlanPage(**read_page(rows, cursor=cursor, limit=limit, show=_plan)))


@router.get("/cash-points", auth=needs(SCOPE_BILLING), response=CashPointPage)
def list_cash_points(request: ApiRequest, cursor: Cursor, limit: Limit) -> HttpResponse:
    """Tills and counters; the receipts of each are numbered in a series of their own."""
    with transaction(request.auth.hospital_id):
        page = read_page(
            CashPoint.objects.all(),
            cursor=cursor,
            limit=limit,
            show=lambda row: CashPointResource(code=row.code, name=row.name, is_active=row.is_active),
        )
    return answer(CashPointPage(**page))


@router.post(
    "/charge-items/{charge_item_id}/cancellation",
    auth=needs(PERMISSION_CORRECT),
    response={201: ChargeItemResource},
    tags=["Charges"],
)
def cancel_charge_item(
    request: ApiRequest, charge_item_id: UUID, body: Cancellation, idempotency_key: IdempotencyKey
) -> HttpResponse:
    """Take a charge back: cancelled before delivery, a credit note after it. What was paid is a deposit."""
    caller = request.auth
    with transaction(caller.hospital_id):
        item, replayed = cancel_with_reason(
            caller.hospital_id,
            charge_item_id,
            reason=body.reason,
            idempotency_key=idempotency_key,
            actor=caller.actor,
            at=caller.at,
        )
        return answer(charge_item_resources([find_charge_item(item.id)])[0], 201, replayed=replayed)


@router.post(
    "/charge-items/{charge_item_id}/revision",
    auth=needs(PERMISSION_CORRECT),
    response={201: ChargeItemResource},
    tags=["Charges"],
)
def revise_charge_item(
    request: ApiRequest, charge_item_id: UUID, body: Revision, idempotency_key: IdempotencyKey
) -> HttpResponse:
    """Correct the quantity of a charge: it is reversed, and its next revision posted at the same price."""
    caller = request.auth
    with transaction(caller.hospital_id):
        item, replayed = revise_quantity(
            caller.hospital_id,
            charge_item_id,
            quantity=body.quantity,
            reason=body.reason,
            idempotency_key=idempotency_key,
            actor=caller.actor,
            at=caller.at,
        )
        return answer(charge_item_resources([find_charge_item(item.id)])[0], 201, replayed=replayed)
