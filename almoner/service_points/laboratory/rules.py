"""How a result stands to what is usual: pure functions of values, bounds, sex and age."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import StrEnum


class Flag(StrEnum):
    """Where a result lies, in the letters of HL7 table 0078; empty when inside, or nothing can be said."""

    NONE = ""
    LOW = "L"
    HIGH = "H"
    CRITICALLY_LOW = "LL"
    CRITICALLY_HIGH = "HH"

    @property
    def is_critical(self) -> bool:
        """Whether somebody must be told at once."""
        return self in (Flag.CRITICALLY_LOW, Flag.CRITICALLY_HIGH)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is usual, from ``low`` to ``high`` with both included; beyond the critical bounds it is critical."""

    low: Decimal | None = None
    high: Decimal | None = None
    critical_low: Decimal | None = None
    critical_high: Decimal | None = None

    @property
    def are_none(self) -> bool:
        return self == Bounds()


@dataclass(frozen=True, slots=True)
class Usual:
    """The bounds of a parameter for some people: of ``sex`` (empty: both), from an age in completed months
    up to another (excluded; None: for life)."""

    bounds: Bounds
    unit: str = ""
    sex: str = ""
    from_months: int = 0
    to_months: int | None = None

    def fits(self, sex: str, age_months: int | None) -> bool:
        """Whether a patient is among these people. Of an unknown age only what holds for every age does."""
        if self.sex and self.sex != sex:
            return False
        if age_months is None:
            return self.from_months == 0 and self.to_months is None
        return self.from_months <= age_months and (self.to_months is None or age_months < self.to_months)

    @property
    def span_months(self) -> float:
        return float("inf") if self.to_months is None else self.to_months - self.from_months


def usual_for(ranges: Iterable[Usual], sex: str, age_months: int | None) -> Usual | None:
    """The most specific of ``ranges`` that fits: the sex's own before everybody's, then the shorter age span,
    then the one that begins later."""
    fitting = [one for one in ranges if one.fits(sex, age_months) and not one.bounds.are_none]
    return min(fitting, key=lambda one: (not one.sex, one.span_months, -one.from_months), default=None)


def age_in_months(birth_date: date | None, on: date) -> int | None:
    """Completed months of life on a day; None when the birth date is unknown."""
    if birth_date is None or on < birth_date:
        return None
    months = (on.year - birth_date.year) * 12 + on.month - birth_date.month
    return months - (on.day < birth_date.day)


def number_in(value: str) -> Decimal | None:
    """The number that ``value`` is, a comma taken as a decimal point; None for words."""
    try:
        number = Decimal(value.strip().replace(",", "."))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def flag(value: str, bounds: Bounds) -> Flag:
    """Where ``value`` lies. ``<0.01`` and words get no flag: nothing can be said for certain."""
    number = number_in(value)
    if number is None:
        return Flag.NONE
    if bounds.critical_low is not None and number < bounds.critical_low:
        return Flag.CRITICALLY_LOW
    if bounds.critical_high is not None and number > bounds.critical_high:
        return Flag.CRITICALLY_HIGH
    if bounds.low is not None and number < bounds.low:
        return Flag.LOW
    if bounds.high is not None and number > bounds.high:
        return Flag.HIGH
    return Flag.NONE


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value that a test gives. ``code`` is empty for the only value of a test."""

    code: str
    name: str
    unit: str = ""


def lacking_specimens(needed: Iterable[str], usable: Iterable[str]) -> list[str]:
    """The kinds of specimen that are ``needed`` and not among the ``usable`` samples, each once, in order."""
    have = set(usable)
    return [kind for kind in dict.fromkeys(needed) if kind not in have]
