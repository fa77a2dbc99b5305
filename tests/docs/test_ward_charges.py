"""Every stay of docs/explanation/ward-charges.md, lived through the real operations against PostgreSQL."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from almoner.kernel.ids import new_id
from almoner.kernel.money import Money, parse_minor
from almoner.service_points.ward.corrections import correct_stay
from tests.docs.tables import Row, read_rows
from tests.support.ward import WardHospital, make_ward_hospital

PAGE = "explanation/ward-charges.md"
DEFINITIONS = read_rows(PAGE, "The definitions of the stays below", ("code", "type", "ward types", "terms"))
STAYS = read_rows(
    PAGE,
    "Stays and what they cost",
    ("stay", "zone", "beds", "told", "charge", "periods", "first", "last", "amount"),
)

pytestmark = pytest.mark.django_db


def _minor(text: str) -> int:
    return parse_minor(text, "USD")


def _terms(row: Row) -> Iterator[dict[str, Any]]:
    """The terms of every version that a row of the definitions tells."""
    told: dict[str, Any] = {"ward_types": tuple(filter(None, row["ward types"].split(", ")))}
    tiers: list[tuple[int, int | None, int]] = []
    for part in row["terms"].split("; "):
        if found := re.fullmatch(r"from (\S+) rate (\S+)", part):
            yield told
            told = {**told, "starts_on": date.fromisoformat(found[1]), "rate_minor": _minor(found[2])}
        elif found := re.fullmatch(r"tier (\d+)-(\d*) (\S+)", part):
            tiers.append((int(found[1]), int(found[2]) if found[2] else None, _minor(found[3])))
            told["tiers"] = tuple(tiers)
        elif found := re.fullmatch(r"cap (\S+) per (\w+)", part):
            told |= {"cap_minor": _minor(found[1]), "cap_per": found[2]}
        elif found := re.fullmatch(r"free_until (\d+)", part):
            told |= {"day_rule": "free_until", "free_minutes": int(found[1])}
        elif found := re.fullmatch(r"when (.+)", part):
            told["condition"] = found[1]
        elif found := re.fullmatch(r"required at (\S+)", part):
            told["required_at"] = (found[1],)
        elif found := re.fullmatch(r"category (\w+)", part):
            told["patient_categories"] = (found[1],)
        elif found := re.fullmatch(r"free (\d+)", part):
            told["free_units"] = Decimal(found[1])
        elif found := re.fullmatch(r"(rate|minimum) (\S+)", part):
            told[f"{found[1]}_minor"] = _minor(found[2])
        else:
            assert part in ("by_hour", "noon_to_noon"), f"{row}: what is {part!r}?"
            told["day_rule"] = part
    yield told


@dataclass
class Life:
    """A stay of the page: its beds with the local times, how it was told, and the rows of its charges."""

    name: str
    zone: str
    beds: list[tuple[str, datetime]]
    told: str
    rows: list[Row] = field(default_factory=list)

    @property
    def start(self) -> datetime:
        return self.beds[0][1]

    @property
    def end(self) -> datetime:
        return self.beds[-1][1]


def _lives() -> list[Life]:
    lives: list[Life] = []
    for row in STAYS:
        if row["stay"]:
            lives.append(Life(row["stay"], row["zone"], _beds(row["beds"], row["zone"]), row["told"]))
        lives[-1].rows.append(row)
    return lives


def _beds(text: str, zone: str) -> list[tuple[str, datetime]]:
    beds: list[tuple[str, datetime]] = []
    day = ""
    for part in text.split(" > "):
        where, *when = part.split(" ")
        day = when[0] if len(when) == 2 else day
        beds.append((where, _local(f"{day} {when[-1]}", zone)))
    return beds


def _local(text: str, zone: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def _live(place: WardHospital, life: Life) -> UUID:
    """Let the stay happen as it is told."""
    patient: dict[str, Any] = {"birth_date": date(1990, 6, 1)}
    if found := re.search(r"born (\S+)", life.told):
        patient["birth_date"] = None if found[1] == "unknown" else date.fromisoformat(found[1])
    if found := re.search(r"category (\w+)", life.told):
        patient["category"] = found[1]
    late = re.search(r"transfer (\d+) hours late", life.told)
    runs = [_local(at, life.zone) for at in re.findall(r"run at (\S+ \S+?)(?:,|$)", life.told)]
    hourly = {"run every hour": 1, "run twice every hour": 2}
    times = next((number for words, number in hourly.items() if words in life.told), 0)

    (where, now), *moves = life.beds
    admission_id = place.admit(where, now, **patient)
    for where, moved_at in moves:
        told_at = moved_at + timedelta(hours=int(late[1])) if late and where != "out" else moved_at
        if times:
            place.run_hourly(now, told_at, times)
        for at in runs:
            place.run(at)
        now = told_at
        if where == "out":
            place.discharge(admission_id, now)
        else:
            place.move(admission_id, where, now, moved_at if late else None)
    for what, at in re.findall(r"(came|left) corrected to (\S+ \S+)", life.told):
        correct_stay(
            place.id,
            admission_id,
            reason="told wrongly",
            idempotency_key=f"correction-{new_id()}",
            actor=place.hospital.actor,
            at=life.end + timedelta(days=3),
            **{f"{what}_at": _local(at, life.zone)},
        )
    return admission_id


def _charged(place: WardHospital, admission_id: UUID, row: Row) -> dict[str, str]:
    """What the stay was charged, in the words of the row."""
    items = place.charges(admission_id, row["charge"])
    amount = ""
    if items:
        unpriced = any(item.net_minor is None for item in items)
        amount = "unpriced" if unpriced else Money(sum(item.net_minor for item in items), "USD").plain()
    return {
        "periods": str(len(items)),
        "first": items[0].service_period if items else "",
        "last": items[-1].service_period if items else "",
        "amount": amount,
    }


@pytest.mark.parametrize("zone", sorted({life.zone for life in _lives()}))
def test_a_stay_is_charged_what_the_page_says(zone: str) -> None:
    place = make_ward_hospital(zone)
    for row in DEFINITIONS:
        for terms in _terms(row):
            place.define(row["code"], row["type"], **terms)
    wrong = []
    for life in _lives():
        if life.zone != zone:
            continue
        admission_id = _live(place, life)
        for row in life.rows:
            expected = {name: row[name] for name in ("periods", "first", "last", "amount")}
            charged = _charged(place, admission_id, row)
            if charged != expected:
                wrong.append(f"{life.name}, {row['charge']}: expected {expected}, charged {charged}")
    assert not wrong, "\n".join(wrong)


def test_the_page_tells_at_least_twenty_five_stays() -> None:
    assert len(_lives()) >= 25
