"""What was handed out: the list, its labels, and what comes back."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from almoner.kernel.errors import NotFound
from almoner.kernel.tenancy import transaction
from almoner.pages.answers import done
from almoner.pages.cashier.tickets import qr_picture
from almoner.pages.forms import sent
from almoner.pages.live import live_page
from almoner.pages.staff import HospitalRequest, hospital_view
from almoner.service_points.pharmacy import operations, presenting, queries
from almoner.service_points.pharmacy.forms import ReturnForm
from almoner.service_points.pharmacy.operations import PERMISSION_DISPENSE, PERMISSION_TAKE_BACK

INVALID = 422


@require_safe
@hospital_view(PERMISSION_DISPENSE)
def history(request: HospitalRequest) -> HttpResponse:
    """``/pharmacy/handed-out/``: what was handed out, the latest first."""
    rows = [
        presenting.handed_out_row(one, request.formats, request.actor, today=request.today)
        for one in queries.handed_out()
    ]
    return live_page(request, "pharmacy/history.html", "pharmacy/history_content.html", {"rows": rows})


def _find(dispensing_id: UUID) -> queries.HandedOut:
    found = queries.handed_out(dispensing_id=dispensing_id)
    if not found:
        raise NotFound(_("Nothing such was handed out."), field="dispensing_id", code="unknown_dispensing")
    return found[0]


@require_safe
@hospital_view(PERMISSION_DISPENSE)
def label(request: HospitalRequest, dispensing_id: UUID) -> HttpResponse:
    """``/pharmacy/handed-out/ID/label/``: the label to print; its code is the prescription's number."""
    found = _find(dispensing_id)
    row = presenting.handed_out_row(found, request.formats, request.actor, today=request.today)
    context = {
        "row": row,
        "hospital": request.hospital.name,
        "day": request.formats.day(request.formats.local_date(found.dispensed_at)),
        "qr": qr_picture(found.number),
    }
    return render(request, "pharmacy/label.html", context)


@require_http_methods(["GET", "POST"])
@hospital_view(PERMISSION_TAKE_BACK)
def take_back(request: HospitalRequest, dispensing_id: UUID) -> HttpResponse:
    """The dialog in which something comes back."""
    with transaction(request.hospital.id):
        found = _find(dispensing_id)
    form = ReturnForm(sent(request), handed_out=found)
    if request.method == "POST":
        made = form.attempt(
            lambda: operations.take_back(
                request.hospital.id,
                dispensing_id,
                quantity=form.cleaned_data["quantity"],
                is_sealed=form.cleaned_data["is_sealed"] == "yes",
                reason=form.cleaned_data["reason"],
                batch_id=form.batch,
                idempotency_key=form.key,
                actor=request.actor,
                at=request.at,
            )
        )
        if made is not None:
            amount = request.formats.money(made.credited_minor)
            return done(_("Taken back; %(amount)s is credited.") % {"amount": amount})
    row = presenting.handed_out_row(found, request.formats, request.actor, today=request.today)
    context = {"form": form, "row": row, "action": request.path}
    return render(request, "pharmacy/return.html", context, status=INVALID if form.errors else 200)
