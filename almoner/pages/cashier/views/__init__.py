"""The cashier: find whoever pays, take the money for what is ticked, and the payments of the day."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from almoner.enforcement.queries import billing_status
from almoner.kernel.errors import DomainError, NotFound
from almoner.kernel.tenancy import transaction
from almoner.pages.answers import done, go_to
from almoner.pages.cashier import presenting, queries
from almoner.pages.cashier.drawers import is_blind, moment
from almoner.pages.cashier.forms import AccountForm, Ticked
from almoner.pages.cashier.tickets import TICKET_IN_ADDRESS, read_ticket
from almoner.pages.forms import sent
from almoner.pages.live import live_page
from almoner.pages.patient_file import find_patient
from almoner.pages.patient_page import held_lines, patient_head
from almoner.pages.presenters import METHODS, billing_widget
from almoner.pages.search import MAXIMUM_LENGTH, find_patients, receipt_number
from almoner.pages.staff import HospitalRequest, hospital_view
from almoner.pages.step_actions import cash_points
from almoner.patients.models import Patient, PatientAccount
from almoner.payments.models import CashSession
from almoner.payments.operations import (
    PERMISSION_RECORD,
    PERMISSION_REFUND,
    PERMISSION_SUPERVISE,
    PERMISSION_VOID,
    Recorded,
    apply_deposits,
    record_payment,
)
from almoner.payments.queries import open_session_of

INVALID = 422
CASH_POINT = "cash_point"
MAXIMUM_SCANNED = 400


@require_safe
@hospital_view(PERMISSION_RECORD)
def desk(request: HospitalRequest) -> HttpResponse:
    """``/cashier/?point=CODE``: find whoever pays; today's payments of the cash point (all without one)."""
    points = cash_points()
    point = request.GET.get("point", "")
    if point and point not in dict(points):
        raise NotFound(_("There is no such cash point."), field="point", code="unknown_cash_point")
    taken, totals = queries.payments_of_day(request.hospital, request.today, point)
    formats, mine = request.formats, open_session_of(request.user.id)
    context = {
        "points": points,
        "point": point,
        "rows": [presenting.taken_row(one, formats, today=request.today) for one in taken],
        "is_full": len(taken) == queries.MAXIMUM_PAYMENTS,
        "sums": presenting.day_sums(
            totals,
            formats,
            is_blind=mine is not None and is_blind(mine, request.actor),
            sees_drawers=request.actor.may(PERMISSION_SUPERVISE),
        ),
        "count": totals.count,
        "drawer": _drawer(mine, request),
        "asked": _asked(request, PERMISSION_VOID, queries.waiting_voids),
        "asked_refunds": _asked(request, PERMISSION_REFUND, queries.waiting_refunds),
    }
    query = f"point={point}" if point else ""
    return live_page(request, "cashier/desk.html", "cashier/desk_content.html", context, query=query)


def _drawer(mine: CashSession | None, request: HospitalRequest) -> dict[str, str] | None:
    """The drawer of whoever looks, if it is open."""
    if mine is None:
        return None
    return {
        "name": mine.name,
        "since": moment(mine.opened_at, request.formats, request.today),
        "url": reverse("cashier:session", args=[mine.id]),
        "move": reverse("cashier:move-cash", args=[mine.id]),
        "close": reverse("cashier:close-drawer", args=[mine.id]),
    }


def _asked(
    request: HospitalRequest, permission: str, read: Callable[[], list[queries.WaitingRequest]]
) -> list[presenting.WaitingRow]:
    """What waits for a second person, for those who may be that."""
    if not request.actor.may(permission):
        return []
    return [
        presenting.waiting_row(one, request.formats, request.actor, today=request.today) for one in read()
    ]


def _scanned(words: str, request: HospitalRequest) -> str:
    """Where a receipt's number or its scanned code leads; empty when ``words`` are neither of this hospital."""
    code = TICKET_IN_ADDRESS.search(words)
    if code is not None:
        named = read_ticket(code[1])
        if named is not None and named[0] == request.hospital.id:
            return reverse("cashier:receipt", args=[named[1]])
        return ""
    number = receipt_number(words)
    payment_id = queries.payment_by_receipt(*number) if number else None
    return reverse("cashier:receipt", args=[payment_id]) if payment_id else ""


