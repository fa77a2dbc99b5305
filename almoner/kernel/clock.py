"""The only place that reads the clock. Rules are handed ``at``; the edges ask here."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo


def now() -> datetime:
    """The present instant, in UTC."""
    return datetime.now(tz=UTC)


def local_date(at: datetime, time_zone: str) -> date:
    """The calendar date of ``at`` in the hospital's zone: the service date of an event."""
    return at.astimezone(ZoneInfo(time_zone)).date()
