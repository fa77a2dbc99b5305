"""What a charge definition says, and what a number of units comes to under it. Pure.

Amounts are minor units before discount and tax, percentages ``Decimal``. docs/explanation/ward-charges.md
works the terms out as tables that the tests run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from almoner.charging.conditions import Condition
from almoner.kernel.money import round_half_up

PER_CHARGE, PER_DAY, PER_STAY = "charge", "day", "stay"


@dataclass(frozen=True, slots=True)
class Tier:
    """Units ``first`` to ``last`` (None: and all above) cost ``rate_minor`` each."""

    first: int
    last: int | None
    rate_minor: int


@dataclass(frozen=True, slots=True)
class Base:
    """What a percentage is taken of; see ``charging.models.ChargeDefinition``. Empty tuples: everything."""

    of: str = "charges"
    stage: str = "net"
    service_kinds: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    definitions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of one version of a charge definition; a plain charge rule has those that say nothing.

    Without ``rate_minor`` the tariffs give the price. ``cap_per``: what ``minimum_minor`` and ``cap_minor``
    are reckoned over (charge, day, stay; a minimum always over the whole stay unless per charge).
    """

    version: int = 0
    starts_on: date = date.min
    ends_on: date | None = None
    rate_minor: int | None = None
    free_units: Decimal = Decimal(0)
    tiers: tuple[Tier, ...] = ()
    minimum_minor: int = 0
    cap_minor: int | None = None
    cap_per: str = ""
    rounding_minor: int = 1
    day_rule: str = "full"
    free_minutes: int = 0
    ward_types: frozenset[str] = frozenset()
    patient_categories: frozenset[str] = frozenset()
    departments: frozenset[str] = frozenset()
    condition: Condition | None = None
    payment_requirement: str = ""
    percent: Decimal | None = None
    base: Base = field(default_factory=Base)
    is_active: bool = True

    def in_force(self, on: date) -> bool:
        return self.starts_on <= on and (self.ends_on is None or on <= self.ends_on)

    def fits(self, ward_type: str, patient_category: str, department: str) -> bool:
        return (
            (not self.ward_types or ward_type in self.ward_types)
            and (not self.patient_categories or patient_category in self.patient_categories)
            and (not self.departments or department in self.departments)
        )

    @property
    def counts(self) -> bool:
        """Whether what a unit costs depends on the units before it."""
        return bool(self.free_units or self.tiers or self.minimum_minor or self.cap_minor is not None)

    def rate_of(self, unit: int) -> int | None:
        """What the ``unit``-th unit costs (counted from 1); None: what the tariffs say."""
        for tier in self.tiers:
            if tier.first <= unit and (tier.last is None or unit <= tier.last):
                return tier.rate_minor
        return self.rate_minor


@dataclass(frozen=True, slots=True)
class Part:
    """``quantity`` units at ``rate_minor`` each; None: at what the tariffs say."""

    quantity: Decimal
    rate_minor: int | None


def parts_of(terms: Terms, quantity: Decimal) -> list[Part]:
    """What ``quantity`` units of one event come to: none for free units, one part for each tier reached.

    A minimum, a cap or a rounding makes it one part: 1 at the amount.
    """
    parts = list(_by_tier(terms, Decimal(0), quantity))
    limited = terms.minimum_minor or terms.cap_minor is not None or terms.rounding_minor > 1
    if not parts or not limited or parts[0].rate_minor is None:
        return parts
    raw = sum(round_half_up(part.quantity * (part.rate_minor or 0)) for part in parts)
    amount = max(terms.minimum_minor, round_half_up(Decimal(raw), terms.rounding_minor))
    return [Part(Decimal(1), amount if terms.cap_minor is None else min(amount, terms.cap_minor))]


def _by_tier(terms: Terms, before: Decimal, quantity: Decimal) -> Iterator[Part]:
    start, end = max(before, terms.free_units), before + quantity
    if not terms.tiers:
        if end > start:
            yield Part(end - start, terms.rate_minor)
        return
    for tier in terms.tiers:
        low = max(start, Decimal(tier.first - 1))
        high = end if tier.last is None else min(end, Decimal(tier.last))
        if high > low:
            yield Part(high - low, tier.rate_minor)


class Meter:
    """Counts the units of one charge through a stay, in order of time, and says what each period costs."""

    def __init__(self) -> None:
        self._units = Decimal(0)
        self._raw_minor = 0
        self._billed_minor = 0
        self._day: date | None = None
        self._day_minor = 0

    def charge(self, terms: Terms, quantity: Decimal, day: date) -> Part | None:
        """What the next ``quantity`` units cost on ``day``; None when they cost nothing more."""
        before = self._units
        self._units += quantity
        chargeable = min(quantity, max(Decimal(0), self._units - terms.free_units))
        if not chargeable:
            return None
        rate = terms.rate_of(int(max(before, terms.free_units)) + 1)
        if rate is None:
            return Part(chargeable, None)
        raw = round_half_up(chargeable * rate, terms.rounding_minor)
        if not terms.minimum_minor and terms.cap_minor is None:
            return Part(chargeable, rate) if terms.rounding_minor == 1 else Part(Decimal(1), raw)
        amount = self._limited(terms, raw, day)
        return Part(Decimal(1), amount) if amount else None

    def _limited(self, terms: Terms, raw: int, day: date) -> int:
        """How much more the stay costs by ``raw``, within the minimum and the cap."""
        if day != self._day:
            self._day, self._day_minor = day, 0
        if terms.cap_per == PER_DAY and terms.cap_minor is not None:
            raw = min(raw, max(0, terms.cap_minor - self._day_minor))
        self._day_minor += raw
        self._raw_minor += raw
        reached = max(terms.minimum_minor, self._raw_minor)
        if terms.cap_per == PER_STAY and terms.cap_minor is not None:
            reached = min(reached, terms.cap_minor)
        amount = max(0, reached - self._billed_minor)
        self._billed_minor += amount
        return amount
