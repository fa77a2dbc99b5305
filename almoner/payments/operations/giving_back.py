"""Money that is given back from a payment."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext

from almoner.identity import audit
from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict, DomainError
from almoner.kernel.idempotency import check_key, content_hash
from almoner.kernel.tenancy import transaction
from almoner.ledger.operations import post
from almoner.payments.models import (
    Payment,
    Refund,
)
from almoner.payments.operations.shared import (
    LEDGER_ACCOUNT_OF_METHOD,
    PERMISSION_REFUND,
    allocated_parts,
    check_amount,
    check_reason,
    deallocate,
    drawer_giving,
    locked_payment,
    money_lines,
    replayed,
)


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

    ``method`` defaults to the payment's, and must be said when it was paid by several. Cash comes out of the
    drawer that ``actor`` has open. Raises ``Conflict`` for more than the payment still holds, or without a drawer.
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
            known = ", ".join(Payment.Method.values)
            raise DomainError(
                gettext("Say by which method it is given back: %(known)s.") % {"known": known},
                field="method",
                code="unknown_method",
            )
        allocated = allocated_parts(payment)
        held = payment.unallocated_minor + sum(amount for _, amount in allocated)
        if amount_minor > held:
            raise Conflict(
                gettext("The payment holds %(held)s minor units that can be refunded.") % {"held": held},
                field="amount_minor",
                code="exceeds_payment",
                detail={"refundable_minor": held},
            )
        session = drawer_giving(actor, payment.cash_point, cash=how == Payment.Method.CASH)
        refund = Refund.objects.create(
            hospital_id=hospital_id,
            payment=payment,
            cash_session=session,
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
            *money_lines(
                payment,
                LEDGER_ACCOUNT_OF_METHOD[Payment.Method(how)],
                -amount_minor,
                session.id if session else None,
            ),
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
