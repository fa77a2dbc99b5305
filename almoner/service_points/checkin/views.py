"""Reception: who arrives, who is registered, where they wait; and the waiting room's display."""

from __future__ import annotations

from datetime import date
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from almoner.charging.models import ChargeItem
from almoner.charging.queries import patient_categories, preview
from almoner.charging.rules import Event
from almoner.enforcement.queries import billing_status, billing_statuses
from almoner.kernel.errors import NotFound
from almoner.kernel.tenancy import transaction
from almoner.orders.referrals import expected_referrals, find_referral
from almoner.pages.answers import done, go_to
from almoner.pages.forms import sent
from almoner.pages.live import live_page
from almoner.pages.patient_file import find_patient
from almoner.pages.patient_page import held_lines, patient_head, photo_url
from almoner.pages.presenters import Formats, billing_widget, visit_tags
from almoner.pages.search import MAXIMUM_LENGTH, Found, find_duplicates, find_patients
from almoner.pages.staff import HospitalRequest, hospital_view
from almoner.patients.models import Patient
from almoner.patients.operations import (
    PERMISSION_REGISTER,
    close_encounter,
    find_encounter,
    register_patient,
)
from almoner.scheduling.appointments import find_appointment
from almoner.scheduling.models import Appointment, QueueToken
from almoner.service_points.checkin import presenting, queries
from almoner.service_points.checkin.appointments.presenting import appointment_row
from almoner.service_points.checkin.appointments.queries import appointments_of
from almoner.service_points.checkin.forms import CheckInForm, PatientForm
from almoner.service_points.checkin.operations import check_in

INVALID = 422


@require_safe
@hospital_view(PERMISSION_REGISTER)
def arrivals(request: HospitalRequest) -> HttpResponse:
    """``/check-in/``: find or register whoever comes, and who came today."""
    found = queries.arrivals(request.hospital, request.today)
    statuses = billing_statuses(
        request.hospital.id, {arrival.patient_id for arrival in found if not arrival.ended_at}, at=request.at
    )
    rows = [
        presenting.arrival_row(
            arrival, statuses, request.formats, request.actor, at=request.at, today=request.today
        )
        for arrival in found
    ]
    expected = appointments_of(request.hospital, request.today, expected=True)
    context = {
        "expected": [appointment_row(one, request.formats, at=request.at) for one in expected],
        "referred": [
            presenting.referred_row(one, request.formats, today=request.today)
            for one in expected_referrals(at=request.at)
        ],
        "rows": rows,
        "here": sum(row.is_open for row in rows),
        "is_full": len(rows) == queries.MAXIMUM_ARRIVALS,
    }
    return live_page(request, "checkin/arrivals.html", "checkin/arrivals_content.html", context)


@require_safe
@hospital_view(PERMISSION_REGISTER)
def find(request: HospitalRequest) -> HttpResponse:
    """``/check-in/find/?q=words``: who may be meant, each with the way to check them in."""
    words = request.GET.get("q", "").replace("\x00", "")[:MAXIMUM_LENGTH].strip()
    rows = [presenting.found_row(one, request.formats) for one in find_patients(words)] if words else []
    if len(rows) == 1 and not request.htmx:
        return redirect(rows[0].url)
    new = {"name": words} if any(character.isalpha() for character in words) else {}
    context = {"words": words, "rows": rows, "new_query": urlencode(new)}
    return render(request, "checkin/found.html" if request.htmx else "checkin/found_page.html", context)


@require_http_methods(["GET", "POST"])
@hospital_view(PERMISSION_REGISTER)
def register(request: HospitalRequest) -> HttpResponse:
    """``/check-in/register/``: a new patient, unless they are known already."""
    form = PatientForm(
        sent(request),
        categories=patient_categories(request.hospital),
        today=request.today,
        initial={"name": request.GET.get("name", "")[:200], "category": "general"},
    )
    alike: list[Found] = []
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        with transaction(request.hospital.id):
            alike = _others(form.key, data["name"], data["birth_date"], data["phone"])
        if alike and not data["confirmed"]:
            form.add_error(None, _("This may be somebody who is registered already. Look at them first."))
        else:
            registered = form.attempt(lambda: _register(request, form))
            if registered is not None:
                return go_to(reverse("checkin:patient", args=[registered]))
    context = {
        "form": form,
        "rows": [presenting.found_row(one, request.formats) for one in alike],
        "ask": bool(alike),
    }
    template = "checkin/register_form.html" if request.method == "POST" else "checkin/register.html"
    return render(request, template, context, status=INVALID if form.errors else 200)


