"""Voiding a payment takes two: one asks, another approves or refuses."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from almoner.kernel.errors import NotFound
from almoner.kernel.tenancy import transaction
from almoner.pages.answers import done
from almoner.pages.cashier.forms import ReasonForm
from almoner.pages.cashier.views.receipts import dialog
from almoner.pages.forms import sent
from almoner.pages.staff import HospitalRequest, hospital_view
from almoner.payments.models import VoidRequest
from almoner.payments.operations import (
    PERMISSION_RECORD,
    PERMISSION_VOID,
    approve_void,
    refuse_void,
    request_void,
)


@require_http_methods(["GET", "POST"])
@hospital_view(PERMISSION_RECORD)
def ask(request: HospitalRequest, payment_id: UUID) -> HttpResponse:
    """A dialog: the payment was recorded in error; somebody else has to agree."""
    form = ReasonForm(sent(request))
    if request.method == "POST":
        asked = form.attempt(
            lambda: request_void(
                request.hospital.id,
                payment_id,
                reason=form.cleaned_data["reason"],
                idempotency_key=form.key,
                actor=request.actor,
                at=request.at,
            )
        )
        if asked is not None:
            return done(_("Asked. The payment stands until somebody else approves the void."))
    says = _("For a payment that was recorded in error. Nothing changes until a second person approves it.")
    return dialog(request, form, payment_id, _("Ask to void"), says)


@require_POST
@hospital_view(PERMISSION_VOID)
def approve(request: HospitalRequest, void_request_id: UUID) -> HttpResponse:
    """Void the payment, as the second person."""
    void = approve_void(request.hospital.id, void_request_id, actor=request.actor, at=request.at)
    if void.cash_session_id is None:
        return done(_("The payment is void. What it paid is open again."))
    return done(_("The payment is void. Cash of it comes out of the drawer."))


@require_http_methods(["GET", "POST"])
@hospital_view(PERMISSION_VOID)
def refuse(request: HospitalRequest, void_request_id: UUID) -> HttpResponse:
    """A dialog: let the payment stand, and say why."""
    with transaction(request.hospital.id):
        asked = VoidRequest.objects.filter(id=void_request_id).first()
    if asked is None:
        raise NotFound(_("There is no such request."), field="request_id", code="unknown_void_request")
    form = ReasonForm(sent(request))
    if request.method == "POST":
        refused = form.attempt(
            lambda: refuse_void(
                request.hospital.id,
                void_request_id,
                reason=form.cleaned_data["reason"],
                actor=request.actor,
                at=request.at,
            )
        )
        if refused is not None:
            return done(_("Refused. The payment stands."))
    says = _("“%(reason)s” was asked by %(who)s. The payment stands when this is refused.") % {
        "reason": asked.reason,
        "who": request.formats.person(asked.requested_by),
    }
    return dialog(request, form, asked.payment_id, _("Refuse the void"), says)
