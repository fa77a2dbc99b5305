"""How a result stands to its reference range."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from enum import StrEnum


class Flag(StrEnum):
    """Where a result lies; empty when it is inside, or nothing can be said."""

    NONE = ""
    LOW = "low"
    HIGH = "high"


def number_in(value: str) -> Decimal | None:
    """The number that ``value`` is, a comma taken as a decimal point; None for words."""
    try:
        number = Decimal(value.strip().replace(",", "."))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def flag(value: str, low: Decimal | None, high: Decimal | None) -> Flag:
    """Whether ``value`` lies below ``low`` or above ``high``, both included in what is usual."""
    number = number_in(value)
    if number is None:
        return Flag.NONE
    if low is not None and number < low:
        return Flag.LOW
    if high is not None and number > high:
        return Flag.HIGH
    return Flag.NONE


def range_text(low: Decimal | None, high: Decimal | None) -> str:
    """A range as reports print it: ``4 – 10.5``, ``≥ 4``, ``≤ 10.5``, or nothing."""
    if low is not None and high is not None:
        return f"{_plain(low)} – {_plain(high)}"
    if low is not None:
        return f"≥ {_plain(low)}"
    return f"≤ {_plain(high)}" if high is not None else ""


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}"