@require_safe
@hospital_view(PERMISSION_RECORD)
def find(request: HospitalRequest) -> HttpResponse:
    """``/cashier/find/?q=words``: whoever may be meant, each with the way to what they owe.

    The number of a receipt, or the address in its code as a scanner types it, leads to the receipt.
    """
    typed = request.GET.get("q", "").replace("\x00", "")[:MAXIMUM_SCANNED].strip()
    receipt = _scanned(typed, request)
    if receipt and not request.htmx:
        return redirect(receipt)
    words = typed[:MAXIMUM_LENGTH]
    is_code = TICKET_IN_ADDRESS.search(typed) is not None
    rows = [
        {
            "url": reverse("cashier:account", args=[one.patient_id]),
            "name": one.name,
            "mrn": one.mrn,
            "born": request.formats.day(one.birth_date) if one.birth_date else "",
            "phone": one.phone,
            "by": one.by if one.by != one.mrn else "",
        }
        for one in (find_patients(words, today=request.today) if words and not is_code else [])
    ]
    if len(rows) == 1 and not request.htmx:
        return redirect(rows[0]["url"])
    template = "cashier/found.html" if request.htmx else "cashier/found_page.html"
    return render(request, template, {"rows": rows, "words": words, "receipt": receipt})


def _surviving(patient_id: UUID) -> Patient:
    """The patient; of a merged record the surviving one, where its accounts are now."""
    patient = find_patient(patient_id)
    return patient if patient.merged_into_id is None else find_patient(patient.merged_into_id)


def _account_of(patient: Patient, currency: str) -> PatientAccount:
    account = PatientAccount.objects.filter(patient=patient, currency=currency).order_by("id").first()
    if account is None:
        raise NotFound(
            _("The patient has no account in %(currency)s.") % {"currency": currency},
            field="patient_id",
            code="unknown_account",
        )
    return account


def _form(
    request: HospitalRequest,
    owed: list[queries.Owed],
    points: list[tuple[str, str]],
    mine: CashSession | None,
) -> AccountForm:
    """The form of what is owed: in cash at one's own open drawer, else by card."""
    return AccountForm(
        sent(request),
        currency=request.hospital.currency,
        cash_points=points,
        initial={
            "items": [Ticked(one.charge_item_id, one.open_minor) for one in owed],
            "cash_point": mine.cash_point if mine else request.session.get(CASH_POINT, ""),
            "method": "cash" if mine else "card",
        },
    )


@require_http_methods(["GET", "POST"])
@hospital_view(PERMISSION_RECORD)
def account(request: HospitalRequest, patient_id: UUID) -> HttpResponse:
    """``/cashier/patients/ID/``: everything that the patient owes, payable together or in part."""
    with transaction(request.hospital.id):
        patient = _surviving(patient_id)
        if patient.id != patient_id and request.method != "POST":
            return redirect("cashier:account", patient.id)
        money = _account_of(patient, request.hospital.currency)
        points, mine = cash_points(), open_session_of(request.user.id)
        owed = queries.owed_by(patient.id, request.hospital.currency)
    form = _form(request, owed, points, mine)
    if request.method == "POST":
        recorded = form.attempt(lambda: _take(request, form, money))
        if recorded is not None:
            request.session[CASH_POINT] = form.cleaned_data["cash_point"]
            return go_to(reverse("cashier:receipt", args=[recorded.payment_id]))
        with transaction(request.hospital.id):
            owed = queries.owed_by(patient.id, request.hospital.currency)
        return render(
            request,
            "cashier/account_form.html",
            _form_context(request, patient, form, owed, mine),
            status=INVALID,
        )
    status = billing_status(request.hospital.id, patient.id, at=request.at)
    context = {
        **_form_context(request, patient, form, owed, mine),
        "head": patient_head(patient, request.formats, today=request.today),
        "billing": billing_widget(status, request.formats, request.actor, today=request.today),
        "held": held_lines(status.blocked_services, request.formats, request.actor),
        "credit": status.available_credit_minor,
    }
    return live_page(request, "cashier/account.html", "cashier/account_content.html", context)


