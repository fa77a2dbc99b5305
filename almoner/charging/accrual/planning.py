"""Which time charges a stay makes. Pure: where the patient lay, rules and clock in, charges out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from almoner.charging.accrual.periods import Occupancy, Period, counted_days, hours
from almoner.charging.conditions import ConditionFailed
from almoner.charging.facts import age_on
from almoner.charging.rules import CONDITION_FAILED, HOURLY, Rule
from almoner.charging.terms import Meter, Part

BEGINNING = datetime(1900, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Cover:
    """A payer that covers the patient from one date to another, inclusive."""

    payer_id: UUID
    payer: str
    starts_on: date
    ends_on: date | None


@dataclass(frozen=True, slots=True)
class Stay:
    """An admission and the beds of it, in order of time; what its charges are made for.

    ``covers``: the payers, the first to pay first. ``facts``: what conditions may ask for and time does not
    change. ``charged_until``: up to when it was charged before; None: never.
    """

    admission_id: UUID
    event_id: UUID
    encounter_id: UUID | None
    patient_id: UUID
    patient_account_id: UUID
    currency: str
    patient_category: str
    occupancies: tuple[Occupancy, ...]
    covers: tuple[Cover, ...] = ()
    birth_date: date | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    charged_until: datetime | None = None

    @property
    def has_ended(self) -> bool:
        return bool(self.occupancies) and self.occupancies[-1].ended_at is not None

    def cover_on(self, day: date) -> Cover | None:
        """The payer that pays first on a date."""
        for cover in self.covers:
            if cover.starts_on <= day and (cover.ends_on is None or day <= cover.ends_on):
                return cover
        return None


@dataclass(frozen=True, slots=True)
class TimeCharge:
    """What one period of a stay costs under one rule. ``part`` None: a condition had no answer (``problem``)."""

    rule: Rule
    period: Period
    part: Part | None
    problem: str = ""

    @property
    def basis(self) -> str:
        """The facts that it was reckoned from; as long as they hold, the charge stands."""
        facts = [self.period.place.ward_type]
        if self.part is not None:
            facts.append(f"{self.part.quantity.normalize():f}")
            if self.part.rate_minor is not None:
                facts.append(str(self.part.rate_minor))
        return ":".join(facts)[:80]


Charged = Mapping[tuple[str, str], int]
"""By rule and period, the version by which it was charged."""


def plan_stay(
    stay: Stay,
    rules: Mapping[str, list[Rule]],
    time_zone: str,
    *,
    until: datetime,
    since: datetime | None = None,
    charged: Charged | None = None,
) -> Iterator[TimeCharge]:
    """The time charges of ``stay`` that fall due after ``since`` (None: all) up to ``until``.

    ``rules`` are the versions by code, ``charged`` what was charged before: a period is judged by the
    version that charged it, every other one by the version in force on its date.
    """
    if not stay.occupancies:
        return
    for versions in rules.values():
        counts = any(rule.terms.counts for rule in versions)
        meter = Meter()
        start = BEGINNING if since is None or counts else since
        for period in _periods(stay, versions, time_zone, until, start):
            rule = _rule_for(versions, period, charged)
            if rule is None or not _fits(rule, stay, period):
                continue
            charge = _charge(rule, stay, period, meter, time_zone)
            if charge is not None and (since is None or period.due_at > since):
                yield charge


def _periods(
    stay: Stay, versions: list[Rule], time_zone: str, until: datetime, since: datetime
) -> Iterable[Period]:
    if versions[0].charge_type == HOURLY:
        return hours(stay.occupancies, time_zone, until, since)
    terms = versions[0].terms
    # One day rule for all versions of a code: a period must not change its shape with the version.
    return counted_days(stay.occupancies, time_zone, until, since, terms.day_rule, terms.free_minutes)


def _rule_for(versions: list[Rule], period: Period, charged: Charged | None) -> Rule | None:
    known = charged.get((versions[0].code, period.key)) if charged else None
    if known is not None:
        return next((rule for rule in versions if rule.terms.version == known), None)
    return next(
        (rule for rule in versions if rule.terms.is_active and rule.terms.in_force(period.service_date)), None
    )


def _fits(rule: Rule, stay: Stay, period: Period) -> bool:
    place = period.place
    return (
        rule.ward_type in ("", place.ward_type)
        and rule.department in ("", place.department)
        and rule.department_kind in ("", place.department_kind)
        and rule.terms.fits(place.ward_type, stay.patient_category, place.department)
    )


def _charge(rule: Rule, stay: Stay, period: Period, meter: Meter, time_zone: str) -> TimeCharge | None:
    if rule.terms.condition is not None:
        try:
            if not rule.terms.condition.holds(facts_of(stay, period, time_zone)):
                return None
        except ConditionFailed as failure:
            return TimeCharge(rule, period, None, f"{CONDITION_FAILED}: {failure}")
    if not rule.terms.version:
        return TimeCharge(rule, period, Part(period.quantity, None))
    part = meter.charge(rule.terms, period.quantity, period.service_date)
    return TimeCharge(rule, period, part) if part else None


def facts_of(stay: Stay, period: Period, time_zone: str) -> dict[str, Any]:
    """What a condition may ask about a period of a stay."""
    cover = stay.cover_on(period.service_date)
    began_on = stay.occupancies[0].began_at.astimezone(ZoneInfo(time_zone)).date()
    return {
        **stay.facts,
        "patient_age": age_on(stay.birth_date, period.service_date),
        "patient_category": stay.patient_category,
        "payer": cover.payer if cover else "",
        "department": period.place.department,
        "ward_type": period.place.ward_type,
        "day_of_stay": (period.service_date - began_on).days + 1,
        "quantity": float(period.quantity),
    }
