"""Appointments in words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from almoner.pages.presenters import Formats
from almoner.scheduling.models import Appointment

STATES = {
    Appointment.Status.BOOKED: (_("Expected"), "none"),
    Appointment.Status.ARRIVED: (_("Arrived"), "good"),
    Appointment.Status.CANCELLED: (_("Cancelled"), "none"),
    Appointment.Status.NO_SHOW: (_("Did not come"), "due"),
}


@dataclass(frozen=True, slots=True)
class AppointmentRow:
    """An appointment. ``arrive_url`` leads to the check-in with its fees; the others end or move it."""

    time: str
    until: str
    patient: str
    patient_url: str
    mrn: str
    department: str
    practitioner: str
    reason: str
    state: Any
    tone: str
    is_open: bool
    is_late: bool
    arrive_url: str
    move_url: str
    cancel_url: str
    missed_url: str


def appointment_row(one: Appointment, formats: Formats, *, at: datetime) -> AppointmentRow:
    """``one`` as it stands at ``at``."""
    state, tone = STATES[Appointment.Status(one.status)]
    is_open = one.status == Appointment.Status.BOOKED
    is_late = is_open and one.starts_at < at
    arrive = reverse("checkin:patient", args=[one.patient_id])
    return AppointmentRow(
        time=formats.time(one.starts_at),
        until=formats.time(one.ends_at),
        patient=one.patient.name,
        patient_url=reverse("patient", args=[one.patient_id]),
        mrn=one.patient.mrn,
        department=one.department.name,
        practitioner=one.practitioner,
        reason=one.reason,
        state=_("Late") if is_late else state,
        tone="due" if is_late else tone,
        is_open=is_open,
        is_late=is_late,
        arrive_url=f"{arrive}?appointment={one.id}",
        move_url=reverse("checkin:appointment-move", args=[one.id]),
        cancel_url=reverse("checkin:appointment-cancel", args=[one.id]),
        missed_url=reverse("checkin:appointment-missed", args=[one.id]),
    )


@dataclass(frozen=True, slots=True)
class CalendarColumn:
    """The day of one doctor; of whoever is there when ``name`` is empty."""

    name: str
    rows: tuple[AppointmentRow, ...]


def columns(appointments: Iterable[Appointment], formats: Formats, *, at: datetime) -> list[CalendarColumn]:
    """The appointments of a day by doctor, by name, those of nobody in particular last."""
    by_name: dict[str, list[AppointmentRow]] = {}
    for one in appointments:
        by_name.setdefault(one.practitioner, []).append(appointment_row(one, formats, at=at))
    return [
        CalendarColumn(name, tuple(by_name[name]))
        for name in sorted(by_name, key=lambda name: (name == "", name))
    ]
