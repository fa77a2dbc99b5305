"""The appointments of a day."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from almoner.hospitals.models import Hospital
from almoner.scheduling.models import Appointment

MAXIMUM_SHOWN = 200


def appointments_of(
    hospital: Hospital, day: date, *, department: str = "", expected: bool = False
) -> list[Appointment]:
    """The appointments that start on ``day`` (the hospital's), by time; one statement.

    Of ``department`` (its code; all of them when empty); ``expected``: only those who may still come.
    """
    zone = ZoneInfo(hospital.time_zone)
    start = datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)
    end = datetime.combine(day + timedelta(days=1), time(), tzinfo=zone).astimezone(UTC)
    rows = Appointment.objects.select_related("patient", "department").filter(
        starts_at__gte=start, starts_at__lt=end
    )
    if department:
        rows = rows.filter(department__code=department)
    if expected:
        rows = rows.filter(status=Appointment.Status.BOOKED)
    return list(rows.order_by("starts_at", "id")[:MAXIMUM_SHOWN])
