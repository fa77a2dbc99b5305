"""Whatever the stay and whenever the jobs run: the periods charged are those lain in a bed, each once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from almoner.charging.models import ChargeItem
from almoner.kernel.ids import new_id
from almoner.service_points.ward import accrual
from almoner.service_points.ward.corrections import correct_stay
from tests.support.ward import WardHospital, make_ward_hospital

pytestmark = pytest.mark.django_db

ZONES = ("America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kolkata", "America/St_Johns")
CLOCK_CHANGES = [
    datetime(2026, 3, 7, tzinfo=UTC),
    datetime(2026, 10, 31, tzinfo=UTC),
    datetime(2028, 2, 28, tzinfo=UTC),
]
MINUTES = st.integers(1, 40 * 60)
Beds = list[tuple[str, datetime, datetime]]


class Interrupted(BaseException):
    """The process ends here."""


def _hours(beds: Beds) -> Iterator[tuple[str, str]]:
    """Written anew, minute by minute: the ward of the last minute of every UTC hour begun."""
    places: dict[str, str] = {}
    for ward, start, end in beds:
        minute = start
        while minute < end:
            places[f"{minute:%Y-%m-%dT%H}Z"] = ward
            minute += timedelta(minutes=1)
    yield from ((ward, hour) for hour, ward in places.items())


def _days(beds: Beds, zone: str) -> Iterator[tuple[str, str]]:
    places: dict[str, str] = {}
    for ward, start, end in beds:
        minute = start
        while minute < end:
            places[minute.astimezone(ZoneInfo(zone)).date().isoformat()] = ward
            minute += timedelta(minutes=1)
    yield from ((ward, day) for day, ward in places.items())


def _charged(place: WardHospital, admission_id: UUID) -> Counter[tuple[str, str]]:
    return Counter((item.rule_code, item.service_period) for item in place.charges(admission_id))


@st.composite
def stays(
    draw: st.DrawFn,
) -> tuple[datetime, list[tuple[str, timedelta]], list[timedelta], bool, timedelta | None]:
    """When it begins, the beds with their lengths, when jobs run, whether one is interrupted, and a correction."""
    start = draw(st.sampled_from(CLOCK_CHANGES)) + timedelta(minutes=draw(st.integers(0, 1440)))
    lengths = draw(st.lists(MINUTES, min_size=1, max_size=4))
    first = draw(st.sampled_from(["general", "icu"]))
    other = {"general": "icu", "icu": "general"}
    beds = [
        (first if place % 2 == 0 else other[first], timedelta(minutes=length))
        for place, length in enumerate(lengths)
    ]
    runs = draw(st.lists(MINUTES, max_size=6))
    correction = draw(st.none() | st.integers(-600, 600).filter(bool))
    return (
        start,
        beds,
        sorted(timedelta(minutes=run) for run in runs),
        draw(st.booleans()),
        None if correction is None else timedelta(minutes=correction),
    )


@settings(max_examples=12)
@given(stays(), st.sampled_from(ZONES))
def test_charged_periods_are_the_occupied_ones_once(
    stay: tuple[datetime, list[tuple[str, timedelta]], list[timedelta], bool, timedelta | None], zone: str
) -> None:
    start, lengths, runs, interrupted, correction = stay
    place = make_ward_hospital(zone)
    for ward in ("general", "icu"):
        place.define(f"{ward}_day", "daily", rate_minor=100, ward_types=(ward,))
        place.define(f"{ward}_hour", "hourly", rate_minor=10, ward_types=(ward,))
    admission_id = place.admit(lengths[0][0], start)
    beds: Beds = []
    now = start
    for ward, length in lengths:
        if beds:
            place.move(admission_id, ward, now)
        beds.append((ward, now, now + length))
        for run in runs:
            if now < start + run < now + length:
                if interrupted:
                    _interrupt(place, start + run)
                    interrupted = False
                place.run(start + run)
                place.run(start + run - timedelta(hours=1))
        now += length
    place.discharge(admission_id, now)
    if correction is not None and now + correction > beds[-1][1]:
        correct_stay(
            place.id,
            admission_id,
            reason="told wrongly",
            idempotency_key=f"correction-{new_id()}",
            left_at=now + correction,
            actor=place.hospital.actor,
            at=now + timedelta(days=1),
        )
        beds[-1] = (*beds[-1][:2], now + correction)
    expected = Counter((f"{ward}_hour", hour) for ward, hour in _hours(beds))
    expected += Counter((f"{ward}_day", day) for ward, day in _days(beds, zone))
    assert _charged(place, admission_id) == expected
    with place.hospital.transaction():
        live = ChargeItem.objects.filter(order_id=admission_id, status="billable")
        assert not live.filter(delivered_at=None).exists()
        # What is checked at commit can only be checked while this hospital's rows are the ones that are seen.
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def _interrupt(place: WardHospital, at: datetime) -> None:
    """A run whose process ends after it wrote and before it was done: nothing of its batch is left."""
    applied = accrual._mark

    def end(*args: object) -> None:
        raise Interrupted

    accrual._mark = end  # type: ignore[assignment]
    try:
        with pytest.raises(Interrupted):
            place.run(at)
    finally:
        accrual._mark = applied
