"""Estimates: made at reception, in the visit or on the ward; agreed to; held against the bill."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from almoner.catalog.models import Service
from almoner.estimates.operations import (
    PERMISSION_ESTIMATE,
    find_estimate,
    link_visit,
    make_estimate,
    record_consent,
)
from almoner.estimates.queries import read_estimate, read_estimates
from almoner.hospitals.models import Ward
from almoner.kernel.errors import NotFound
from almoner.kernel.tenancy import transaction
from almoner.pages.answers import go_to
from almoner.pages.estimates.forms import Choices, ConsentForm, EstimateForm, VisitForm
from almoner.pages.estimates.presenting import as_pdf, present
from almoner.pages.staff import HospitalRequest, hospital_view
from almoner.patients.models import Encounter, Patient

INVALID = 422
VALID = timedelta(days=30)
SERVICES = 500
VISITS = 20


@require_safe
@hospital_view(PERMISSION_ESTIMATE)
def overview(request: HospitalRequest) -> HttpResponse:
    """``/estimates/``: the latest ones."""
    rows = [
        (
            reverse("estimates:estimate", args=[one.id]),
            one.number,
            one.patient.name if one.patient else one.walk_in,
            one.reason,
            request.formats.day(one.valid_until),
            request.formats.money(total),
        )
        for one, total in read_estimates()
    ]
    return render(request, "estimates/overview.html", {"rows": rows})


@require_http_methods(["GET", "POST"])
@hospital_view(PERMISSION_ESTIMATE)
def new(request: HospitalRequest) -> HttpResponse:
    """``/estimates/new/``: for a walk-in; ``?patient=id`` for a patient."""
    with transaction(request.hospital.id):
        patient = _patient(request.GET.get("patient", ""))
        wards = [(kind, kind) for kind in _ward_types()]
        services = list(
            Service.objects.filter(is_active=True).order_by("name").values_list("code", "name")[:SERVICES]
        )
    form = EstimateForm(
        request.POST if request.method == "POST" else None,
        wards=wards,
        currency=request.hospital.currency,
        has_patient=patient is not None,
        initial={"expected_on": request.today, "valid_until": request.today + VALID},
    )
    address = reverse("estimates:new") + (f"?patient={patient.id}" if patient else "")
    context = {"form": form, "patient": patient, "services": services, "action": address}
    if request.method != "POST":
        return render(request, "estimates/new.html", context)
    made = form.attempt(
        lambda: make_estimate(
            request.hospital.id,
            form.wanted(patient.id if patient else None),
            idempotency_key=form.key,
            actor=request.actor,
            at=request.at,
        )
    )
    if made is None:
        return render(request, "estimates/form.html", context, status=INVALID)
    return go_to(reverse("estimates:estimate", args=[made.id]))


def _patient(text: str) -> Patient | None:
    if not text:
        return None
    try:
        patient = Patient.objects.filter(id=UUID(text)).first()
    except ValueError:
        patient = None
    if patient is None:
        raise NotFound(_("There is no such patient at this hospital."), code="unknown_patient")
    return patient


def _ward_types() -> list[str]:
    return sorted(set(Ward.objects.filter(is_active=True).values_list("ward_type", flat=True)))


@require_safe
@hospital_view(PERMISSION_ESTIMATE)
def estimate(request: HospitalRequest, estimate_id: UUID) -> HttpResponse:
    """``/estimates/<id>/``: what was expected, the consent, and what the visit cost in the end."""
    read = read_estimate(estimate_id)
    context = {
        "estimate": read.estimate,
        "page": present(read, request.formats, today=request.today),
        "consent_form": ConsentForm(
            initial={
                "given_by": read.estimate.patient.name if read.estimate.patient else read.estimate.walk_in
            }
        ),
        "visit_form": VisitForm(visits=_visits(request, read.estimate.patient_id)),
    }
    return render(request, "estimates/estimate.html", context)


def _visits(request: HospitalRequest, patient_id: UUID | None) -> Choices:
    rows = Encounter.objects.select_related("department").order_by("-started_at")
    found = rows.filter(patient=patient_id)[:VISITS] if patient_id else []
    return [
        (
            str(one.id),
            f"{one.number} · {one.department.name} · {request.formats.day(request.formats.local_date(one.started_at))}",
        )
        for one in found
    ]


@require_safe
@hospital_view(PERMISSION_ESTIMATE)
def paper(request: HospitalRequest, estimate_id: UUID) -> HttpResponse:
    """``/estimates/<id>/paper/``: the estimate as PDF."""
    page = present(read_estimate(estimate_id), request.formats, today=request.today)
    address = request.build_absolute_uri(reverse("estimates:estimate", args=[estimate_id]))
    pdf = as_pdf(page, request.formats, hospital=request.hospital.name, address=address, at=request.at)
    answer = HttpResponse(pdf, content_type="application/pdf")
    answer["Content-Disposition"] = f'inline; filename="{page.number}.pdf"'
    return answer


@require_POST
@hospital_view(PERMISSION_ESTIMATE)
def consent(request: HospitalRequest, estimate_id: UUID) -> HttpResponse:
    """Record who agreed."""
    with transaction(request.hospital.id):
        find_estimate(estimate_id)
    form = ConsentForm(request.POST)
    given = form.attempt(
        lambda: record_consent(
            request.hospital.id,
            estimate_id,
            given_by=form.cleaned_data["given_by"],
            how=form.cleaned_data["how"],
            actor=request.actor,
            at=request.at,
        )
    )
    if given is None:
        context = {"consent_form": form, "estimate_id": estimate_id}
        return render(request, "estimates/consent_form.html", context, status=INVALID)
    messages.success(request, _("The consent is recorded."))
    return go_to(reverse("estimates:estimate", args=[estimate_id]))


@require_POST
@hospital_view(PERMISSION_ESTIMATE)
def visit(request: HospitalRequest, estimate_id: UUID) -> HttpResponse:
    """Say which visit it was for."""
    with transaction(request.hospital.id):
        visits = _visits(request, read_estimate(estimate_id).estimate.patient_id)
    form = VisitForm(request.POST, visits=visits)
    linked = form.attempt(
        lambda: link_visit(
            request.hospital.id,
            estimate_id,
            UUID(form.cleaned_data["encounter_id"]),
            actor=request.actor,
            at=request.at,
        )
    )
    if linked is None:
        context = {"visit_form": form, "estimate_id": estimate_id}
        return render(request, "estimates/visit_form.html", context, status=INVALID)
    return go_to(reverse("estimates:estimate", args=[estimate_id]))
