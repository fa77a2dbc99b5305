"""Prices and rules of a hospital, kept in the process while the configuration version stands.

The version is checked inside the writing statement (``charging_capture``), so a book that went stale
between reading and writing writes nothing and is read again.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from almoner.catalog.pricing import PriceBook
from almoner.catalog.queries import read_price_book
from almoner.charging.models import ChargeRule
from almoner.charging.rules import Rule
from almoner.hospitals.models import Hospital
from almoner.kernel.errors import NotFound
from almoner.kernel.service_points import default_charge_rules


@dataclass(frozen=True, slots=True)
class Book:
    """Everything that capture needs and that only changes with the configuration."""

    version: int
    currency: str
    time_zone: str
    billing_cycle: str
    prices: PriceBook
    rules: dict[str, list[Rule]]
    once_codes: tuple[str, ...]


_books: dict[UUID, Book] = {}


def read_rules() -> list[Rule]:
    """The hospital's own rules, then those that service points bring and the hospital did not redefine."""
    own = [
        Rule(
            code=row.code,
            event_kind=row.event_kind,
            service=row.service,
            department=row.department,
            department_kind=row.department_kind,
            ward_type=row.ward_type,
            per_line=row.per_line,
            line_flag=row.line_flag,
            once_per=row.once_per,
            charge_type=row.charge_type,
            planned=row.planned,
            delivered_on_capture=row.delivered_on_capture,
            required_at=tuple(row.required_at),
        )
        for row in ChargeRule.objects.order_by("code")
    ]
    redefined = {rule.code for rule in own}
    brought = [
        Rule(
            code=rule.code,
            event_kind=rule.event_kind,
            service=rule.service,
            per_line=rule.per_line,
            charge_type=rule.charge_type,
            planned=rule.planned,
            delivered_on_capture=rule.delivered_on_capture,
            required_at=rule.required_at,
        )
        for rule in default_charge_rules()
        if rule.code not in redefined
    ]
    return own + brought


def read_book(hospital_id: UUID) -> Book:
    """The hospital's book as it stands now, read anew. Needs the hospital's transaction."""
    hospital = Hospital.objects.filter(id=hospital_id).first()
    if hospital is None:
        raise NotFound("There is no such hospital.", field="hospital_id", code="unknown_hospital")
    rules: dict[str, list[Rule]] = {}
    once = []
    for rule in read_rules():
        rules.setdefault(rule.event_kind, []).append(rule)
        if rule.once_per:
            once.append(rule.code)
    book = Book(
        version=hospital.configuration_version,
        currency=hospital.currency,
        time_zone=hospital.time_zone,
        billing_cycle=hospital.billing_cycle,
        prices=read_price_book(hospital),
        rules=rules,
        once_codes=tuple(once),
    )
    _books[hospital_id] = book
    return book


def known_book(hospital_id: UUID) -> Book | None:
    """The book in memory, which may be stale; None before the first read."""
    return _books.get(hospital_id)
