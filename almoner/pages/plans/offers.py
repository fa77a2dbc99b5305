"""A plan that the rules offer, accepted in one dialog; and the payment of what of a plan is due."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from almoner.enforcement.plan_acceptance import accept_plan_offer
from almoner.enforcement.plan_offers import PlanOffer
from almoner.enforcement.queries import plan_offer
from almoner.kernel.tenancy import transaction
from almoner.pages.answers import done
from almoner.pages.forms import sent
from almoner.pages.plans.forms import OfferForm
from almoner.pages.plans.presenting import preview_lines, terms_say
from almoner.pages.plans.queries import read_plan
from almoner.pages.staff import HospitalRequest, hospital_view
from almoner.pages.step_actions import PayForm, cash_points
from almoner.patients.models import Patient
from almoner.patients.operations import find_encounter, surviving
from almoner.payments.models import PaymentPlan
from almoner.payments.operations import (
    PERMISSION_PLAN,
    PERMISSION_RECORD,
    Recorded,
    record_payment,
    settle_plan,
)
from almoner.payments.plan_queries import standing_of
from almoner.payments.queries import open_session_of

INVALID = 422


@require_http_methods(["GET", "POST"])
@hospital_view(PERMISSION_PLAN)
def for_patient(request: HospitalRequest, patient_id: UUID) -> HttpResponse:
    """A dialog: the plan offered for what the patient owes."""
    return _offer(request, patient_id, None)


@require_http_methods(["GET", "POST"])
@hospital_view(PERMISSION_PLAN)
def for_visit(request: HospitalRequest, encounter_id: UUID) -> HttpResponse:
    """A dialog: the plan offered for a visit (``?discharging=1``: as the arrangement at discharge)."""
    with transaction(request.hospital.id):
        patient_id = find_encounter(encounter_id).patient_id
    return _offer(request, patient_id, encounter_id)


def _offer(request: HospitalRequest, patient_id: UUID, encounter_id: UUID | None) -> HttpResponse:
    discharging = "discharging" in request.GET
    form = OfferForm(sent(request))
    if request.method == "POST":
        agreed = form.attempt(
            lambda: accept_plan_offer(
                request.hospital.id,
                patient_id,
                encounter_id,
                code=form.cleaned_data["code"],
                patient_agreed_by=form.cleaned_data["patient_agreed_by"],
                discharging=discharging,
                idempotency_key=form.key,
                actor=request.actor,
                at=request.at,
            )
        )
        if agreed is not None:
            return _agreed(request, agreed)
    with transaction(request.hospital.id):
        patient = surviving(patient_id)
        offer = plan_offer(
            request.hospital.id, patient.id, encounter_id, at=request.at, discharging=discharging
        )
    return _dialog(request, form, patient, offer)


def _dialog(
    request: HospitalRequest, form: OfferForm, patient: Patient, offer: PlanOffer | None
) -> HttpResponse:
    """The dialog of what is offered now; after a refusal it carries the code of that."""
    code = offer.code if offer else ""
    if form.is_bound:
        form.data = {**{name: form.data[name] for name in form.data}, "code": code}
    else:
        form.initial["code"] = code
    elsewhere = {name: problems for name, problems in form.errors.items() if name != "patient_agreed_by"}
    context: dict[str, Any] = {
        "form": form,
        "problems": [problem for problems in elsewhere.values() for problem in problems],
        "action": request.get_full_path(),
        "patient": patient,
        "offer": offer,
    }
    if offer is not None:
        context |= {
            "lines": preview_lines(offer.instalments, request.formats),
            "total": request.formats.money(offer.total_minor),
            "fees": request.formats.money(offer.fees_minor) if offer.fees_minor else "",
            "terms": terms_say(offer.terms, request.formats),
        }
    return render(request, "plans/offer.html", context, status=INVALID if form.is_bound else 200)


def _agreed(request: HospitalRequest, agreed: PaymentPlan) -> HttpResponse:
    """What follows an agreement: the down payment, by who may take it."""
    said = _("A payment plan for %(total)s is agreed.") % {"total": request.formats.money(agreed.total_minor)}
    with transaction(request.hospital.id):
        due_minor = standing_of(agreed, request.at).behind_minor
    if not due_minor:
        return done(said)
    if not request.actor.may(PERMISSION_RECORD):
        due = request.formats.money(due_minor)
        return done(f"{said} {_('%(amount)s is due now, at the cashier.') % {'amount': due}}")
    answer = _pay(request, agreed.id, None)
    answer["HX-Trigger"] = "almoner:changed"
    return answer


@require_http_methods(["GET", "POST"])
@hospital_view(PERMISSION_RECORD)
def pay(request: HospitalRequest, plan_id: UUID) -> HttpResponse:
    """A dialog: take what of the plan is due. It pays the charges that the plan covers, the oldest first; what is
    foreseen only is kept as the visit's deposit."""
    return _pay(request, plan_id, sent(request))


@require_http_methods(["GET", "POST"])
@hospital_view(PERMISSION_RECORD)
def settle(request: HospitalRequest, plan_id: UUID) -> HttpResponse:
    """A dialog: take the rest of the plan at once, without the fees of instalments whose day has not come."""
    return _pay(request, plan_id, sent(request), settling=True)


def _pay(request: HospitalRequest, plan_id: UUID, data: Any, *, settling: bool = False) -> HttpResponse:
    with transaction(request.hospital.id):
        read, points = read_plan(plan_id, at=request.at, today=request.today), cash_points()
        mine = open_session_of(request.user.id)
    plan, standing = read.plan, read.standing
    due_minor = read.to_settle_minor if settling else standing.behind_minor or standing.next_due_minor
    form = PayForm(
        data,
        currency=plan.currency,
        cash_points=points,
        initial={
            "amount": due_minor or None,
            "method": "cash" if mine else "card",
            "cash_point": mine.cash_point if mine else "",
        },
    )
    if data is not None:
        recorded = form.attempt(lambda: _take(request, form, plan, settling=settling))
        if recorded is not None:
            amount = request.formats.money(recorded.amount_minor)
            return done(
                _("%(amount)s received. Receipt %(receipt)s.")
                % {"amount": amount, "receipt": recorded.receipt}
            )
    context = {
        "form": form,
        "action": reverse("plans:settle" if settling else "plans:pay", args=[plan_id]),
        "patient": read.patient,
        "step_title": _("Payment plan"),
        "due": request.formats.money(due_minor),
        "advance": "",
        "unpriced": False,
    }
    return render(request, "steps/pay.html", context, status=INVALID if form.errors else 200)


def _take(request: HospitalRequest, form: PayForm, plan: PaymentPlan, *, settling: bool) -> Recorded | None:
    """Record the payment of a valid ``form`` for what ``plan`` covers."""
    data = form.cleaned_data
    payment = {
        "method": data["method"],
        "amount_minor": data["amount"],
        "tendered_minor": data["tendered"],
        "cash_point": data["cash_point"],
        "reference": data["reference"],
        "idempotency_key": form.key,
        "time_zone": request.hospital.time_zone,
        "actor": request.actor,
        "at": request.at,
    }
    if settling:
        return settle_plan(request.hospital.id, plan.id, **payment)
    return record_payment(
        request.hospital.id,
        patient_account_id=plan.patient_account_id,
        currency=plan.currency,
        encounter_id=plan.encounter_id,
        excess="deposit" if plan.encounter_id else "refuse",
        **payment,
    )
