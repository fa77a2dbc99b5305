"""A payment's receipt: on the screen, on paper, verified by its code; and undoing the payment."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from almoner.hospitals.models import Hospital
from almoner.identity import audit
from almoner.kernel.errors import NotFound
from almoner.kernel.tenancy import transaction
from almoner.pages.answers import go_to
from almoner.pages.cashier import presenting, queries
from almoner.pages.cashier.tickets import qr_picture, read_ticket, receipt_ticket
from almoner.pages.forms import StaffForm
from almoner.pages.live import live_page
from almoner.pages.presenters import Formats
from almoner.pages.staff import HospitalRequest, hospital_view
from almoner.payments.models import RefundRequest
from almoner.payments.operations import (
    PERMISSION_RECORD,
    PERMISSION_REFUND,
    PERMISSION_VOID,
)

INVALID = 422
PAPERS = ("a4", "80mm")


def _context(request: HospitalRequest, read: queries.Receipt) -> dict[str, Any]:
    ticket = receipt_ticket(request.hospital.id, read.payment_id)
    address = request.build_absolute_uri(reverse("cashier:verify", args=[ticket]))
    return {
        "receipt": presenting.receipt_page(read, request.hospital.name, request.formats),
        "payment_id": read.payment_id,
        "qr": qr_picture(address),
        "address": address,
    }


@require_safe
@hospital_view(PERMISSION_RECORD)
def receipt(request: HospitalRequest, payment_id: UUID) -> HttpResponse:
    """``/cashier/payments/ID/``: the receipt, to print or to undo."""
    read = queries.read_receipt(payment_id)
    context = _context(request, read)
    held_minor = 0 if read.voided_at else read.amount_minor - read.refunded_minor
    may_ask = held_minor > 0 and not read.refunded_minor and read.asked_void is None
    actions = [
        ("void", _("Ask to void"), PERMISSION_RECORD, may_ask),
    ]
    context["asked"] = _asked(request, read)
    context["asked_refund"] = _asked_refund(request, payment_id)
    may_refund = held_minor > 0 and context["asked_refund"] is None
    actions.append(("refund", _("Refund"), PERMISSION_REFUND, may_refund))
    context["actions"] = [
        {
            "url": reverse(f"cashier:{name}", args=[payment_id]),
            "title": title,
            "code": name,
            "why_not": ""
            if request.actor.may(permission)
            else _("This is done by: %(roles)s.") % {"roles": ", ".join(request.actor.who_may(permission))},
        }
        for name, title, permission, is_possible in actions
        if is_possible
    ]
    return live_page(request, "cashier/receipt.html", "cashier/receipt_content.html", context)


def _asked(request: HospitalRequest, read: queries.Receipt) -> dict[str, str] | None:
    """The void that was asked for, with who may decide about it."""
    asked = read.asked_void
    if asked is None:
        return None
    why_not = presenting.own_request(asked.requested_by, asked.requester_id, request.actor)
    if not request.actor.may(PERMISSION_VOID):
        why_not = _("This is decided by: %(roles)s.") % {
            "roles": ", ".join(request.actor.who_may(PERMISSION_VOID))
        }
    return {
        "by": request.formats.person(asked.requested_by),
        "when": request.formats.moment(asked.at, today=request.today),
        "reason": asked.reason,
        "why_not": why_not,
        "approve": reverse("cashier:approve-void", args=[asked.request_id]),
        "refuse": reverse("cashier:refuse-void", args=[asked.request_id]),
    }


def _asked_refund(request: HospitalRequest, payment_id: UUID) -> dict[str, str] | None:
    """The refund that was asked for, with who may decide about it."""
    asked = RefundRequest.objects.filter(payment=payment_id, decision="").first()
    if asked is None:
        return None
    why_not = presenting.own_request(asked.requested_by, asked.requester_id, request.actor)
    if not request.actor.may(PERMISSION_REFUND):
        why_not = _("This is decided by: %(roles)s.") % {
            "roles": ", ".join(request.actor.who_may(PERMISSION_REFUND))
        }
    return {
        "amount": request.formats.money(asked.amount_minor),
        "by": request.formats.person(asked.requested_by),
        "when": request.formats.moment(asked.at, today=request.today),
        "reason": asked.reason,
        "why_not": why_not,
        "approve": reverse("cashier:approve-refund", args=[asked.id]),
        "refuse": reverse("cashier:refuse-refund", args=[asked.id]),
    }


def known_paper(paper: str) -> None:
    """Raise ``NotFound`` for a paper that nothing is printed on."""
    if paper not in PAPERS:
        raise NotFound(_("Receipts are printed on a4 or 80mm."), field="paper", code="unknown_paper")


@require_POST
@hospital_view(PERMISSION_RECORD)
def print_receipt(request: HospitalRequest, payment_id: UUID, paper: str) -> HttpResponse:
    """Note that the receipt is printed, so that the next one is marked as a reprint, and lead to the paper."""
    known_paper(paper)
    with transaction(request.hospital.id):
        queries.read_receipt(payment_id)
        audit.record(
            queries.PRINTED,
            actor=request.actor,
            at=request.at,
            subject_kind="payment",
            subject_id=payment_id,
            paper=paper,
        )
    return go_to(reverse("cashier:paper", args=[payment_id, paper]))


@require_safe
@hospital_view(PERMISSION_RECORD)
def paper_receipt(request: HospitalRequest, payment_id: UUID, paper: str) -> HttpResponse:
    """``/cashier/payments/ID/paper/80mm/``: the receipt alone, as wide as the paper."""
    known_paper(paper)
    context = _context(request, queries.read_receipt(payment_id))
    return render(request, "cashier/paper.html", {**context, "paper": paper})


def dialog(
    request: HospitalRequest, form: StaffForm, payment_id: UUID, title: str, says: str
) -> HttpResponse:
    """The dialog of ``form`` about a payment."""
    with transaction(request.hospital.id):
        read = queries.read_receipt(payment_id)
    context = {
        "form": form,
        "action": request.path,
        "title": title,
        "says": says,
        "receipt": presenting.receipt_page(read, request.hospital.name, request.formats),
    }
    return render(request, "cashier/undo.html", context, status=INVALID if form.errors else 200)


@require_safe
def verify(request: HttpRequest, ticket: str) -> HttpResponse:
    """``/cashier/verify/TICKET/``, where a receipt's code leads; open to everybody, names no patient."""
    named = read_ticket(ticket)
    hospital = Hospital.objects.filter(id=named[0]).first() if named else None
    if named is None or hospital is None:
        raise Http404("This code is of no receipt.")
    with transaction(hospital.id):
        try:
            read = queries.read_receipt(named[1])
        except NotFound as error:
            raise Http404(error.message) from error
    page = presenting.receipt_page(read, hospital.name, Formats.of(hospital))
    return render(request, "cashier/verify.html", {"receipt": page})
