"""Prescriptions: those on hold and ready, one of them, handing out and substituting."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from almoner.enforcement.facts import Subject
from almoner.enforcement.queries import (
    billing_status,
    billing_statuses,
    decisions_now,
    service_point_status,
)
from almoner.kernel.errors import Conflict, NotFound
from almoner.kernel.tenancy import transaction
from almoner.pages.answers import done
from almoner.pages.forms import sent
from almoner.pages.live import live_page
from almoner.pages.presenters import billing_widget, service_point_bar
from almoner.pages.staff import HospitalRequest, hospital_view
from almoner.pages.step_actions import action_urls
from almoner.service_points.pharmacy import operations, presenting, queries
from almoner.service_points.pharmacy.forms import DispenseForm, SubstituteForm
from almoner.service_points.pharmacy.operations import PERMISSION_DISPENSE, PERMISSION_STOCK, STEP

INVALID = 422


@require_safe
@hospital_view(PERMISSION_DISPENSE)
def work_list(request: HospitalRequest) -> HttpResponse:
    """``/pharmacy/``: prescriptions that can be handed out, and those on hold."""
    waiting = queries.waiting_prescriptions()
    asked = [(STEP, Subject(one.encounter_id, one.prescription_id)) for one in waiting]
    decisions = decisions_now(request.hospital.id, asked, at=request.at) if asked else []
    patients = {one.patient_id for one in waiting}
    statuses = billing_statuses(request.hospital.id, patients, at=request.at) if patients else {}
    rows = [
        presenting.prescription_row(
            one, decision, statuses, request.formats, request.actor, today=request.today
        )
        for one, decision in zip(waiting, decisions, strict=True)
    ]
    context = {
        "ready": [row for row in rows if not row.why],
        "held": [row for row in rows if row.why],
        "may_manage_stock": request.actor.may(PERMISSION_STOCK),
    }
    return live_page(request, "pharmacy/work_list.html", "pharmacy/work_list_content.html", context)


@require_safe
@hospital_view(PERMISSION_DISPENSE)
def prescription(request: HospitalRequest, prescription_id: UUID) -> HttpResponse:
    """``/pharmacy/prescriptions/ID/``: one prescription with its bar, its lines and what was handed out."""
    read = queries.prescription_file(prescription_id)
    found = read.prescription
    subject = Subject(found.encounter_id, found.id)
    status = service_point_status(request.hospital.id, STEP, subject, at=request.at)
    urls = action_urls(STEP, subject) if read.is_open or status.due_minor else {}
    if read.is_open:
        urls["proceed"] = reverse("pharmacy:rest", args=[found.id, len(read.handed_out)])
    formats = request.formats
    billing = billing_status(request.hospital.id, found.patient_id, at=request.at)
    tag, tag_title = presenting.PRIORITIES.get(found.priority, ("", ""))
    context = {
        "prescription": found,
        "patient_url": reverse("patient", args=[found.patient_id]),
        "ordered": formats.moment(found.ordered_at, today=request.today),
        "ordered_by": formats.person(found.ordered_by),
        "tag": tag,
        "tag_title": tag_title,
        "kind": presenting.KINDS.get(found.request_type, ""),
        "bar": service_point_bar(status, formats, request.actor, urls, today=request.today),
        "billing": billing_widget(billing, formats, request.actor, today=request.today),
        "lines": [
            presenting.line_row(line, found.id, formats, today=request.today, is_open=read.is_open)
            for line in read.lines
        ],
        "handed_out": [
            presenting.handed_out_row(one, formats, request.actor, today=request.today)
            for one in read.handed_out
        ],
        "may_part": read.is_open and status.decision.may_proceed,
        "part_url": reverse("pharmacy:part", args=[found.id]),
    }
    return live_page(request, "pharmacy/prescription.html", "pharmacy/prescription_content.html", context)


def _dispense(
    request: HospitalRequest,
    prescription_id: UUID,
    key: str,
    quantities: Mapping[int, Decimal] | None,
    batches: Mapping[int, UUID] | None = None,
) -> None:
    """Hand out once per ``key``. Raises ``Conflict`` while the prescription is on hold."""
    hospital_id = request.hospital.id
    before = queries.dispensed_under(hospital_id, prescription_id, idempotency_key=key, quantities=quantities)
    if before is not None:
        return
    passage = operations.dispense(
        hospital_id,
        prescription_id,
        quantities=quantities,
        batches=batches,
        idempotency_key=key,
        actor=request.actor,
        at=request.at,
    )
    if not passage.went_ahead:
        raise Conflict(passage.decision.reason, field="prescription_id", code="held")


@require_POST
@hospital_view(PERMISSION_DISPENSE)
def dispense_rest(request: HospitalRequest, prescription_id: UUID, seen: int) -> HttpResponse:
    """Hand out all that is left, as the page showed it: after ``seen`` times that something was handed out."""
    key = f"page:dispense:{prescription_id}:{seen}"
    with transaction(request.hospital.id):
        read = queries.prescription_file(prescription_id)
        repeated = queries.dispensed_under(
            request.hospital.id, prescription_id, idempotency_key=key, quantities=None
        )
    if repeated is None and len(read.handed_out) != seen:
        raise Conflict(
            _("Something was handed out meanwhile. Look again at what is left."),
            field="prescription_id",
            code="changed_meanwhile",
        )
    _dispense(request, prescription_id, key, None)
    return done(_("Prescription %(number)s is handed out.") % {"number": read.prescription.number})


@require_http_methods(["GET", "POST"])
@hospital_view(PERMISSION_DISPENSE)
def dispense_part(request: HospitalRequest, prescription_id: UUID) -> HttpResponse:
    """The dialog in which a part is handed out, by line."""
    with transaction(request.hospital.id):
        read = queries.prescription_file(prescription_id)
    form = DispenseForm(sent(request), lines=read.lines, today=request.today, show_day=request.formats.day)
    if request.method == "POST":
        handed_out = form.attempt(lambda: _part(request, prescription_id, form))
        if handed_out:
            return done(_("Handed out."))
    context = {"form": form, "prescription": read.prescription, "action": request.path}
    return render(request, "pharmacy/part.html", context, status=INVALID if form.errors else 200)


def _part(request: HospitalRequest, prescription_id: UUID, form: DispenseForm) -> bool:
    _dispense(request, prescription_id, form.key, form.quantities, form.batches)
    return True


@require_http_methods(["GET", "POST"])
@hospital_view(PERMISSION_DISPENSE)
def substitute(request: HospitalRequest, prescription_id: UUID, line: int) -> HttpResponse:
    """The dialog in which another medication takes the place of what is left of a line."""
    with transaction(request.hospital.id):
        read = queries.prescription_file(prescription_id)
    found = next((one for one in read.lines if one.line == line), None)
    if found is None:
        raise NotFound(_("The prescription has no such line."), field="line", code="unknown_line")
    form = SubstituteForm(sent(request), line=found)
    if request.method == "POST":
        made = form.attempt(
            lambda: operations.substitute(
                request.hospital.id,
                prescription_id,
                line=line,
                service=form.cleaned_data["service"],
                reason=form.cleaned_data["reason"],
                consented_by=form.cleaned_data.get("consented_by", ""),
                idempotency_key=form.key,
                actor=request.actor,
                at=request.at,
            )
        )
        if made is not None:
            return done(_("%(name)s is handed out instead.") % {"name": made.service.name})
    context = {"form": form, "line": found, "prescription": read.prescription, "action": request.path}
    return render(request, "pharmacy/substitute.html", context, status=INVALID if form.errors else 200)
