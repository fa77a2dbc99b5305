"""The dialogs of the service point bar: pay, agree a plan, override; for any step of any service point."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from almoner.enforcement.facts import StepFacts, Subject, read_facts
from almoner.enforcement.operations import PERMISSION_OVERRIDE
from almoner.kernel.service_points import steps
from almoner.kernel.tenancy import transaction
from almoner.pages.answers import done
from almoner.pages.forms import StaffForm, sent
from almoner.pages.plans.forms import PlanForm
from almoner.pages.staff import HospitalRequest, hospital_view
from almoner.pages.step_actions import (
    OverrideForm,
    PayForm,
    StepDue,
    cash_points,
    last_held,
    make_plan,
    override_step,
    take_payment,
)
from almoner.patients.models import Patient
from almoner.payments.operations import PERMISSION_PLAN, PERMISSION_RECORD, fees_for
from almoner.payments.queries import open_session_of

INVALID = 422
_CASH_POINT = "cash_point"


def _read(request: HospitalRequest, step: str, subject: Subject) -> StepFacts:
    return read_facts(request.hospital.id, step, subject, request.at)


def _dialog(
    request: HospitalRequest, template: str, form: StaffForm, read: StepFacts, **more: Any
) -> HttpResponse:
    """The dialog of ``form``, with the patient and what is due."""
    due = StepDue.of(read, at=request.at)
    patient = Patient.objects.get(id=read.patient_id)
    step = steps()[read.facts.step]
    context = {
        "form": form,
        "action": request.path,
        "patient": patient,
        "step_title": step.title,
        "due": request.formats.money(due.total_minor),
        "advance": request.formats.money(due.advance_minor) if due.advance_minor else "",
        "unpriced": due.unpriced,
        **more,
    }
    return render(request, template, context, status=INVALID if form.errors else 200)


@require_http_methods(["GET", "POST"])
@hospital_view(PERMISSION_RECORD)
def pay(
    request: HospitalRequest, step: str, encounter_id: UUID, order_id: UUID | None = None
) -> HttpResponse:
    """Take a payment for exactly the charges that the step asks for."""
    subject = Subject(encounter_id, order_id)
    with transaction(request.hospital.id):
        read, points = _read(request, step, subject), cash_points()
        mine = open_session_of(request.user.id)
    due = StepDue.of(read, at=request.at)
    form = PayForm(
        sent(request),
        currency=read.facts.currency,
        cash_points=points,
        initial={
            "amount": due.total_minor or None,
            "method": "cash" if mine else "card",
            "cash_point": mine.cash_point if mine else request.session.get(_CASH_POINT, ""),
        },
    )
    if request.method == "POST":
        recorded = form.attempt(
            lambda: take_payment(request.hospital, read, subject, form, actor=request.actor, at=request.at)
        )
        if recorded is not None:
            request.session[_CASH_POINT] = form.cleaned_data["cash_point"]
            return done(
                _payment_said(request, recorded.receipt, recorded.amount_minor, recorded.change_minor)
            )
    with transaction(request.hospital.id):
        return _dialog(request, "steps/pay.html", form, read)


def _payment_said(request: HospitalRequest, receipt: str, amount_minor: int, change_minor: int) -> str:
    amount = request.formats.money(amount_minor)
    if change_minor:
        change = request.formats.money(change_minor)
        return _("%(amount)s received, give %(change)s back. Receipt %(receipt)s.") % {
            "amount": amount,
            "change": change,
            "receipt": receipt,
        }
    return _("%(amount)s received. Receipt %(receipt)s.") % {"amount": amount, "receipt": receipt}


@require_http_methods(["GET", "POST"])
@hospital_view(PERMISSION_PLAN)
def plan(
    request: HospitalRequest, step: str, encounter_id: UUID, order_id: UUID | None = None
) -> HttpResponse:
    """Agree to pay in instalments."""
    subject = Subject(encounter_id, order_id)
    with transaction(request.hospital.id):
        read = _read(request, step, subject)
        fees = fees_for(request.hospital.id, read.patient_id, encounter_id)
    form = PlanForm(
        sent(request),
        currency=read.facts.currency,
        initial={
            "total": StepDue.of(read, at=request.at).charged_minor or None,
            "first_due_on": request.today + timedelta(days=30),
            "fee": fees.setup_minor,
            "fee_per_instalment": fees.instalment_minor,
        },
    )
    if request.method == "POST":
        agreed = form.attempt(
            lambda: make_plan(request.hospital, read, subject, form, actor=request.actor, at=request.at)
        )
        if agreed is not None:
            total = request.formats.money(agreed.total_minor)
            return done(_("A payment plan for %(total)s is agreed.") % {"total": total})
    with transaction(request.hospital.id):
        return _dialog(request, "steps/plan.html", form, read)


@require_http_methods(["GET", "POST"])
@hospital_view(PERMISSION_OVERRIDE)
def override(
    request: HospitalRequest, step: str, encounter_id: UUID, order_id: UUID | None = None
) -> HttpResponse:
    """Let the step go ahead unpaid."""
    subject = Subject(encounter_id, order_id)
    with transaction(request.hospital.id):
        read, held = _read(request, step, subject), last_held(step, subject)
    held_at = request.formats.moment(held.decided_at, today=request.today) if held else ""
    form = OverrideForm(sent(request), formats=request.formats, at=request.at, held_at=held_at)
    if request.method == "POST":
        granted = form.attempt(
            lambda: override_step(
                request.hospital.id, step, subject, form, held, actor=request.actor, at=request.at
            )
        )
        if granted is not None:
            until = request.formats.moment(granted.expires_at, today=request.today)
            return done(_("Released until %(until)s. Billing will review it.") % {"until": until})
    with transaction(request.hospital.id):
        return _dialog(request, "steps/override.html", form, read)
