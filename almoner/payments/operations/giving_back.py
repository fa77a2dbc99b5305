"""Money that goes back: a payment voided because it was recorded in error, or refunded."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from almoner.identity import audit
from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict, DomainError
from almoner.kernel.idempotency import check_key, content_hash
from almoner.kernel.tenancy import transaction
from almoner.ledger.models import JournalEntry
from almoner.ledger.operations import post
from almoner.payments.models import (
    Payment,
    PaymentVoid,
    Refund,
)
from almoner.payments.operations.shared import (
    LEDGER_ACCOUNT_OF_METHOD,
    PERMISSION_REFUND,
    PERMISSION_VOID,
    allocated_parts,
    check_amount,
    check_reason,
    deallocate,
    locked_payment,
    money_lines,
    replayed,
)


def void_payment(
    hospital_id: UUID, payment_id: UUID, *, reason: str, idempotency_key: str, actor: Actor, at: datetime
) -> PaymentVoid:
    """Undo a payment recorded in error: its allocations end, its deposit goes, its entry is reversed.

    Raises ``Conflict`` when it was voided or refunded before.
    """
    actor.require(PERMISSION_VOID)
    check_key(idempotency_key)
    check_reason(reason)
    hashed = content_hash({"payment": payment_id, "reason": reason})
    with transaction(hospital_id):
        payment = locked_payment(payment_id)
        before = replayed(PaymentVoid, idempotency_key, hashed)
        if before is not None:
            return before  # type: ignore[no-any-return]
        if PaymentVoid.objects.filter(payment=payment).exists():
            raise Conflict("The payment was voided already.", field="payment_id", code="already_voided")
        if Refund.objects.filter(payment=payment).exists():
            raise Conflict(
                "Part of it was refunded: refund the rest instead.", field="payment_id", code="refunded"
            )
        void = PaymentVoid.objects.create(
            hospital_id=hospital_id,
            payment=payment,
            at=at,
            requested_by=actor.name,
            reason=reason,
            idempotency_key=idempotency_key,
            content_hash=hashed,
        )
        lines = [
            *money_lines(
                payment, LEDGER_ACCOUNT_OF_METHOD[Payment.Method(payment.method)], -payment.amount_minor
            ),
            *deallocate(payment, allocated_parts(payment), void.id, at),
            *money_lines(payment, "patient_deposits", payment.unallocated_minor),
        ]
        payment.unallocated_minor = 0
        payment.save(update_fields=["unallocated_minor"])
        entry = JournalEntry.objects.get(source_id=payment.id, kind="payment.received")
        post(
            kind="payment.voided",
            source_id=void.id,
            reverses_id=entry.id,
            lines=lines,
            occurred_at=at,
            posted_at=at,
            actor=actor.name,
        )
        audit.record(
            "payment.voided",
            actor=actor,
            at=at,
            subject_kind="payment",
            subject_id=payment.id,
            reason=reason,
            amount_minor=payment.amount_minor,
        )
        return void


def refund_payment(
    hospital_id: UUID,
    payment_id: UUID,
    *,
    amount_minor: int,
    reason: str,
    idempotency_key: str,
    actor: Actor,
    at: datetime,
    method: str = "",
) -> Refund:
    """Give money back: first what the payment holds as a deposit, then by reopening its latest charges.

    ``method`` defaults to the payment's. Raises ``Conflict`` for more than the payment still holds.
    """
    actor.require(PERMISSION_REFUND)
    check_key(idempotency_key)
    check_amount(amount_minor)
    check_reason(reason)
    hashed = content_hash({"payment": payment_id, "amount": amount_minor, "reason": reason, "method": method})
    with transaction(hospital_id):
        payment = locked_payment(payment_id)
        before = replayed(Refund, idempotency_key, hashed)
        if before is not None:
            return before  # type: ignore[no-any-return]
        how = method or payment.method
        if how not in Payment.Method.values:
            raise DomainError(f"Unknown method {how!r}.", field="method", code="unknown_method")
        allocated = allocated_parts(payment)
        held = payment.unallocated_minor + sum(amount for _, amount in allocated)
        if amount_minor > held:
            raise Conflict(
                f"The payment holds {held} minor units that can be refunded.",
                field="amount_minor",
                code="exceeds_payment",
                detail={"refundable_minor": held},
            )
        refund = Refund.objects.create(
            hospital_id=hospital_id,
            payment=payment,
            method=how,
            amount_minor=amount_minor,
            currency=payment.currency,
            at=at,
            requested_by=actor.name,
            reason=reason,
            idempotency_key=idempotency_key,
            content_hash=hashed,
        )
        from_deposit = min(amount_minor, payment.unallocated_minor)
        rest, parts = amount_minor - from_deposit, []
        for item, amount in allocated:
            part = min(rest, amount)
            if part:
                parts.append((item, part))
                rest -= part
        lines = [
            *money_lines(payment, LEDGER_ACCOUNT_OF_METHOD[Payment.Method(how)], -amount_minor),
            *money_lines(payment, "patient_deposits", from_deposit),
            *deallocate(payment, parts, refund.id, at),
        ]
        payment.unallocated_minor -= from_deposit
        payment.save(update_fields=["unallocated_minor"])
        post(
            kind="payment.refunded",
            source_id=refund.id,
            lines=lines,
            occurred_at=at,
            posted_at=at,
            actor=actor.name,
        )
        audit.record(
            "payment.refunded",
            actor=actor,
            at=at,
            subject_kind="payment",
            subject_id=payment.id,
            reason=reason,
            amount_minor=amount_minor,
        )
        return refund