def _form_context(
    request: HospitalRequest,
    patient: Patient,
    form: AccountForm,
    owed: list[queries.Owed],
    mine: CashSession | None,
) -> dict[str, Any]:
    ticked = None
    if form.is_bound:
        ticked = {value.partition(":")[0] for value in form.data.getlist("items")}  # type: ignore[attr-defined]
    chosen = (
        None if ticked is None else {one.charge_item_id for one in owed if str(one.charge_item_id) in ticked}
    )
    taken = [one for one in owed if chosen is None or one.charge_item_id in chosen]
    return {
        "form": form,
        "patient_id": patient.id,
        "visits": presenting.owed_visits(owed, chosen, request.formats, request.actor, today=request.today),
        "is_full": len(owed) == queries.MAXIMUM_OWED,
        "total": request.formats.money(sum(one.open_minor for one in taken)),
        "parts": (),
        "change": "",
        "drawer": mine.name if mine else "",
    }


def _take(request: HospitalRequest, form: AccountForm, money: PatientAccount) -> Recorded:
    """Record the payment of a valid form. What it asks for stands in the form, so that the same form sent
    again is the same payment, and what was paid meanwhile is refused by the books."""
    data = form.cleaned_data
    return record_payment(
        request.hospital.id,
        patient_account_id=money.id,
        tenders=data["tenders"],
        amount_minor=data["amount"],
        currency=request.hospital.currency,
        cash_point=data["cash_point"],
        reference=data["reference"],
        shares=form.shares(),
        excess="deposit" if data["keep"] else "refuse",
        idempotency_key=form.key,
        time_zone=request.hospital.time_zone,
        actor=request.actor,
        at=request.at,
    )


@require_safe
@hospital_view(PERMISSION_RECORD)
def total(request: HospitalRequest, patient_id: UUID) -> HttpResponse:
    """What the ticked charges come to and the change to give, while the form is filled in."""
    find_patient(patient_id)
    form = AccountForm(request.GET, currency=request.hospital.currency, cash_points=cash_points())
    form.is_valid()
    data = form.cleaned_data
    ticked_minor = sum(one.open_minor for one in data.get("items", []))
    tenders = [] if form.errors else data.get("tenders", [])
    change = sum(one.tendered_minor - one.amount_minor for one in tenders if one.tendered_minor is not None)
    parts = [(METHODS[one.method], request.formats.money(one.amount_minor)) for one in tenders]
    context = {
        "total": request.formats.money(ticked_minor),
        "parts": parts if len(parts) > 1 else (),
        "change": request.formats.money(change) if change else "",
    }
    return render(request, "cashier/total.html", context)


@require_POST
@hospital_view(PERMISSION_RECORD)
def use_deposit(request: HospitalRequest, patient_id: UUID) -> HttpResponse:
    """Pay the ticked charges from what is held as deposits, as far as it goes."""
    with transaction(request.hospital.id):
        patient = _surviving(patient_id)
        money, points = _account_of(patient, request.hospital.currency), cash_points()
    form = AccountForm(request.POST, currency=request.hospital.currency, cash_points=points)
    form.is_valid()
    items, key = form.cleaned_data.get("items"), form.cleaned_data.get("idempotency_key")
    if not items or not key:
        raise DomainError(_("Tick the charges that the deposit pays."), field="items", code="nothing_ticked")
    given = apply_deposits(
        request.hospital.id,
        money.id,
        charge_item_ids=[one.charge_item_id for one in items],
        idempotency_key=f"{key}:deposit",
        actor=request.actor,
        at=request.at,
    )
    if not given:
        return done(_("There is no deposit left, or nothing of this is open. Nothing has changed."))
    return go_to(reverse("cashier:account", args=[patient_id]))