def _others(key: str, name: str, born: date | None, phone: str) -> list[Found]:
    """Those who may be the same person, without the one that this very form has registered before."""
    mine = Patient.objects.filter(source_id=key).values_list("id", flat=True).first()
    return [one for one in find_duplicates(name, born, phone) if one.patient_id != mine]


def _register(request: HospitalRequest, form: PatientForm) -> UUID:
    data = form.cleaned_data
    return register_patient(
        request.hospital.id,
        name=data["name"],
        birth_date=data["birth_date"],
        sex=data["sex"],
        phone=data["phone"],
        category=data["category"],
        source_id=form.key,
        actor=request.actor,
        at=request.at,
    ).patient.id


@require_safe
@hospital_view(PERMISSION_REGISTER)
def duplicates(request: HospitalRequest) -> HttpResponse:
    """``/check-in/duplicates/?name=&birth_date=&phone=``: who may be the same person, while it is typed."""
    try:
        born = date.fromisoformat(request.GET.get("birth_date", ""))
    except ValueError:
        born = None
    found = find_duplicates(request.GET.get("name", ""), born, request.GET.get("phone", "")[:40])
    rows = [presenting.found_row(one, request.formats) for one in found]
    return render(request, "checkin/duplicates.html", {"rows": rows, "ask": False})


@require_http_methods(["GET", "POST"])
@hospital_view(PERMISSION_REGISTER)
def patient(request: HospitalRequest, patient_id: UUID) -> HttpResponse:
    """``/check-in/patients/ID/``: check a patient in, with the fees shown before confirming."""
    with transaction(request.hospital.id):
        found = find_patient(patient_id)
        departments = queries.departments_to_check_in()
        initial = _expected(request.GET.get("appointment", ""), request.GET.get("referral", ""))
        photo = photo_url(patient_id)
    if found.merged_into_id is not None and request.method == "GET":
        return redirect("checkin:patient", found.merged_into_id)
    form = CheckInForm(sent(request), departments=departments, initial=initial)
    if request.method == "POST":
        checked_in = form.attempt(
            lambda: check_in(
                request.hospital.id,
                patient_id=patient_id,
                department=form.cleaned_data["department"],
                encounter_class=form.encounter_class,
                triage_level=form.cleaned_data["triage_level"],
                visit_type=form.cleaned_data["visit_type"],
                reason=form.cleaned_data["reason"],
                appointment_id=form.cleaned_data["appointment_id"],
                referral_id=form.cleaned_data["referral_id"],
                idempotency_key=form.key,
                actor=request.actor,
                at=request.at,
            )
        )
        if checked_in is not None:
            return go_to(reverse("checkin:visit", args=[checked_in.encounter.id]))
        return render(
            request, "checkin/check_in_form.html", {"form": form, "patient_id": patient_id}, status=INVALID
        )
    status = billing_status(request.hospital.id, patient_id, at=request.at)
    context = {
        "form": form,
        "patient_id": patient_id,
        "head": patient_head(found, request.formats, today=request.today),
        "photo_url": photo,
        "billing": billing_widget(status, request.formats, request.actor, today=request.today),
    }
    return render(request, "checkin/check_in.html", context)


def _expected(appointment: str, referral: str) -> dict[str, object]:
    """What the check-in form starts with when the patient is expected; one statement then."""
    try:
        if appointment:
            booked = find_appointment(UUID(appointment))
            if booked.status == Appointment.Status.BOOKED:
                code = booked.department.code
                return {"appointment_id": booked.id, "department": code, "reason": booked.reason}
        elif referral:
            sent = find_referral(UUID(referral))
            if sent.department is not None and sent.visit_id is None:
                reason = f"{sent.number}: {sent.text}"[:300]
                return {"referral_id": sent.id, "department": sent.department.code, "reason": reason}
    except ValueError:
        pass
    return {}


