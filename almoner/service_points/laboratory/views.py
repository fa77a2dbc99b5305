"""The laboratory's pages: the work list, an order, its results and its report."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from almoner.enforcement.facts import Subject
from almoner.enforcement.queries import billing_statuses, service_point_status
from almoner.kernel.errors import Conflict, NotFound
from almoner.kernel.tenancy import transaction
from almoner.pages.answers import done
from almoner.pages.live import live_page
from almoner.pages.presenters import service_point_bar
from almoner.pages.staff import HospitalRequest, hospital_view
from almoner.pages.step_actions import action_urls
from almoner.service_points.laboratory import operations, presenting, queries
from almoner.service_points.laboratory.forms import RangeForm, ResultsForm
from almoner.service_points.laboratory.operations import PERMISSION_PROCESS
from almoner.service_points.laboratory.queries import STEP, LaboratoryOrder

INVALID = 422


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
    """``/laboratory/done/``: orders with every result, the latest first."""
    rows = _rows(request, queries.done_list(request.hospital.id, at=request.at))
    return live_page(request, "laboratory/done.html", "laboratory/done_content.html", {"rows": rows})


@require_safe
@hospital_view(PERMISSION_PROCESS)
def order(request: HospitalRequest, order_id: UUID) -> HttpResponse:
    """``/laboratory/orders/ID/``: one order with its bar; its tests once it is released."""
    found = queries.laboratory_order(request.hospital.id, order_id, at=request.at)
    subject = Subject(found.encounter_id, found.order_id)
    status = service_point_status(request.hospital.id, STEP, subject, at=request.at)
    urls = action_urls(STEP, subject) if not found.is_processed or status.due_minor else {}
    if not found.is_processed:
        urls["proceed"] = reverse("laboratory:process", args=[order_id])
    formats = request.formats
    context = {
        "order": found,
        "row": None if found.details_hidden else _rows(request, [found])[0],
        "patient_url": reverse("patient", args=[found.patient_id]),
        "bar": service_point_bar(status, formats, request.actor, urls, today=request.today),
        "tests": [presenting.test_line(order_id, test, formats, today=request.today) for test in found.tests],
        "results_url": reverse("laboratory:results", args=[order_id]),
        "report_url": reverse("laboratory:report", args=[order_id]),
        "has_results": any(test.result for test in found.tests),
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


def _in_work(request: HospitalRequest, order_id: UUID) -> LaboratoryOrder:
    """The order, which must be in work. Raises ``NotFound``, ``Conflict``."""
    with transaction(request.hospital.id):
        found = queries.laboratory_order(request.hospital.id, order_id, at=request.at)
    if not found.is_processed:
        raise Conflict(
            _("The order is not in work: process its samples first."), field="order_id", code="not_processed"
        )
    return found


@require_http_methods(["GET", "POST"])
@hospital_view(PERMISSION_PROCESS)
def results(request: HospitalRequest, order_id: UUID) -> HttpResponse:
    """The dialog in which the results of an order are entered or corrected."""
    found = _in_work(request, order_id)
    form = ResultsForm(request.POST or None, tests=found.tests)
    if request.method == "POST":
        entered = form.attempt(
            lambda: operations.enter_results(
                request.hospital.id, order_id, readings=form.readings, actor=request.actor, at=request.at
            )
        )
        if entered is not None:
            return done(_("The results are saved."))
    context = {"form": form, "order": found, "action": request.path}
    return render(request, "laboratory/results.html", context, status=INVALID if form.errors else 200)


@require_http_methods(["GET", "POST"])
@hospital_view(PERMISSION_PROCESS)
def reference_range(request: HospitalRequest, order_id: UUID, order_line_id: UUID) -> HttpResponse:
    """The dialog that says which values of a test are usual, for results entered from now on."""
    found = _in_work(request, order_id)
    test = next((one for one in found.tests if one.order_line_id == order_line_id), None)
    if test is None:
        raise NotFound(_("There is no such test."), field="order_line_id", code="unknown_order_line")
    form = RangeForm(request.POST or None, initial={"low": test.low, "high": test.high, "unit": test.unit})
    if request.method == "POST":
        usual = form.attempt(
            lambda: operations.set_reference_range(
                request.hospital.id,
                order_line_id,
                low=form.cleaned_data["low"],
                high=form.cleaned_data["high"],
                unit=form.cleaned_data["unit"],
                actor=request.actor,
                at=request.at,
            )
        )
        if usual is not None:
            return done(_("The range is saved. It is used for results from now on."))
    context = {"form": form, "test": test, "action": request.path}
    return render(request, "laboratory/range.html", context, status=INVALID if form.errors else 200)


@require_safe
@hospital_view(PERMISSION_PROCESS)
def report(request: HospitalRequest, order_id: UUID) -> HttpResponse:
    """``/laboratory/orders/ID/report/``: the report to print."""
    found = _in_work(request, order_id)
    formats = request.formats
    context = {
        "order": found,
        "hospital": request.hospital.name,
        "ordered": formats.day(formats.local_date(found.ordered_at)),
        "ordered_by": found.ordered_by.partition(":")[2],
        "printed": f"{formats.day(request.today)} {formats.time(request.at)}",
        "tests": [presenting.test_line(order_id, test, formats, today=request.today) for test in found.tests],
    }
    return render(request, "laboratory/report.html", context)
