"""What a plan's instalments are, and how a plan stands. Pure: amounts in minor units, days of the hospital's zone."""

from __future__ import annotations

import calendar
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from django.utils.translation import gettext as _

from almoner.kernel.errors import DomainError

MAXIMUM_INSTALMENTS = 120
MAXIMUM_GRACE_DAYS = 30


class Frequency(StrEnum):
    """How far apart instalments are. ``DATES``: the days and amounts are given one by one."""

    WEEKLY = "weekly"
    FORTNIGHTLY = "fortnightly"
    MONTHLY = "monthly"
    DATES = "dates"


INTERVALS = (Frequency.WEEKLY, Frequency.FORTNIGHTLY, Frequency.MONTHLY)
"""Those that say a distance, the shortest first."""


class PlanStatus(StrEnum):
    """How a plan stands; only the first three say something about what is owed now."""

    ON_TRACK = "on_track"
    BEHIND = "behind"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    REPLACED = "replaced"


@dataclass(frozen=True, slots=True)
class Instalment:
    """A part of a plan: number 0 is the down payment."""

    number: int
    due_on: date
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Terms:
    """How a total is to be paid.

    ``instalments`` equal parts from ``first_due_on`` on, after ``down_payment_minor`` on the day of the
    agreement; or, with ``Frequency.DATES``, the ``parts`` as they are given (day, amount).
    """

    instalments: int = 0
    first_due_on: date | None = None
    frequency: Frequency = Frequency.MONTHLY
    down_payment_minor: int = 0
    grace_days: int = 0
    parts: tuple[tuple[date, int], ...] = ()

    def as_data(self) -> dict[str, Any]:
        """For storing with a request, and for comparing two."""
        return {
            "instalments": self.instalments,
            "first_due_on": self.first_due_on.isoformat() if self.first_due_on else None,
            "frequency": self.frequency.value,
            "down_payment_minor": self.down_payment_minor,
            "grace_days": self.grace_days,
            "parts": [[day.isoformat(), amount_minor] for day, amount_minor in self.parts],
        }

    @classmethod
    def of_data(cls, data: Mapping[str, Any]) -> Terms:
        """What ``as_data`` gave."""
        first = data["first_due_on"]
        return cls(
            instalments=data["instalments"],
            first_due_on=date.fromisoformat(first) if first else None,
            frequency=Frequency(data["frequency"]),
            down_payment_minor=data["down_payment_minor"],
            grace_days=data["grace_days"],
            parts=tuple((date.fromisoformat(day), amount_minor) for day, amount_minor in data["parts"]),
        )


def schedule(terms: Terms, total_minor: int, *, agreed_on: date) -> tuple[Instalment, ...]:
    """The instalments of ``total_minor`` under ``terms``, by day; they add up to it to the minor unit.

    Equal parts are rounded down, the last one takes the rest. A month's instalment is due on the day of the
    first one, or on the month's last day where it has no such day. Raises ``DomainError`` naming the field.
    """
    if not 0 <= terms.grace_days <= MAXIMUM_GRACE_DAYS:
        raise _wrong("grace_days", _("The grace is 0 to %(most)d days.") % {"most": MAXIMUM_GRACE_DAYS})
    if not 0 <= terms.down_payment_minor < total_minor:
        raise _wrong("down_payment_minor", _("The down payment is less than the total."))
    down = (Instalment(0, agreed_on, terms.down_payment_minor),) if terms.down_payment_minor else ()
    rest_minor = total_minor - terms.down_payment_minor
    if terms.frequency is Frequency.DATES:
        return down + _given(terms.parts, rest_minor, agreed_on)
    return down + _regular(terms, rest_minor, agreed_on)


def _regular(terms: Terms, rest_minor: int, agreed_on: date) -> tuple[Instalment, ...]:
    count, first = terms.instalments, terms.first_due_on
    if not 1 <= count <= MAXIMUM_INSTALMENTS:
        raise _wrong(
            "instalments", _("A plan has 1 to %(most)d instalments.") % {"most": MAXIMUM_INSTALMENTS}
        )
    if count > rest_minor:
        raise _wrong("instalments", _("There are more instalments than there is to pay."))
    if first is None or first < agreed_on:
        raise _wrong("first_due_on", _("The first instalment is due today or later."))
    part_minor = rest_minor // count
    return tuple(
        Instalment(
            number,
            day_after(first, terms.frequency, number - 1),
            part_minor if number < count else rest_minor - part_minor * (count - 1),
        )
        for number in range(1, count + 1)
    )


def _given(parts: Sequence[tuple[date, int]], rest_minor: int, agreed_on: date) -> tuple[Instalment, ...]:
    if not 1 <= len(parts) <= MAXIMUM_INSTALMENTS:
        raise _wrong("parts", _("A plan has 1 to %(most)d instalments.") % {"most": MAXIMUM_INSTALMENTS})
    days = [day for day, _amount in parts]
    if days != sorted(set(days)) or days[0] < agreed_on:
        raise _wrong("parts", _("The days of the instalments follow each other, the first today or later."))
    if any(amount_minor <= 0 for _, amount_minor in parts):
        raise _wrong("parts", _("Every instalment is above 0."))
    given_minor = sum(amount_minor for _, amount_minor in parts)
    if given_minor != rest_minor:
        raise DomainError(
            _("The instalments come to %(given)d, but %(expected)d is to be paid (in minor units).")
            % {"given": given_minor, "expected": rest_minor},
            field="parts",
            code="plan_does_not_add_up",
            detail={"given_minor": given_minor, "expected_minor": rest_minor},
        )
    return tuple(Instalment(number, day, minor) for number, (day, minor) in enumerate(parts, start=1))


def day_after(first: date, frequency: Frequency, steps: int) -> date:
    """The day ``steps`` intervals after ``first``; a month's last day where the month has no such day."""
    try:
        if frequency is Frequency.WEEKLY:
            return first + timedelta(weeks=steps)
        if frequency is Frequency.FORTNIGHTLY:
            return first + timedelta(weeks=2 * steps)
        years, month = divmod(first.month - 1 + steps, 12)
        year, month = first.year + years, month + 1
        return date(year, month, min(first.day, calendar.monthrange(year, month)[1]))
    except (OverflowError, ValueError) as error:
        raise _wrong("first_due_on", _("The last instalment lies too far in the future.")) from error


def _wrong(field: str, message: str) -> DomainError:
    return DomainError(message, field=field, code=f"invalid_{field}")
