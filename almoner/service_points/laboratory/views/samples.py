"""Samples of an order: collected, labelled, received, rejected."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from almoner.kernel.errors import NotFound
from almoner.kernel.tenancy import transaction
from almoner.pages.answers import done
from almoner.pages.forms import sent
from almoner.pages.staff import HospitalRequest, hospital_view
from almoner.patients.models import Patient
from almoner.service_points.laboratory import operations, queries
from almoner.service_points.laboratory.forms import RejectForm
from almoner.service_points.laboratory.labels import labels
from almoner.service_points.laboratory.operations import PERMISSION_PROCESS
from almoner.service_points.laboratory.views.shared import INVALID, order_in_work


@require_POST
@hospital_view(PERMISSION_PROCESS)
def collect(request: HospitalRequest, order_id: UUID) -> HttpResponse:
    """Collect what the order lacks; the labels can be printed then."""
    samples = operations.collect_samples(request.hospital.id, order_id, actor=request.actor, at=request.at)
    if not samples:
        return done(_("Every sample was collected before."))
    says = ngettext("%(n)d sample is collected.", "%(n)d samples are collected.", len(samples))
    return done(says % {"n": len(samples)})


@require_safe
@hospital_view(PERMISSION_PROCESS)
def print_labels(request: HospitalRequest, order_id: UUID) -> HttpResponse:
    """``/laboratory/orders/ID/labels/``: a label for each usable sample, as large as the paper."""
    found = order_in_work(request, order_id)
    patient = Patient.objects.get(id=found.patient_id)
    made = labels(patient, found.number, queries.samples_of(order_id), request.formats)
    if not made:
        raise NotFound(_("No sample is collected yet."), field="order_id", code="no_samples")
    return render(request, "laboratory/labels.html", {"order": found, "labels": made})


@require_POST
@hospital_view(PERMISSION_PROCESS)
def receive(request: HospitalRequest, order_id: UUID, sample_id: UUID) -> HttpResponse:
    """Note that the sample arrived."""
    operations.receive_sample(request.hospital.id, sample_id, actor=request.actor, at=request.at)
    return done(_("The sample is received."))


@require_http_methods(["GET", "POST"])
@hospital_view(PERMISSION_PROCESS)
def reject(request: HospitalRequest, order_id: UUID, sample_id: UUID) -> HttpResponse:
    """The dialog in which a sample is rejected with a reason."""
    found = order_in_work(request, order_id)
    with transaction(request.hospital.id):
        samples = queries.samples_of(order_id)
    sample = next((one for one in samples if one.sample_id == sample_id), None)
    if sample is None:
        raise NotFound(_("There is no such sample."), field="sample_id", code="unknown_sample")
    form = RejectForm(sent(request))
    if request.method == "POST":
        rejected = form.attempt(
            lambda: operations.reject_sample(
                request.hospital.id,
                sample_id,
                reason=form.cleaned_data["reason"],
                actor=request.actor,
                at=request.at,
            )
        )
        if rejected is not None:
            return done(_("The sample is rejected. Collect another one."))
    context = {"form": form, "order": found, "sample": sample, "action": request.path}
    return render(request, "laboratory/reject.html", context, status=INVALID if form.errors else 200)
