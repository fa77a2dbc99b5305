"""/payments and what follows them: voids, refunds, deposits; corrections of charges that may be paid."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from django.http import HttpResponse
from django.utils.translation import gettext as _
from ninja import Query, Router

from almoner.charging.api import find_charge_item
from almoner.charging.operations import PERMISSION_CORRECT
from almoner.charging.wire import SCOPE_BILLING, ChargeItemResource, charge_item_resources
from almoner.hospitals.callers import ApiRequest, needs
from almoner.kernel.errors import NotFound
from almoner.kernel.paging import Cursor, Limit, read_page
from almoner.kernel.tenancy import transaction
from almoner.kernel.wire import IdempotencyKey, answer
from almoner.patients.merging import records_of
from almoner.patients.models import Payer
from almoner.payments import operations
from almoner.payments.corrections import cancel_with_reason, revise_quantity
from almoner.payments.models import (
    CashPoint,
    DepositApplication,
    Payment,
)
from almoner.payments.wire import (
    Cancellation,
    CashPointPage,
    CashPointResource,
    DepositApplicationResource,
    NewDepositApplication,
    NewPayment,
    NewRefund,
    NewVoid,
    PaymentPage,
    PaymentResource,
    RecordedResource,
    RefundResource,
    Revision,
    VoidResource,
    payment_resources,
    refund_resource,
    void_resource,
)

router = Router(tags=["Payments"])


def _check_payer(hospital_id: UUID, payer_id: UUID) -> None:
    with transaction(hospital_id):
        if not Payer.objects.filter(id=payer_id).exists():
            raise NotFound(
                _("There is no such payer at this hospital."), field="payer_id", code="unknown_payer"
            )


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
        method=body.method.value if body.method else "",
        tenders=[
            operations.Tender(
                tender.method.value, tender.amount_minor, tender.tendered_minor, tender.reference
            )
            for tender in body.tenders
        ],
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
            rows = rows.filter(patient_account__patient__in=records_of(patient_id))
        if patient_account_id is not None:
            rows = rows.filter(patient_account=patient_account_id)
        if encounter_id is not None:
            rows = rows.filter(encounter=encounter_id)
        page = read_page(rows, cursor=cursor, limit=limit, time="received_at", show=lambda row: row)
        page["items"] = payment_resources(page["items"])
    return answer(PaymentPage(**page))


@router.get("/payments/{payment_id}", auth=needs(SCOPE_BILLING), response=PaymentResource)
def get_payment(request: ApiRequest, payment_id: UUID) -> HttpResponse:
    """One payment as it stands now."""
    with transaction(request.auth.hospital_id):
        row = Payment.objects.filter(id=payment_id).first()
        if row is None:
            raise NotFound(
                _("There is no such payment at this hospital."), field="payment_id", code="unknown_payment"
            )
        return answer(payment_resources([row])[0])


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
    return answer(void_resource(void), 201, replayed=void.at != caller.at)


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
    return answer(refund_resource(refund), 201, replayed=refund.at != caller.at)


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
