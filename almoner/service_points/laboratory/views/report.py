"""The report of an order, to print from the screen or as PDF."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from almoner.orders.findings import findings_of_order
from almoner.pages.staff import HospitalRequest, hospital_view
from almoner.patients.models import Patient
from almoner.service_points.laboratory.operations import PERMISSION_PROCESS
from almoner.service_points.laboratory.report import Report, make_report, report_pdf
from almoner.service_points.laboratory.views.shared import order_in_work


def _read(request: HospitalRequest, order_id: UUID) -> Report:
    found = order_in_work(request, order_id)
    patient = Patient.objects.get(id=found.patient_id)
    return make_report(found, patient, findings_of_order(order_id), request.formats, today=request.today)


def _printed(request: HospitalRequest) -> str:
    when = f"{request.formats.day(request.today)} {request.formats.time(request.at)}"
    return _("As of %(when)s") % {"when": when}


@require_safe
@hospital_view(PERMISSION_PROCESS)
def on_screen(request: HospitalRequest, order_id: UUID) -> HttpResponse:
    """``/laboratory/orders/ID/report/``: the report, to read or to print."""
    context = {
        "order_id": order_id,
        "report": _read(request, order_id),
        "hospital": request.hospital.name,
        "printed": _printed(request),
    }
    return render(request, "laboratory/report.html", context)


@require_safe
@hospital_view(PERMISSION_PROCESS)
def as_pdf(request: HospitalRequest, order_id: UUID) -> HttpResponse:
    """``/laboratory/orders/ID/report.pdf``: the same on A4."""
    report = _read(request, order_id)
    file = report_pdf(
        report,
        hospital=request.hospital.name,
        address=request.build_absolute_uri(reverse("laboratory:order", args=[order_id])),
        printed=_printed(request),
        made_at=request.at,
    )
    response = HttpResponse(file, content_type="application/pdf")
    response["Content-Disposition"] = f'inline; filename="{report.number}.pdf"'
    return response
