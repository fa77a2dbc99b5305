"""When a message may go, when it is tried again, and which reminder a day asks for. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

MAXIMUM_SUBJECT = 150
RETRY_MINUTES = (1, 5, 30, 120, 480)
MAXIMUM_ATTEMPTS = len(RETRY_MINUTES) + 1
LEASE = timedelta(minutes=5)
"""How long an attempt may take before another one is made."""


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Nothing is sent from ``starts`` until ``ends``, by the clock on the hospital's wall; over midnight when it
    ends earlier in the day than it starts."""

    starts: time
    ends: time

    def holds(self, at: datetime, zone: ZoneInfo) -> bool:
        """Whether it is quiet at ``at``."""
        clock = at.astimezone(zone).time()
        if self.starts < self.ends:
            return self.starts <= clock < self.ends
        return clock >= self.starts or clock < self.ends

    def after(self, at: datetime, zone: ZoneInfo) -> datetime:
        """``at`` when it is not quiet then, else when the quiet hours end, in the zone of ``at``.

        Where the clock is put back while it is quiet they last until it shows ``ends`` for good; an ``ends`` that
        is skipped comes when the clock has passed it.
        """
        if not self.holds(at, zone):
            return at
        local = at.astimezone(zone)
        days = (local.date(), local.date() + timedelta(days=1))
        ends = (
            datetime.combine(day, self.ends, zone).replace(fold=fold).astimezone(at.tzinfo)
            for day in days
            for fold in (0, 1)
        )
        return min(end for end in ends if end > at and not self.holds(end, zone))


@dataclass(frozen=True, slots=True)
class MessagingRules:
    """How a hospital writes to its patients (``models.MessagingSettings``)."""

    quiet: QuietHours | None = None
    channels: tuple[str, ...] = ("email",)
    days_before: tuple[int, ...] = (3,)
    days_after: tuple[int, ...] = (1, 7, 21)

    def sends_from(self, at: datetime, zone: ZoneInfo) -> datetime:
        """The first moment from ``at`` on when it is not quiet."""
        return self.quiet.after(at, zone) if self.quiet else at


DEFAULTS = MessagingRules()


def step_before(days_before: Iterable[int], days_left: int) -> int | None:
    """The step of ``days_before`` that is reached when something falls due in ``days_left`` days: the closest one,
    so that whoever was not told in time is told once."""
    return min((step for step in days_before if 0 <= days_left <= step), default=None)


def step_after(days_after: Iterable[int], days_late: int) -> int | None:
    """The last step of ``days_after`` that is reached ``days_late`` days after something became overdue."""
    return max((step for step in days_after if 1 <= step <= days_late), default=None)


def retry_after(attempts: int) -> timedelta | None:
    """How long to wait after the attempt of that number; None: no more."""
    if attempts > len(RETRY_MINUTES):
        return None
    return timedelta(minutes=RETRY_MINUTES[attempts - 1])
