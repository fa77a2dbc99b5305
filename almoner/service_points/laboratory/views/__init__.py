"""The laboratory's work: the list, an order with its bar, and taking it into work."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from almoner.enforcement.facts import Subject
from almoner.enforcement.queries import billing_statuses
from almoner.kernel.errors import Conflict, NotFound
from almoner.pages.answers import done
from almoner.pages.live import live_page
from almoner.pages.presenters import service_point_bar
from almoner.pages.staff import HospitalRequest, hospital_view
from almoner.pages.step_actions import action_urls
from almoner.service_points.laboratory import operations, presenting, queries
from almoner.service_points.laboratory.operations import PERMISSION_PROCESS, PERMISSION_VERIFY
from almoner.service_points.laboratory.queries import STEP, LaboratoryOrder


def _rows(request: HospitalRequest, orders: list[LaboratoryOrder]) -> list[presenting.OrderRow]:
    """Released orders as rows, each with how the patient stands."""
    patients = {order.patient_id for order in orders}
    statuses = billing_statuses(request.hospital.id, patients, at=request.at) if patients else {}
    formats, actor = request.formats, request.actor
    return [presenting.order_row(one, statuses, formats, actor, today=request.today) for one in orders]


@require_safe
@hospital_view(PERMISSION_PROCESS)
def work_list(request: HospitalRequest) -> HttpResponse:
    """``/laboratory/``: what can be processed, what is in work, and what waits for payment."""
    orders = queries.work_list_with_started(request.hospital.id, at=request.at)
    shown = [order for order in orders if not order.details_hidden]
    rows = dict(zip([order.order_id for order in shown], _rows(request, shown), strict=True))
    context = {
        "ready": [rows[one.order_id] for one in shown if not one.is_processed and one.decision.may_proceed],
        "started": [rows[one.order_id] for one in shown if one.is_processed],
        "held": [
            presenting.held_row(one, request.formats)
            for one in orders
            if not one.is_processed and not one.decision.may_proceed
        ],
    }
    return live_page(request, "laboratory/work_list.html", "laboratory/work_list_content.html", context)


@require_safe
@hospital_view(PERMISSION_PROCESS)
def done_orders(request: HospitalRequest) -> HttpResponse:
    """``/laboratory/done/``: orders about which nothing is left to do, the latest first."""
    rows = _rows(request, queries.done_list(request.hospital.id, at=request.at))
    return live_page(request, "laboratory/done.html", "laboratory/done_content.html", {"rows": rows})


@require_safe
@hospital_view(PERMISSION_PROCESS)
def scan(request: HospitalRequest) -> HttpResponse:
    """``/laboratory/scan/?number=S26-000123``: the order of a sample, by the number that its label shows."""
    number = request.GET.get("number", "").replace("\x00", "")[:40]
    order_id = queries.order_of_accession(number)
    if order_id is None:
        raise NotFound(
            _("There is no sample with the number %(number)s.") % {"number": number.strip() or "–"},
            field="number",
            code="unknown_sample",
        )
    return redirect("laboratory:order", order_id)


@require_safe
@hospital_view(PERMISSION_PROCESS)
def order(request: HospitalRequest, order_id: UUID) -> HttpResponse:
    """``/laboratory/orders/ID/``: one order with its bar; its samples and tests once it is released."""
    found, status = queries.order_with_status(
        request.hospital.id, order_id, at=request.at, today=request.today
    )
    subject = Subject(found.encounter_id, found.order_id)
    urls = action_urls(STEP, subject) if not found.is_processed or status.due_minor else {}
    if not found.is_processed:
        urls["proceed"] = reverse("laboratory:process", args=[order_id])
    formats, today = request.formats, request.today
    samples = queries.samples_of(order_id) if found.is_processed else []
    mine = request.actor.name
    context = {
        "order": found,
        "row": None if found.details_hidden else _rows(request, [found])[0],
        "patient_url": reverse("patient", args=[found.patient_id]),
        "bar": service_point_bar(status, formats, request.actor, urls, today=today),
        "samples": [presenting.sample_row(order_id, one, formats, today=today) for one in samples],
        "lacking": presenting.still_to_collect(found, samples) if found.is_processed else [],
        "has_labels": any(one.rejected_at is None for one in samples),
        "tests": [presenting.test_card(order_id, test, formats, today=today) for test in found.tests],
        "has_results": any(value.entered for value in found.values),
        "has_report": any(value.entered and value.entered.is_released for value in found.values),
        "to_verify": len(found.to_verify),
        "may_verify": request.actor.may(PERMISSION_VERIFY)
        and any(one.entered_by != mine for one in found.to_verify),
    }
    return live_page(request, "laboratory/order.html", "laboratory/order_content.html", context)


@require_POST
@hospital_view(PERMISSION_PROCESS)
def process(request: HospitalRequest, order_id: UUID) -> HttpResponse:
    """Take the samples into work, if the gate lets it."""
    passage = operations.process(request.hospital.id, order_id, actor=request.actor, at=request.at)
    if not passage.went_ahead:
        raise Conflict(passage.decision.reason, field="order_id", code="held")
    return done(_("The samples are in work."))
