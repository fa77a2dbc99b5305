"""/appointments: who is expected when."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from django.http import HttpResponse
from ninja import Query, Router
from pydantic import Field, StrictBool

from almoner.hospitals.callers import ApiRequest, needs
from almoner.kernel.paging import Cursor, Limit, Page, read_page
from almoner.kernel.tenancy import transaction
from almoner.kernel.wire import Code, IdempotencyKey, Input, Instant, Resource, Text, answer
from almoner.patients.merging import records_of
from almoner.scheduling import appointments
from almoner.scheduling.appointments import LONGEST_MINUTES, PERMISSION_BOOK, SHORTEST_MINUTES
from almoner.scheduling.models import Appointment

SCOPE_READ = "appointments.read"
router = Router(tags=["Appointments"])

Minutes = Annotated[int, Field(strict=True, ge=SHORTEST_MINUTES, le=LONGEST_MINUTES)]


class NewAppointment(Input):
    """``practitioner_id``: a doctor of the hospital; null: whoever is there."""

    patient_id: UUID
    department: Code
    starts_at: Instant
    minutes: Minutes = 20
    practitioner_id: UUID | None = None
    reason: Annotated[str, Field(max_length=300, pattern=r"^[^\x00]*$")] = ""


class AppointmentMove(Input):
    starts_at: Instant
    minutes: Minutes = 20
    practitioner_id: UUID | None = None


class AppointmentEnd(Input):
    """``no_show``: the patient did not come; else it is cancelled."""

    no_show: StrictBool = False


class AppointmentResource(Resource):
    """An appointment. ``encounter_id`` is the visit that it became when the patient checked in."""

    id: UUID
    patient_id: UUID
    department: str
    practitioner_id: UUID | None
    practitioner: str
    starts_at: datetime
    minutes: int
    status: Appointment.Status
    reason: str
    encounter_id: UUID | None
    booked_at: datetime
    booked_by: str


class AppointmentPage(Page[AppointmentResource]):
    """Appointments."""


def _shown(row: Appointment) -> AppointmentResource:
    return AppointmentResource(
        id=row.id,
        patient_id=row.patient_id,
        department=row.department.code,
        practitioner_id=row.practitioner_id,
        practitioner=row.practitioner,
        starts_at=row.starts_at,
        minutes=(row.ends_at - row.starts_at) // timedelta(minutes=1),
        status=Appointment.Status(row.status),
        reason=row.reason,
        encounter_id=row.encounter_id,
        booked_at=row.booked_at,
        booked_by=row.booked_by,
    )


@router.get("/appointments", auth=needs(SCOPE_READ), response=AppointmentPage)
def list_appointments(
    request: ApiRequest,
    cursor: Cursor,
    limit: Limit,
    patient_id: Annotated[UUID | None, Query(None)],
    department: Annotated[Text, Query("", description="A department's code.")],
    starts_from: Annotated[Instant | None, Query(None)],
    starts_before: Annotated[Instant | None, Query(None)],
) -> HttpResponse:
    """Appointments, the one that starts last first."""
    with transaction(request.auth.hospital_id):
        rows = Appointment.objects.select_related("department")
        if patient_id is not None:
            rows = rows.filter(patient__in=records_of(patient_id))
        if department:
            rows = rows.filter(department__code=department)
        if starts_from is not None:
            rows = rows.filter(starts_at__gte=starts_from)
        if starts_before is not None:
            rows = rows.filter(starts_at__lt=starts_before)
        page = read_page(rows, cursor=cursor, limit=limit, time="starts_at", show=_shown)
    return answer(AppointmentPage(**page))


@router.post("/appointments", auth=needs(PERMISSION_BOOK), response={201: AppointmentResource})
def book_appointment(
    request: ApiRequest, body: NewAppointment, idempotency_key: IdempotencyKey
) -> HttpResponse:
    """Book an appointment. 409 when the doctor has another one at that time."""
    caller = request.auth
    row = appointments.book(
        caller.hospital_id,
        patient_id=body.patient_id,
        department=body.department,
        starts_at=body.starts_at,
        minutes=body.minutes,
        practitioner_id=body.practitioner_id,
        reason=body.reason,
        idempotency_key=idempotency_key,
        actor=caller.actor,
        at=caller.at,
    )
    return answer(_shown(row), 201, replayed=row.booked_at != caller.at)


@router.post(
    "/appointments/{appointment_id}/move", auth=needs(PERMISSION_BOOK), response={200: AppointmentResource}
)
def move_appointment(request: ApiRequest, appointment_id: UUID, body: AppointmentMove) -> HttpResponse:
    """Move a booked appointment to another time or doctor."""
    caller = request.auth
    row = appointments.move(
        caller.hospital_id,
        appointment_id,
        starts_at=body.starts_at,
        minutes=body.minutes,
        practitioner_id=body.practitioner_id,
        actor=caller.actor,
        at=caller.at,
    )
    return answer(_shown(row))


@router.post(
    "/appointments/{appointment_id}/end", auth=needs(PERMISSION_BOOK), response={200: AppointmentResource}
)
def end_appointment(request: ApiRequest, appointment_id: UUID, body: AppointmentEnd) -> HttpResponse:
    """Cancel an appointment, or record that the patient did not come."""
    caller = request.auth
    row = appointments.call_off(
        caller.hospital_id, appointment_id, no_show=body.no_show, actor=caller.actor, at=caller.at
    )
    return answer(_shown(row))
