"""What a patient sees of their own record."""

from __future__ import annotations

from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from almoner.messaging.models import Channel
from almoner.messaging.operations import PERMISSION_CONTACT, opt_in, opt_out
from almoner.messaging.queries import opt_outs_of
from almoner.pages.cashier.tickets import qr_picture, receipt_ticket
from almoner.pages.patient_contact import ways_of
from almoner.pages.patient_file import read_patient_file
from almoner.pages.staff import PlacedRequest, to_login
from almoner.portal.entry import SESSION_KEY, PatientRequest, patient_view
from almoner.portal.logins import logins_of, records_behind
from almoner.portal.presenting import present_own_page, present_receipt
from almoner.portal.queries import read_own_receipt, upcoming_appointments


@require_safe
@patient_view
def me(request: PatientRequest) -> HttpResponse:
    """``/me/``: what is owed and why, what waits for payment and what to do, what was paid, what is to come."""
    read = read_patient_file(request.patient, actor=request.reader, at=request.at)
    appointments = upcoming_appointments(request.patient, at=request.at)
    page = present_own_page(read, appointments, request.formats, request.reader, today=request.today)
    return render(request, "portal/me.html", {"page": page, "has_others": len(request.logins) > 1})


@require_http_methods(["GET", "POST"])
@patient_view
def reminders(request: PatientRequest) -> HttpResponse:
    """``/me/reminders/``: where the patient is reached, by which channels they want reminders, and by which none."""
    channel = request.POST.get("channel", "")
    if channel in list(Channel):
        change = opt_in if "resume" in request.POST else opt_out
        actor = request.reader.also(PERMISSION_CONTACT)
        change(request.hospital.id, request.patient.id, channel, actor=actor, at=request.at)
    if request.method == "POST":
        return redirect("portal:reminders")
    since = {one: found[0].since for one, found in opt_outs_of(request.patient.id).items()}
    ways = ways_of(request.patient, since, request.formats)
    return render(request, "portal/reminders.html", {"ways": ways, "has_others": len(request.logins) > 1})


@require_safe
@patient_view
def receipt(request: PatientRequest, payment_id: UUID) -> HttpResponse:
    """``/me/payments/ID/``: a receipt of one's own, to read or to print."""
    read = read_own_receipt(request.patient, payment_id, reader=request.reader, at=request.at)
    address = request.build_absolute_uri(
        reverse("cashier:verify", args=[receipt_ticket(request.hospital.id, payment_id)])
    )
    context = {
        "receipt": present_receipt(read, request.hospital.name, request.formats),
        "qr": qr_picture(address),
        "address": address,
    }
    return render(request, "portal/receipt.html", context)


@require_http_methods(["GET", "POST"])
@never_cache
def choose(request: PlacedRequest) -> HttpResponse:
    """``/me/choose/``: which record to look at, for who has several."""
    if not request.user.is_authenticated:
        return to_login(request)
    records = records_behind(logins_of(request.user))
    if not records:
        raise PermissionDenied(_("This page is for patients: the hospital's reception lets them in."))
    wanted = request.POST.get("login", "")
    chosen = next((record for record in records if str(record.login.id) == wanted), None)
    if len(records) == 1:
        chosen = records[0]
    if chosen is not None:
        request.session[SESSION_KEY] = str(chosen.login.id)
        return redirect("portal:me")
    return render(request, "portal/choose.html", {"records": records})
