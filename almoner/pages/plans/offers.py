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
from almoner.pages.staff import HospitalRequest, hospital_view
from almoner.pages.step_actions import PayForm, cash_points
from almoner.patients.models import Patient
from almoner.patients.operations import find_encounter, surviving
from almoner.payments.models import PaymentPlan
from almoner.payments.operations import PERMISSION_PLAN, PERMISSION_RECORD, Recorded, record_payment
from almoner.payments.plan_queries import find_plan, standing_of
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
    said = form.data.get("patient_agreed_by", "")
    context: dict[str, Any] = {
        "form": OfferForm(initial={"code": offer.code if offer else "", "patient_agreed_by": said}),
        "problems": [problem for problems in form.errors.values() for problem in problems],
        "action": request.get_full_path(),
        "patient": patient,
        "offer": offer,
    }
    if offer is not None:
        context |= {
            "lines": preview_lines(offer.instalments, request.formats),
            "total": request.formats.money(offer.total_minor),
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


def _pay(request: HospitalRequest, plan_id: UUID, data: Any) -> HttpResponse:
    with transaction(request.hospital.id):
        plan = find_plan(plan_id, "patient_account__patient")
        standing, points = standing_of(plan, request.at), cash_points()
        mine = open_session_of(request.user.id)
    due_minor = standing.behind_minor or standing.next_due_minor
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
        recorded = form.attempt(lambda: _take(request, form, plan))
        if recorded is not None:
            amount = request.formats.money(recorded.amount_minor)
            return done(
                _("%(amount)s received. Receipt %(receipt)s.")
                % {"amount": amount, "receipt": recorded.receipt}
            )
    context = {
        "form": form,
        "action": reverse("plans:pay", args=[plan_id]),
        "patient": plan.patient_account.patient,
        "step_title": _("Payment plan"),
        "due": request.formats.money(due_minor),
        "advance": "",
        "unpriced": False,
    }
    return render(request, "steps/pay.html", context, status=INVALID if form.errors else 200)


def _take(request: HospitalRequest, form: PayForm, plan: PaymentPlan) -> Recorded:
    """Record the payment of a valid ``form`` for what ``plan`` covers."""
    data = form.cleaned_data
    return record_payment(
        request.hospital.id,
        patient_account_id=plan.patient_account_id,
        method=data["method"],
        amount_minor=data["amount"],
        tendered_minor=data["tendered"],
        currency=plan.currency,
        cash_point=data["cash_point"],
        reference=data["reference"],
        encounter_id=plan.encounter_id,
        excess="deposit" if plan.encounter_id else "refuse",
        idempotency_key=form.key,
        time_zone=request.hospital.time_zone,
        actor=request.actor,
        at=request.at,
    )
