"""Where a patient lay, cut into service periods. Pure; docs/explanation/ward-charges.md works it out in tables.

A period belongs to the place where the patient lay last in it. An occupancy begins the period in which it
starts, and every later one that starts before it ends; so a patient moved at midnight sharp spends the new
day in the new ward only. Instants are UTC; a local date is that of the hospital's time zone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from uuid import UUID
from zoneinfo import ZoneInfo

from almoner.kernel.money import round_half_up

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
INSTANT = timedelta(microseconds=1)
FULL, BY_HOUR, NOON_TO_NOON, FREE_UNTIL = "full", "by_hour", "noon_to_noon", "free_until"
DAY_RULES = (FULL, BY_HOUR, NOON_TO_NOON, FREE_UNTIL)


@dataclass(frozen=True, slots=True)
class Occupancy:
    """A bed that the patient lay in from ``began_at`` to before ``ended_at`` (None: still)."""

    began_at: datetime
    ended_at: datetime | None
    ward_type: str
    department: str
    department_kind: str
    department_id: UUID

    def end(self, until: datetime) -> datetime:
        """Before when the bed was occupied, as far as it had come at ``until``; who lies there still, does then."""
        return self.ended_at if self.ended_at is not None and self.ended_at <= until else until + INSTANT


@dataclass(frozen=True, slots=True)
class Period:
    """A service period. ``due_at``: from when on it may be charged; ``quantity``: which part of it counts.

    ``key`` is the local date (``2026-03-02``) or the UTC hour (``2026-03-02T14Z``) that it is.
    """

    key: str
    service_date: date
    due_at: datetime
    quantity: Decimal
    place: Occupancy


ONE = Decimal(1)


@lru_cache(maxsize=4096)
def begins(day: date, time_zone: str, hour: int = 0) -> datetime:
    """The instant at which the local ``day`` begins, or its noon with ``hour`` 12."""
    return datetime.combine(day, time(hour), tzinfo=ZoneInfo(time_zone)).astimezone(UTC)


def _local_date(at: datetime, time_zone: str) -> date:
    return at.astimezone(ZoneInfo(time_zone)).date()


def hours(stay: tuple[Occupancy, ...], time_zone: str, until: datetime, since: datetime) -> Iterator[Period]:
    """The UTC hours begun in a bed by ``until``, from the one that holds ``since`` on."""
    places: dict[datetime, tuple[datetime, Occupancy]] = {}
    for place in stay:
        first = _hour_of(place.began_at)
        hour, end = max(first, _hour_of(since)), place.end(until)
        while hour < end or hour == first <= until:
            begun = places[hour][0] if hour in places else max(hour, place.began_at)
            places[hour] = (begun, place)
            hour += HOUR
    for hour, (begun, place) in places.items():
        yield Period(f"{hour:%Y-%m-%dT%H}Z", _local_date(hour, time_zone), begun, ONE, place)


def _hour_of(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def days(
    stay: tuple[Occupancy, ...], time_zone: str, until: datetime, since: datetime, noon: int = 0
) -> Iterator[Period]:
    """The local dates begun in a bed by ``until``, from that of ``since`` on; with ``noon`` 12, from noon to noon."""
    places: dict[date, tuple[datetime, Occupancy]] = {}
    for place in stay:
        if place.began_at > until:
            continue
        first = _day_of(place.began_at, time_zone, noon)
        day, end = max(first, _day_of(since, time_zone, noon)), place.end(until)
        while day == first or begins(day, time_zone, noon) < end:
            begun = places[day][0] if day in places else max(begins(day, time_zone, noon), place.began_at)
            places[day] = (begun, place)
            day += DAY
    for day, (begun, place) in places.items():
        yield Period(day.isoformat(), day, begun, ONE, place)


def _day_of(at: datetime, time_zone: str, noon: int) -> date:
    day = _local_date(at, time_zone)
    return day - DAY if noon and at < begins(day, time_zone, noon) else day


def counted_days(
    stay: tuple[Occupancy, ...],
    time_zone: str,
    until: datetime,
    since: datetime,
    day_rule: str,
    free_minutes: int,
) -> Iterator[Period]:
    """The days of a daily charge, each with the part that ``day_rule`` counts; those not due yet are left out."""
    if day_rule in (FULL, NOON_TO_NOON):
        yield from days(stay, time_zone, until, since, 12 if day_rule == NOON_TO_NOON else 0)
        return
    for day in days(stay, time_zone, until, since):
        if day_rule == FREE_UNTIL:
            passed = _instant_after(stay, time_zone, day.service_date, until, timedelta(minutes=free_minutes))
            if passed is not None:
                yield Period(day.key, day.service_date, passed, ONE, day.place)
            continue
        closed = _closed_at(stay, time_zone, day.service_date)
        if closed is not None and closed <= until:
            part = _part_of_day(stay, time_zone, day.service_date)
            yield Period(day.key, day.service_date, closed, part, day.place)


def _spans(
    stay: tuple[Occupancy, ...], time_zone: str, day: date, until: datetime | None = None
) -> Iterator[tuple[datetime, datetime]]:
    """When the patient lay in a bed on ``day``, as far as it had come by ``until``."""
    start, end = begins(day, time_zone), begins(day + DAY, time_zone)
    for place in stay:
        last = min([end, *(at for at in (place.ended_at, until) if at is not None)])
        if max(start, place.began_at) < last:
            yield max(start, place.began_at), last


def _instant_after(
    stay: tuple[Occupancy, ...], time_zone: str, day: date, until: datetime, free: timedelta
) -> datetime | None:
    """When the patient had lain in bed longer than ``free`` on ``day``; None when they had not by ``until``."""
    lain = timedelta()
    for start, end in _spans(stay, time_zone, day, until):
        if lain + (end - start) > free:
            return start + (free - lain) + INSTANT
        lain += end - start
    return None


def _closed_at(stay: tuple[Occupancy, ...], time_zone: str, day: date) -> datetime | None:
    """From when on nothing more of the stay can fall on ``day``."""
    left_at = stay[-1].ended_at
    end = begins(day + DAY, time_zone)
    return end if left_at is None else min(end, left_at)


def _part_of_day(stay: tuple[Occupancy, ...], time_zone: str, day: date) -> Decimal:
    """Hours begun on ``day`` over the hours it has (23, 24 or 25), to three decimals; at least one hour."""
    lain = sum((end - start for start, end in _spans(stay, time_zone, day)), timedelta())
    length = (begins(day + DAY, time_zone) - begins(day, time_zone)) // HOUR
    begun = min(length, max(1, -(-lain // HOUR)))
    return Decimal(round_half_up(Decimal(begun) * 1000 / length)) / 1000
