"""Reception's appointments: the calendar of a day, booking, moving, calling off."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from almoner.kernel.tenancy import transaction
from almoner.pages.answers import done, go_to
from almoner.pages.forms import sent
from almoner.pages.live import live_page
from almoner.pages.patient_file import find_patient
from almoner.pages.patient_page import patient_head
from almoner.pages.staff import HospitalRequest, hospital_view
from almoner.scheduling.appointments import (
    PERMISSION_BOOK,
    book,
    call_off,
    find_appointment,
    move,
    practitioners,
)
from almoner.service_points.checkin.appointments import presenting
from almoner.service_points.checkin.appointments.forms import AppointmentForm
from almoner.service_points.checkin.appointments.queries import appointments_of
from almoner.service_points.checkin.queries import departments_to_check_in

INVALID = 422


@require_safe
@hospital_view(PERMISSION_BOOK)
def calendar(request: HospitalRequest) -> HttpResponse:
    """``/check-in/appointments/?day=YYYY-MM-DD&department=CODE``: the day of a department, by doctor."""
    try:
        day = date.fromisoformat(request.GET.get("day", ""))
    except ValueError:
        day = request.today
    day = min(max(day, date(2000, 1, 1)), date(2199, 1, 1))
    departments = [(one.code, one.name) for one in departments_to_check_in()]
    chosen = request.GET.get("department", "")
    chosen = chosen if chosen in dict(departments) else ""
    shown = appointments_of(request.hospital, day, department=chosen)
    context = {
        "day": request.formats.day(day, "full"),
        "date": day.isoformat(),
        "before": (day - timedelta(days=1)).isoformat(),
        "after": (day + timedelta(days=1)).isoformat(),
        "is_today": day == request.today,
        "departments": departments,
        "chosen": chosen,
        "columns": presenting.columns(shown, request.formats, at=request.at),
    }
    return live_page(
        request,
        "checkin/appointments/calendar.html",
        "checkin/appointments/calendar_content.html",
        context,
        query=f"day={day.isoformat()}&department={chosen}",
    )


@require_http_methods(["GET", "POST"])
@hospital_view(PERMISSION_BOOK)
def new(request: HospitalRequest, patient_id: UUID) -> HttpResponse:
    """``/check-in/patients/ID/appointment/``: book an appointment of the patient."""
    with transaction(request.hospital.id):
        patient = find_patient(patient_id)
        if patient.merged_into_id is not None and request.method == "GET":
            return redirect("checkin:appointment", patient.merged_into_id)
        departments = [(one.code, one.name) for one in departments_to_check_in()]
        doctors = practitioners(request.hospital.id)
    form = AppointmentForm(
        sent(request),
        departments=departments,
        practitioners=doctors,
        zone=request.formats.zone,
        today=request.today,
        initial={"day": request.today},
    )
    if request.method == "POST":
        booked = form.attempt(
            lambda: book(
                request.hospital.id,
                patient_id=patient_id,
                department=form.cleaned_data["department"],
                practitioner_id=form.cleaned_data["practitioner_id"],
                starts_at=form.starts_at,
                minutes=form.cleaned_data["minutes"],
                reason=form.cleaned_data["reason"],
                idempotency_key=form.key,
                actor=request.actor,
                at=request.at,
            )
        )
        if booked is not None:
            day = request.formats.local_date(booked.starts_at).isoformat()
            return go_to(f"{reverse('checkin:appointments')}?day={day}&department={booked.department.code}")
    context = {
        "form": form,
        "action": request.path,
        "head": patient_head(patient, request.formats, today=request.today),
    }
    template = "form" if request.method == "POST" else "new"
    return render(
        request, f"checkin/appointments/{template}.html", context, status=INVALID if form.errors else 200
    )


@require_http_methods(["GET", "POST"])
@hospital_view(PERMISSION_BOOK)
def move_dialog(request: HospitalRequest, appointment_id: UUID) -> HttpResponse:
    """A dialog: another time or doctor for an appointment."""
    with transaction(request.hospital.id):
        known = find_appointment(appointment_id)
        doctors = practitioners(request.hospital.id)
    local = known.starts_at.astimezone(request.formats.zone)
    form = AppointmentForm(
        sent(request),
        departments=[],
        practitioners=doctors,
        zone=request.formats.zone,
        today=request.today,
        moves=True,
        initial={
            "day": local.date(),
            "start": local.time(),
            "minutes": (known.ends_at - known.starts_at) // timedelta(minutes=1),
            "practitioner_id": str(known.practitioner_id or ""),
        },
    )
    if request.method == "POST":
        moved = form.attempt(
            lambda: move(
                request.hospital.id,
                appointment_id,
                starts_at=form.starts_at,
                minutes=form.cleaned_data["minutes"],
                practitioner_id=form.cleaned_data["practitioner_id"],
                actor=request.actor,
                at=request.at,
            )
        )
        if moved is not None:
            when = request.formats.day(request.formats.local_date(moved.starts_at))
            return done(
                _("%(name)s is expected on %(day)s at %(time)s.")
                % {"name": known.patient.name, "day": when, "time": request.formats.time(moved.starts_at)}
            )
    context = {
        "form": form,
        "action": request.path,
        "head": patient_head(known.patient, request.formats, today=request.today),
        "department": known.department.name,
    }
    return render(request, "checkin/appointments/move.html", context, status=INVALID if form.errors else 200)


@require_POST
@hospital_view(PERMISSION_BOOK)
def cancel(request: HospitalRequest, appointment_id: UUID) -> HttpResponse:
    """The appointment is cancelled; its time is free."""
    call_off(request.hospital.id, appointment_id, actor=request.actor, at=request.at)
    return done(_("The appointment is cancelled."))


@require_POST
@hospital_view(PERMISSION_BOOK)
def missed(request: HospitalRequest, appointment_id: UUID) -> HttpResponse:
    """The patient did not come."""
    call_off(request.hospital.id, appointment_id, no_show=True, actor=request.actor, at=request.at)
    return done(_("It is recorded that the patient did not come."))
