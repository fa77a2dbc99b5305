"""Giving money back: by one person up to a limit, above it one asks and another approves or refuses."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from almoner.kernel.errors import NotFound
from almoner.kernel.tenancy import transaction
from almoner.pages.answers import done
from almoner.pages.cashier import queries
from almoner.pages.cashier.forms import ReasonForm, RefundForm
from almoner.pages.cashier.views.receipts import dialog
from almoner.pages.forms import sent
from almoner.pages.staff import HospitalRequest, hospital_view
from almoner.payments.models import RefundRequest
from almoner.payments.operations import (
    PERMISSION_REFUND,
    approve_refund,
    refund_or_ask,
    refuse_refund,
)


@require_http_methods(["GET", "POST"])
@hospital_view(PERMISSION_REFUND)
def refund(request: HospitalRequest, payment_id: UUID) -> HttpResponse:
    """A dialog: give money back, or ask for it where a second person approves."""
    with transaction(request.hospital.id):
        read = queries.read_receipt(payment_id)
    form = RefundForm(
        sent(request),
        currency=read.currency,
        initial={
            "amount": max(read.amount_minor - read.refunded_minor, 0) or None,
            "method": read.tenders[0].method,
        },
    )
    if request.method == "POST":
        refunded = form.attempt(
            lambda: refund_or_ask(
                request.hospital.id,
                payment_id,
                amount_minor=form.cleaned_data["amount"],
                method=form.cleaned_data["method"],
                reason=form.cleaned_data["reason"],
                idempotency_key=form.key,
                actor=request.actor,
                at=request.at,
            )
        )
        if isinstance(refunded, RefundRequest):
            return done(_("Asked. Nothing is given back until somebody else approves it."))
        if refunded is not None:
            return done(_("Give %(amount)s back.") % {"amount": request.formats.money(refunded.amount_minor)})
    says = _("First what is held as a deposit is given back, then the latest charges are opened again.")
    above = request.hospital.refund_approval_above_minor
    if above is not None:
        limit = _("More than %(amount)s of a payment is approved by a second person.") % {
            "amount": request.formats.money(above)
        }
        says = f"{says} {limit}"
    return dialog(request, form, payment_id, _("Refund"), says)


@require_POST
@hospital_view(PERMISSION_REFUND)
def approve(request: HospitalRequest, refund_request_id: UUID) -> HttpResponse:
    """Give the money back, as the second person."""
    refunded = approve_refund(request.hospital.id, refund_request_id, actor=request.actor, at=request.at)
    amount = {"amount": request.formats.money(refunded.amount_minor)}
    if refunded.cash_session_id is None or refunded.method != "cash":
        return done(_("Approved. Give %(amount)s back.") % amount)
    return done(_("Approved. %(amount)s comes out of the drawer.") % amount)


@require_http_methods(["GET", "POST"])
@hospital_view(PERMISSION_REFUND)
def refuse(request: HospitalRequest, refund_request_id: UUID) -> HttpResponse:
    """A dialog: give nothing back, and say why."""
    with transaction(request.hospital.id):
        asked = RefundRequest.objects.filter(id=refund_request_id).first()
    if asked is None:
        raise NotFound(_("There is no such request."), field="request_id", code="unknown_refund_request")
    form = ReasonForm(sent(request))
    if request.method == "POST":
        refused = form.attempt(
            lambda: refuse_refund(
                request.hospital.id,
                refund_request_id,
                reason=form.cleaned_data["reason"],
                actor=request.actor,
                at=request.at,
            )
        )
        if refused is not None:
            return done(_("Refused. Nothing is given back."))
    says = _("%(who)s asked to give %(amount)s back: “%(reason)s”.") % {
        "amount": request.formats.money(asked.amount_minor),
        "reason": asked.reason,
        "who": request.formats.person(asked.requested_by),
    }
    return dialog(request, form, asked.payment_id, _("Refuse the refund"), says)
