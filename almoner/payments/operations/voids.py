"""Payments recorded in error: one person asks that they be voided, another decides; until then nothing changes."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext as _

from almoner.identity import audit
from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict, NotFound
from almoner.kernel.idempotency import check_key, content_hash
from almoner.kernel.tenancy import transaction
from almoner.ledger.models import JournalEntry
from almoner.ledger.operations import post
from almoner.payments.models import CashSession, Payment, PaymentTender, PaymentVoid, Refund, VoidRequest
from almoner.payments.operations.deciding import decide
from almoner.payments.operations.shared import (
    LEDGER_ACCOUNT_OF_METHOD,
    PERMISSION_RECORD,
    PERMISSION_VOID,
    allocated_parts,
    check_reason,
    deallocate,
    drawer_giving,
    locked_payment,
    money_lines,
    replayed,
)


def void_payment(
    hospital_id: UUID, payment_id: UUID, *, reason: str, idempotency_key: str, actor: Actor, at: datetime
) -> PaymentVoid:
    """Undo a payment recorded in error: its allocations end, its deposit goes, its entry is reversed.

    For programs, which answer for both sides of it; a person asks (``request_void``) and another one approves.
    Raises ``Conflict`` when it was voided or refunded before, and for a person.
    """
    actor.require(PERMISSION_VOID)
    check_key(idempotency_key)
    check_reason(reason)
    if actor.user_id is not None:
        raise Conflict(
            _("A second person approves a void: ask for it, and somebody else decides."),
            field="actor",
            code="second_person_needed",
        )
    hashed = content_hash({"payment": payment_id, "reason": reason})
    with transaction(hospital_id):
        payment = locked_payment(payment_id)
        before = replayed(PaymentVoid, idempotency_key, hashed)
        if before is not None:
            return before  # type: ignore[no-any-return]
        return _void(payment, reason, idempotency_key, hashed, requested_by=actor.name, actor=actor, at=at)


def request_void(
    hospital_id: UUID, payment_id: UUID, *, reason: str, idempotency_key: str, actor: Actor, at: datetime
) -> VoidRequest:
    """Ask that a payment be voided. Nothing changes until somebody else approves it.

    Raises ``Conflict`` when it is voided, refunded or asked for already.
    """
    actor.require(PERMISSION_RECORD)
    check_key(idempotency_key)
    check_reason(reason)
    hashed = content_hash({"payment": payment_id, "reason": reason})
    with transaction(hospital_id):
        payment = locked_payment(payment_id)
        before = replayed(VoidRequest, idempotency_key, hashed)
        if before is not None:
            return before  # type: ignore[no-any-return]
        _check_voidable(payment)
        if VoidRequest.objects.filter(payment=payment, decision="").exists():
            raise Conflict(
                _("It was asked already that this payment be voided; somebody has to decide."),
                field="payment_id",
                code="void_requested",
            )
        request = VoidRequest.objects.create(
            hospital_id=hospital_id,
            payment=payment,
            at=at,
            requested_by=actor.name,
            requester_id=actor.user_id,
            reason=reason,
            idempotency_key=idempotency_key,
            content_hash=hashed,
        )
        audit.record(
            "payment.void_requested",
            actor=actor,
            at=at,
            subject_kind="payment",
            subject_id=payment.id,
            reason=reason,
        )
        return request


def approve_void(hospital_id: UUID, request_id: UUID, *, actor: Actor, at: datetime) -> PaymentVoid:
    """Void the payment of a request, as its second person. Approving what one approved gives the same void.

    Cash comes out of the drawer that took it while that is open, else out of the approver's.
    Raises ``Conflict`` when it is the approver's own request, or was decided otherwise.
    """
    actor.require(PERMISSION_VOID)
    with transaction(hospital_id):
        request = _locked_request(request_id)
        if request.decision == VoidRequest.Decision.APPROVED and request.decided_by == actor.name:
            return PaymentVoid.objects.get(payment_id=request.payment_id)
        decide(request, VoidRequest.Decision.APPROVED, "", what="void", actor=actor, at=at)
        return _void(
            locked_payment(request.payment_id),
            request.reason,
            f"void-request:{request.id}",
            request.content_hash,
            requested_by=request.requested_by,
            approved_by=actor.name,
            actor=actor,
            at=at,
        )


def refuse_void(
    hospital_id: UUID, request_id: UUID, *, reason: str, actor: Actor, at: datetime
) -> VoidRequest:
    """Let the payment of a request stand, as its second person, with the ``reason``.

    Raises as ``approve_void``.
    """
    actor.require(PERMISSION_VOID)
    check_reason(reason)
    with transaction(hospital_id):
        request = _locked_request(request_id)
        if request.decision == VoidRequest.Decision.REFUSED and request.decided_by == actor.name:
            return request
        decide(request, VoidRequest.Decision.REFUSED, reason, what="void", actor=actor, at=at)
        audit.record(
            "payment.void_refused",
            actor=actor,
            at=at,
            subject_kind="payment",
            subject_id=request.payment_id,
            reason=reason,
        )
        return request


def _locked_request(request_id: UUID) -> VoidRequest:
    """The request, after the account of its payment was locked: the order in which all money is locked."""
    request = VoidRequest.objects.filter(id=request_id).first()
    if request is None:
        raise NotFound(_("There is no such request."), field="request_id", code="unknown_void_request")
    locked_payment(request.payment_id)
    return VoidRequest.objects.select_for_update().get(id=request_id)


def _check_voidable(payment: Payment) -> None:
    if PaymentVoid.objects.filter(payment=payment).exists():
        raise Conflict(_("The payment was voided already."), field="payment_id", code="already_voided")
    if Refund.objects.filter(payment=payment).exists():
        raise Conflict(
            _("Part of it was refunded: refund the rest instead."), field="payment_id", code="refunded"
        )


def _drawer_of_void(payment: Payment, methods: set[str], actor: Actor) -> CashSession | None:
    """The session in which the money goes back: the payment's own while it is open, else the approver's."""
    if payment.cash_session_id is None:
        return None
    own = CashSession.objects.select_for_update().filter(id=payment.cash_session_id, closed_at=None).first()
    return own or drawer_giving(actor, payment.cash_point, cash=Payment.Method.CASH in methods)


def _void(
    payment: Payment,
    reason: str,
    key: str,
    hashed: str,
    *,
    requested_by: str,
    approved_by: str = "",
    actor: Actor,
    at: datetime,
) -> PaymentVoid:
    """The void itself. Each tender goes back to the account that it was debited to."""
    _check_voidable(payment)
    tenders = list(PaymentTender.objects.filter(payment=payment).order_by("line"))
    session = _drawer_of_void(payment, {tender.method for tender in tenders}, actor)
    void = PaymentVoid.objects.create(
        hospital_id=payment.hospital_id,
        payment=payment,
        at=at,
        requested_by=requested_by,
        approved_by=approved_by,
        cash_session=session,
        reason=reason,
        idempotency_key=key,
        content_hash=hashed,
    )
    lines = [
        *(
            line
            for tender in tenders
            for line in money_lines(
                payment,
                LEDGER_ACCOUNT_OF_METHOD[Payment.Method(tender.method)],
                -tender.amount_minor,
                session.id if session else None,
            )
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
