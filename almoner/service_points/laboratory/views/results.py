"""Results of an order: entered, verified, told when critical; and what is usual."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from almoner.kernel.errors import NotFound
from almoner.orders.findings import plain, range_text
from almoner.pages.answers import done
from almoner.pages.forms import sent
from almoner.pages.staff import HospitalRequest, hospital_view
from almoner.service_points.laboratory import operations, presenting
from almoner.service_points.laboratory.forms import RangeForm, ResultsForm, TellForm, VerifyForm
from almoner.service_points.laboratory.operations import PERMISSION_PROCESS, PERMISSION_VERIFY
from almoner.service_points.laboratory.queries import LaboratoryOrder
from almoner.service_points.laboratory.views.shared import INVALID, order_in_work


@require_http_methods(["GET", "POST"])
@hospital_view(PERMISSION_PROCESS)
def enter(request: HospitalRequest, order_id: UUID) -> HttpResponse:
    """The dialog in which the results of an order are entered or corrected."""
    found = order_in_work(request, order_id)
    form = ResultsForm(sent(request), tests=found.tests)
    if request.method == "POST":
        entered = form.attempt(
            lambda: operations.enter_results(
                request.hospital.id, order_id, readings=form.readings, actor=request.actor, at=request.at
            )
        )
        if entered is not None:
            return done(_("The results are saved."))
    groups: list[dict[str, object]] = []
    for place, (test, value) in form.places.items():
        if not groups or groups[-1]["line_id"] != test.order_line_id:
            groups.append({"line_id": test.order_line_id, "test": test, "lines": []})
        field, unit = form.fields_of(place)
        line = {
            "field": field,
            "unit": unit,
            "fixed_unit": value.parameter.unit,
            "usual": range_text(value.low, value.high),
            "earlier": presenting.earlier_text(value.earlier, request.formats, today=request.today),
        }
        lines = groups[-1]["lines"]
        assert isinstance(lines, list)
        lines.append(line)
    context = {"form": form, "groups": groups, "order": found, "action": request.path}
    return render(request, "laboratory/results.html", context, status=INVALID if form.errors else 200)


@require_http_methods(["GET", "POST"])
@hospital_view(PERMISSION_VERIFY)
def verify(request: HospitalRequest, order_id: UUID) -> HttpResponse:
    """The dialog in which a second person stands by what somebody else entered."""
    found = order_in_work(request, order_id)
    form = VerifyForm(sent(request), choices=_to_verify(found, request))
    if request.method == "POST":
        verified = form.attempt(
            lambda: operations.verify_results(
                request.hospital.id,
                order_id,
                result_ids=[UUID(chosen) for chosen in form.cleaned_data["results"]],
                actor=request.actor,
                at=request.at,
            )
        )
        if verified is not None:
            return done(_("The results are verified and released."))
    context = {"form": form, "order": found, "action": request.path}
    return render(request, "laboratory/verify.html", context, status=INVALID if form.errors else 200)


def _to_verify(order: LaboratoryOrder, request: HospitalRequest) -> list[tuple[str, str]]:
    """What others entered and nobody verified: the id of the result, and what a second person has to judge."""
    choices = []
    for test in order.tests:
        for value in test.values:
            entered = value.entered
            if entered is None or entered.is_released or entered.entered_by == request.actor.name:
                continue
            parts = [f"{entered.value} {entered.unit}".strip(), str(presenting.FLAGS[entered.flag])]
            usual = range_text(entered.low, entered.high)
            parts.append(_("usual %(range)s") % {"range": usual} if usual else "")
            earlier = presenting.earlier_text(value.earlier, request.formats, today=request.today)
            parts.append(_("before: %(earlier)s") % {"earlier": earlier} if earlier else "")
            parts.append(_("entered by %(who)s") % {"who": request.formats.person(entered.entered_by)})
            title = f"{value.parameter.name}: {' · '.join(part for part in parts if part)}"
            choices.append((str(entered.result_id), title))
    return choices


@require_http_methods(["GET", "POST"])
@hospital_view(PERMISSION_PROCESS)
def tell(request: HospitalRequest, order_id: UUID, result_id: UUID) -> HttpResponse:
    """The dialog that says who was told of a critical value."""
    found = order_in_work(request, order_id)
    value = next((one for one in found.values if one.entered and one.entered.result_id == result_id), None)
    if value is None or value.entered is None:
        raise NotFound(_("There is no such result."), field="result_id", code="unknown_result")
    form = TellForm(sent(request))
    if request.method == "POST":
        told = form.attempt(
            lambda: operations.tell_critical(
                request.hospital.id,
                result_id,
                told_to=form.cleaned_data["told_to"],
                actor=request.actor,
                at=request.at,
            )
        )
        if told is not None:
            return done(_("It is noted who was told."))
    context = {
        "form": form,
        "order": found,
        "name": value.parameter.name,
        "result": f"{value.entered.value} {value.entered.unit}".strip(),
        "flag": presenting.FLAGS[value.entered.flag],
        "action": request.path,
    }
    return render(request, "laboratory/tell.html", context, status=INVALID if form.errors else 200)


@require_http_methods(["GET", "POST"])
@hospital_view(PERMISSION_PROCESS)
def reference_range(request: HospitalRequest, order_id: UUID, order_line_id: UUID) -> HttpResponse:
    """The dialog that says which values of ``?parameter=`` are usual, for results entered from now on."""
    found = order_in_work(request, order_id)
    test = next((one for one in found.tests if one.order_line_id == order_line_id), None)
    wanted = request.GET.get("parameter", "")
    value = next((one for one in test.values if one.parameter.code == wanted), None) if test else None
    if test is None or value is None:
        raise NotFound(_("There is no such test."), field="order_line_id", code="unknown_order_line")
    form = RangeForm(sent(request), initial=_plainly(RangeForm.initial_of(value)))
    if request.method == "POST":
        saved = form.attempt(
            lambda: (
                operations.set_reference_range(
                    request.hospital.id,
                    order_line_id,
                    usual=form.usual,
                    parameter=wanted,
                    actor=request.actor,
                    at=request.at,
                ),
                True,
            )
        )
        if saved is not None:
            return done(_("The range is saved. It is used for results from now on."))
    context = {"form": form, "name": value.parameter.name, "action": request.get_full_path()}
    return render(request, "laboratory/range.html", context, status=INVALID if form.errors else 200)


def _plainly(initial: dict[str, object]) -> dict[str, object]:
    """``initial`` without the zeros that a column's scale adds: 10.5 and not 10.5000."""
    bounds = ("low", "high", "critical_low", "critical_high")
    return initial | {name: plain(initial[name]) for name in bounds if initial[name] is not None}  # type: ignore[arg-type]
