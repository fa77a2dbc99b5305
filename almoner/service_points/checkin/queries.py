"""What reception and the waiting room see: today's arrivals, and the numbers that were called."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection

from almoner.hospitals.models import Department, Hospital
from almoner.kernel.tenancy import require_transaction

MAXIMUM_ARRIVALS = 40
RECEIVES = ("specialist", "general", "emergency", "diagnostic", "ward")
"""Kinds of departments that patients arrive at."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A visit of the day, the last event that happened in it (its kind, or nothing), and the number to wait with."""

    encounter_id: UUID
    number: str
    encounter_class: str
    triage_level: int | None
    reason: str
    started_at: datetime
    ended_at: datetime | None
    patient_id: UUID
    patient_name: str
    mrn: str
    department: str
    token: int | None
    called_at: datetime | None
    last_event: str | None


_ARRIVALS = """
SELECT encounter.id, encounter.number, encounter.encounter_class, encounter.triage_level, encounter.reason,
       encounter.started_at, encounter.ended_at, patient.id, patient.name, patient.mrn, department.name,
       token.number, token.called_at, coalesce(happened.kind, '')
FROM patients_encounter AS encounter
JOIN patients_patient AS patient
    ON patient.hospital_id = %(hospital)s AND patient.id = encounter.patient_id
JOIN hospitals_department AS department
    ON department.hospital_id = %(hospital)s AND department.id = encounter.department_id
LEFT JOIN scheduling_queuetoken AS token
    ON token.hospital_id = %(hospital)s AND token.encounter_id = encounter.id
LEFT JOIN LATERAL (
    SELECT event.kind FROM charging_clinicalevent AS event
    WHERE event.hospital_id = %(hospital)s AND event.recorded_at >= %(start)s AND event.recorded_at < %(end)s
      AND event.encounter_id = encounter.id
    ORDER BY event.occurred_at DESC, event.id DESC LIMIT 1
) AS happened ON true
WHERE encounter.hospital_id = %(hospital)s AND encounter.started_at >= %(start)s AND encounter.started_at < %(end)s
ORDER BY encounter.ended_at IS NOT NULL, encounter.started_at DESC, encounter.id DESC
LIMIT %(limit)s
"""


def arrivals(hospital: Hospital, day: date, *, limit: int = MAXIMUM_ARRIVALS) -> list[Arrival]:
    """Visits that began on ``day`` (the hospital's), those still here first, the latest first; one statement."""
    zone = ZoneInfo(hospital.time_zone)
    start = datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)
    end = datetime.combine(day + timedelta(days=1), time(), tzinfo=zone).astimezone(UTC)
    parameters: dict[str, Any] = {
        "hospital": require_transaction(),
        "start": start,
        "end": end,
        "limit": limit,
    }
    with connection.cursor() as cursor:
        cursor.execute(_ARRIVALS, parameters)
        return [Arrival(*row) for row in cursor.fetchall()]


def departments_to_check_in() -> list[Department]:
    """Where patients arrive, by name; one statement."""
    return list(Department.objects.filter(is_active=True, kind__in=RECEIVES).order_by("name"))


@dataclass(frozen=True, slots=True)
class WaitingDepartment:
    """The numbers of a department's day: those called, the latest first, and those that still wait."""

    code: str
    name: str
    called: tuple[int, ...]
    waiting: tuple[int, ...]


_WAITING = """
SELECT department.code, department.name, token.number, token.called_at
FROM scheduling_queuetoken AS token
JOIN patients_encounter AS encounter
    ON encounter.hospital_id = %(hospital)s AND encounter.id = token.encounter_id AND encounter.ended_at IS NULL
JOIN hospitals_department AS department
    ON department.hospital_id = %(hospital)s AND department.id = token.department_id
WHERE token.hospital_id = %(hospital)s AND token.day = %(day)s
ORDER BY department.name, department.id, token.called_at DESC NULLS LAST, token.number
"""
CALLED_SHOWN = timedelta(minutes=20)


def waiting_room(day: date, *, at: datetime) -> list[WaitingDepartment]:
    """Every department that has tokens on ``day``, by name; one statement.

    A call is shown for ``CALLED_SHOWN``, so that the display tells who is called now.
    """
    with connection.cursor() as cursor:
        cursor.execute(_WAITING, {"hospital": require_transaction(), "day": day})
        rows = cursor.fetchall()
    return list(_by_department(rows, at))


def _by_department(
    rows: list[tuple[str, str, int, datetime | None]], at: datetime
) -> Iterator[WaitingDepartment]:
    names = {code: name for code, name, _, _ in rows}
    for code, name in names.items():
        mine = [(number, called_at) for row, _, number, called_at in rows if row == code]
        yield WaitingDepartment(
            code=code,
            name=name,
            called=tuple(number for number, called_at in mine if called_at and at - called_at < CALLED_SHOWN),
            waiting=tuple(sorted(number for number, called_at in mine if called_at is None)),
        )
