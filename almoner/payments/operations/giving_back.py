"""Money that is given back from a payment."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db.models import Sum
from django.utils.translation import gettext

from almoner.hospitals.models import Hospital
from almoner.identity import audit
from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict, DomainError
from almoner.kernel.idempotency import check_key, content_hash
from almoner.kernel.money import Money
from almoner.kernel.tenancy import transaction
from almoner.ledger.operations import post
from almoner.payments.models import (
    CashSession,
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
    drawer that ``actor`` has open. Raises ``Conflict`` for more than the payment still holds, without a drawer, and
    where a second person approves it (``refund_requests.request_refund``).
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
        check_approval(payment, amount_minor)
        how = method or payment.method
        check_refundable(payment, amount_minor, how)
        session = drawer_giving(actor, payment.cash_point, cash=how == Payment.Method.CASH)
        return give_back(
            payment,
            amount_minor,
            how,
            session,
            reason=reason,
            key=idempotency_key,
            hashed=hashed,
            requested_by=actor.name,
            actor=actor,
            at=at,
        )


def approval_above(hospital_id: UUID) -> int | None:
    """What may be given back of one payment without a second person, in minor units; None: all of it."""
    limits = Hospital.objects.values_list("refund_approval_above_minor", flat=True)
    return limits.get(id=hospital_id)


def needs_approval(payment: Payment, amount_minor: int) -> bool:
    """Whether a second person approves it; what was given back of the payment before counts, so that parts do not
    pass where the whole would not."""
    limit = approval_above(payment.hospital_id)
    if limit is None:
        return False
    before = Refund.objects.filter(payment=payment).aggregate(total=Sum("amount_minor"))["total"] or 0
    return bool(before + amount_minor > limit)


def check_approval(payment: Payment, amount_minor: int) -> None:
    """Raise ``Conflict`` for what a second person has to approve."""
    if needs_approval(payment, amount_minor):
        limit = Money(approval_above(payment.hospital_id) or 0, payment.currency)
        raise Conflict(
            gettext(
                "More than %(limit)s given back of a payment is approved by a second person: ask for it, and "
                "somebody else decides."
            )
            % {"limit": limit},
            field="amount_minor",
            code="second_person_needed",
        )


def check_refundable(payment: Payment, amount_minor: int, how: str) -> None:
    """Refuse more than the locked ``payment`` still holds, and a method that is none."""
    if how not in Payment.Method.values:
        known = ", ".join(Payment.Method.values)
        raise DomainError(
            gettext("Say by which method it is given back: %(known)s.") % {"known": known},
            field="method",
            code="unknown_method",
        )
    held = payment.unallocated_minor + sum(amount for _, amount in allocated_parts(payment))
    if amount_minor > held:
        raise Conflict(
            gettext("The payment holds %(held)s minor units that can be refunded.") % {"held": held},
            field="amount_minor",
            code="exceeds_payment",
            detail={"refundable_minor": held},
        )


def give_back(
    payment: Payment,
    amount_minor: int,
    how: str,
    session: CashSession | None,
    *,
    reason: str,
    key: str,
    hashed: str,
    requested_by: str,
    approved_by: str = "",
    actor: Actor,
    at: datetime,
) -> Refund:
    """The refund itself, of the locked ``payment``, out of the drawer of ``session``."""
    refund = Refund.objects.create(
        hospital_id=payment.hospital_id,
        payment=payment,
        cash_session=session,
        method=how,
        amount_minor=amount_minor,
        currency=payment.currency,
        at=at,
        requested_by=requested_by,
        approved_by=approved_by,
        reason=reason,
        idempotency_key=key,
        content_hash=hashed,
    )
    from_deposit = min(amount_minor, payment.unallocated_minor)
    rest, parts = amount_minor - from_deposit, []
    for item, amount in allocated_parts(payment):
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
