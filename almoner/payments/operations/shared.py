"""What every movement of money needs: limits, keys, the locked payment, its lines in the journal."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Sum
from django.utils.translation import gettext as _

from almoner.charging import operations as charging
from almoner.charging.models import ChargeItem
from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict, DomainError, IdempotencyMismatch, NotFound
from almoner.ledger.operations import Line
from almoner.ledger.queries import session_movements
from almoner.payments.models import (
    Allocation,
    CashSession,
    Payment,
)

PERMISSION_RECORD = "payments.record"
PERMISSION_VOID = "payments.void"
PERMISSION_REFUND = "payments.refund"
PERMISSION_PLAN = "payments.plan"
PERMISSION_SUPERVISE = "payments.supervise_drawers"
MAXIMUM_AMOUNT_MINOR = 10**13

LEDGER_ACCOUNT_OF_METHOD = {
    Payment.Method.CASH: "cash_drawer",
    Payment.Method.CARD: "card_clearing",
    Payment.Method.BANK_TRANSFER: "bank",
    Payment.Method.CHEQUE: "cheque_clearing",
    Payment.Method.MOBILE_MONEY: "mobile_money_clearing",
}


def check_amount(amount_minor: int, field: str = "amount_minor") -> None:
    if not 0 < amount_minor <= MAXIMUM_AMOUNT_MINOR:
        raise DomainError(
            _("An amount is above 0 and at most %(maximum_amount_minor)s minor units, got %(amount_minor)s.")
            % {"maximum_amount_minor": MAXIMUM_AMOUNT_MINOR, "amount_minor": amount_minor},
            field=field,
            code="invalid_amount",
        )


def check_reason(reason: str) -> None:
    if not reason.strip() or len(reason) > 500:
        raise DomainError(_("Say why, in 1 to 500 characters."), field="reason", code="reason_missing")


def replayed(model: Any, key: str, hashed: str) -> Any | None:
    """The row that this key made before; ``IdempotencyMismatch`` when the content was another."""
    row = model.objects.filter(idempotency_key=key).first()
    if row is not None and row.content_hash != hashed:
        raise IdempotencyMismatch(key)
    return row


def locked_payment(payment_id: UUID) -> Payment:
    payment = Payment.objects.filter(id=payment_id).first()
    if payment is None:
        raise NotFound(_("There is no such payment."), field="payment_id", code="unknown_payment")
    charging.lock_account(payment.patient_account_id)
    return Payment.objects.get(id=payment_id)


def allocated_parts(payment: Payment) -> list[tuple[ChargeItem, int]]:
    """What the payment still gives to each charge item, latest charges first."""
    rows = (
        Allocation.objects.filter(payment=payment)
        .values("charge_item_id")
        .annotate(total=Sum("amount_minor"))
        .filter(total__gt=0)
    )
    totals = {row["charge_item_id"]: row["total"] for row in rows}
    items = ChargeItem.objects.filter(id__in=totals).order_by("-service_date", "-id")
    return [(item, totals[item.id]) for item in items]


def deallocate(
    payment: Payment, parts: list[tuple[ChargeItem, int]], source_id: UUID, at: datetime
) -> list[Line]:
    """Write the negative allocations and give the lines that reopen the charges."""
    Allocation.objects.bulk_create(
        [
            Allocation(
                hospital_id=payment.hospital_id,
                payment=payment,
                charge_item=item,
                amount_minor=-amount,
                currency=payment.currency,
                allocated_at=at,
                source_id=source_id,
            )
            for item, amount in parts
        ]
    )
    return [receivable_line(payment, item, amount) for item, amount in parts]


def receivable_line(payment: Payment, item: ChargeItem, amount_minor: int) -> Line:
    return Line(
        account_code="payer_receivable" if payment.payer_id else "patient_receivable",
        amount_minor=amount_minor,
        currency=payment.currency,
        patient_account_id=item.patient_account_id,
        charge_item_id=item.id,
        payment_id=payment.id,
        department_id=item.department_id,
        service_id=item.service_id,
        payer_id=payment.payer_id,
    )


def money_lines(
    payment: Payment, account_code: str, amount_minor: int, cash_session_id: UUID | None = None
) -> list[Line]:
    if amount_minor == 0:
        return []
    return [
        Line(
            account_code=account_code,
            amount_minor=amount_minor,
            currency=payment.currency,
            patient_account_id=payment.patient_account_id,
            payment_id=payment.id,
            payer_id=payment.payer_id,
            cash_session_id=cash_session_id,
        )
    ]


def no_open_drawer(cash_point: str = "") -> Conflict:
    """The refusal of cash without a drawer."""
    where = f" at the cash point {cash_point!r}" if cash_point else ""
    return Conflict(
        _("You have no open drawer%(where)s. Open it with a counted float first: cash needs a drawer.")
        % {"where": where},
        field="cash_point",
        code="no_open_drawer",
    )


def drawer_giving(actor: Actor, cash_point: str, *, cash: bool) -> CashSession | None:
    """The session out of which ``actor`` gives money back: a person's own, for a program the one at ``cash_point``.

    Locked, so that it is not closed before the commit. Raises ``Conflict`` when a person gives ``cash`` without one.
    """
    if actor.user_id is not None:
        found = CashSession.objects.filter(cashier_id=actor.user_id, closed_at=None)
    else:
        found = CashSession.objects.filter(cash_point=cash_point, closed_at=None)
    session = found.select_for_update().first()
    if session is None and cash and actor.user_id is not None:
        raise no_open_drawer()
    return session


def drawer_line(session: CashSession, amount_minor: int) -> Line:
    """Cash into the drawer of ``session``, or out of it when negative."""
    return Line("cash_drawer", amount_minor, session.currency, cash_session_id=session.id)


def expected_cash(session_id: UUID) -> int:
    """What the ledger says is in the drawer of a session, in minor units."""
    return sum(one.amount_minor for one in session_movements(session_id) if one.account_code == "cash_drawer")