@require_safe
@hospital_view(PERMISSION_REGISTER)
def fees(request: HospitalRequest, patient_id: UUID) -> HttpResponse:
    """``/check-in/patients/ID/fees/?department=CODE``: what checking in there would charge."""
    find_patient(patient_id)
    code = request.GET.get("department", "")
    form = CheckInForm(request.GET, departments=queries.departments_to_check_in())
    form.is_valid()
    if code not in form.departments:
        return render(request, "checkin/fees.html", {"fees": None})
    event = Event(
        kind="patient.checked_in",
        idempotency_key="preview",
        patient_id=patient_id,
        request_type=form.cleaned_data.get("visit_type") or "first",
    )
    charges = preview(
        request.hospital.id,
        event,
        department=form.departments[code],
        encounter_class=form.encounter_class,
        at=request.at,
    )
    return render(request, "checkin/fees.html", {"fees": presenting.fees(charges, request.formats)})


@require_safe
@hospital_view(PERMISSION_REGISTER)
def visit(request: HospitalRequest, encounter_id: UUID) -> HttpResponse:
    """``/check-in/visits/ID/``: the number to wait with, what the visit charged, and what is held."""
    encounter = find_encounter(encounter_id)
    token = QueueToken.objects.filter(encounter=encounter).first()
    status = billing_status(request.hospital.id, encounter.patient_id, at=request.at)
    charges = ChargeItem.objects.select_related("service").filter(
        encounter=encounter, event__kind="patient.checked_in", status__in=["billable", "planned", "unpriced"]
    )
    formats = request.formats
    lines = [
        presenting.FeeLine(
            name=item.service.name,
            amount="–" if item.net_minor is None else formats.money(item.net_minor),
            note=_("no price yet") if item.net_minor is None else "",
        )
        for item in charges.order_by("line", "id")
    ]
    held = [blocked for blocked in status.blocked_services if blocked.encounter_id == encounter.id]
    context = {
        "encounter": encounter,
        "head": patient_head(encounter.patient, formats, today=request.today),
        "token": token.number if token else "",
        "is_today": token is not None and token.day == request.today,
        "since": formats.moment(encounter.started_at, today=request.today),
        "tags": visit_tags(encounter.encounter_class, encounter.triage_level),
        "lines": lines,
        "held": held_lines(held, formats, request.actor),
        "billing": billing_widget(status, formats, request.actor, today=request.today),
    }
    return live_page(request, "checkin/visit.html", "checkin/visit_content.html", context)


@require_POST
@hospital_view(PERMISSION_REGISTER)
def leave(request: HospitalRequest, encounter_id: UUID) -> HttpResponse:
    """The patient has left: the visit ends. Its charges stay."""
    encounter = close_encounter(request.hospital.id, encounter_id, actor=request.actor, at=request.at)
    return done(_("Visit %(number)s has ended.") % {"number": encounter.number})


@require_safe
@hospital_view()
def waiting_room(request: HospitalRequest) -> HttpResponse:
    """``/check-in/waiting-room/?department=CODE``: the display of the waiting room, in the
    hospital's language. Numbers, no names."""
    code = request.GET.get("department", "")
    shown = queries.waiting_room(request.today, at=request.at)
    if code:
        shown = [department for department in shown if department.code == code]
        if not shown and code not in {d.code for d in queries.departments_to_check_in()}:
            raise NotFound(_("There is no such department."), field="department", code="unknown_department")
    query = f"department={code}" if code else ""
    with translation.override(request.hospital.locale.partition("_")[0]):
        context = {"departments": shown, "time": Formats.of(request.hospital).time(request.at)}
        return live_page(
            request, "checkin/waiting_room.html", "checkin/waiting_room_content.html", context, query=query
        )
