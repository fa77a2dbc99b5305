"""Refunds above what one person may give back: one asks, another approves; until then no money leaves."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext as _

from almoner.identity import audit
from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict, NotFound
from almoner.kernel.idempotency import check_key, content_hash
from almoner.kernel.tenancy import transaction
from almoner.payments.models import CashSession, Payment, Refund, RefundRequest
from almoner.payments.operations.deciding import decide
from almoner.payments.operations.giving_back import (
    check_refundable,
    give_back,
    needs_approval,
    refund_payment,
)
from almoner.payments.operations.shared import (
    PERMISSION_REFUND,
    check_amount,
    check_reason,
    drawer_giving,
    locked_payment,
    replayed,
)


def request_refund(
    hospital_id: UUID,
    payment_id: UUID,
    *,
    amount_minor: int,
    reason: str,
    idempotency_key: str,
    actor: Actor,
    at: datetime,
    method: str = "",
) -> RefundRequest:
    """Ask that ``amount_minor`` (minor units) be given back. Nothing moves until somebody else approves it.

    Raises ``Conflict`` for more than the payment still holds, and when it was asked for already.
    """
    actor.require(PERMISSION_REFUND)
    check_key(idempotency_key)
    check_amount(amount_minor)
    check_reason(reason)
    hashed = content_hash({"payment": payment_id, "amount": amount_minor, "reason": reason, "method": method})
    with transaction(hospital_id):
        payment = locked_payment(payment_id)
        before = replayed(RefundRequest, idempotency_key, hashed)
        if before is not None:
            return before  # type: ignore[no-any-return]
        how = method or payment.method
        check_refundable(payment, amount_minor, how)
        if RefundRequest.objects.filter(payment=payment, decision="").exists():
            raise Conflict(
                _("A refund of this payment was asked for already; somebody has to decide."),
                field="payment_id",
                code="refund_requested",
            )
        request = RefundRequest.objects.create(
            hospital_id=hospital_id,
            payment=payment,
            method=how,
            amount_minor=amount_minor,
            currency=payment.currency,
            at=at,
            requested_by=actor.name,
            requester_id=actor.user_id,
            reason=reason,
            idempotency_key=idempotency_key,
            content_hash=hashed,
        )
        _record("payment.refund_requested", request, reason, actor, at)
        return request


def refund_or_ask(
    hospital_id: UUID,
    payment_id: UUID,
    *,
    amount_minor: int,
    reason: str,
    idempotency_key: str,
    actor: Actor,
    at: datetime,
    method: str = "",
) -> Refund | RefundRequest:
    """Give money back where one person may, else ask for it; the same request again finds what it did.

    Raises as ``refund_payment`` and ``request_refund``.
    """
    actor.require(PERMISSION_REFUND)
    with transaction(hospital_id):
        payment = locked_payment(payment_id)
        asked = RefundRequest.objects.filter(idempotency_key=idempotency_key).exists()
        done = Refund.objects.filter(idempotency_key=idempotency_key).exists()
        act = (
            request_refund
            if asked or (not done and needs_approval(payment, amount_minor))
            else refund_payment
        )
        return act(
            hospital_id,
            payment_id,
            amount_minor=amount_minor,
            reason=reason,
            idempotency_key=idempotency_key,
            actor=actor,
            at=at,
            method=method,
        )


def approve_refund(hospital_id: UUID, request_id: UUID, *, actor: Actor, at: datetime) -> Refund:
    """Give back what a request asks for, as its second person. Approving what one approved gives the same refund.

    Cash comes out of the drawer of who asked while that is open, else out of the approver's. Raises ``Conflict``
    when it is the approver's own request, was decided otherwise, or the payment does not hold it any more.
    """
    actor.require(PERMISSION_REFUND)
    with transaction(hospital_id):
        request = _locked_request(request_id)
        key = f"refund-request:{request.id}"
        if request.decision == RefundRequest.Decision.APPROVED and request.decided_by == actor.name:
            return Refund.objects.get(idempotency_key=key)
        decide(request, RefundRequest.Decision.APPROVED, "", what="refund", actor=actor, at=at)
        payment = locked_payment(request.payment_id)
        check_refundable(payment, request.amount_minor, request.method)
        return give_back(
            payment,
            request.amount_minor,
            request.method,
            _drawer(request, payment, actor),
            reason=request.reason,
            key=key,
            hashed=request.content_hash,
            requested_by=request.requested_by,
            approved_by=actor.name,
            actor=actor,
            at=at,
        )


def refuse_refund(
    hospital_id: UUID, request_id: UUID, *, reason: str, actor: Actor, at: datetime
) -> RefundRequest:
    """Give nothing back, as the second person of a request, with the ``reason``. Raises as ``approve_refund``."""
    actor.require(PERMISSION_REFUND)
    check_reason(reason)
    with transaction(hospital_id):
        request = _locked_request(request_id)
        if request.decision == RefundRequest.Decision.REFUSED and request.decided_by == actor.name:
            return request
        decide(request, RefundRequest.Decision.REFUSED, reason, what="refund", actor=actor, at=at)
        _record("payment.refund_refused", request, reason, actor, at)
        return request


def _drawer(request: RefundRequest, payment: Payment, actor: Actor) -> CashSession | None:
    """The drawer that the money leaves: of who asked while it is open, else the approver's."""
    if request.requester_id is not None:
        asked = CashSession.objects.select_for_update().filter(
            cashier_id=request.requester_id, closed_at=None
        )
        session = asked.first()
        if session is not None:
            return session
    return drawer_giving(actor, payment.cash_point, cash=request.method == Payment.Method.CASH)


def _locked_request(request_id: UUID) -> RefundRequest:
    """The request, after the account of its payment was locked: the order in which all money is locked."""
    request = RefundRequest.objects.filter(id=request_id).first()
    if request is None:
        raise NotFound(_("There is no such request."), field="request_id", code="unknown_refund_request")
    locked_payment(request.payment_id)
    return RefundRequest.objects.select_for_update().get(id=request_id)


def _record(action: str, request: RefundRequest, reason: str, actor: Actor, at: datetime) -> None:
    audit.record(
        action,
        actor=actor,
        at=at,
        subject_kind="payment",
        subject_id=request.payment_id,
        reason=reason,
        amount_minor=request.amount_minor,
    )
