"""Prices and rules of a hospital, kept in the process while the configuration version stands.

The version is checked inside the writing statement (``charging_capture``), so a book that went stale
between reading and writing writes nothing and is read again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from almoner.catalog.pricing import PriceBook
from almoner.catalog.queries import read_price_book
from almoner.charging.conditions import Condition
from almoner.charging.models import ChargeDefinition, ChargeRule, WardBillingTemplate
from almoner.charging.rules import DAILY, PERCENTAGE, TIME_TYPES, Rule
from almoner.charging.terms import Base, Terms, Tier
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
    time_rules: dict[str, list[Rule]]
    percentages: dict[str, list[Rule]]
    conditional_kinds: frozenset[str]


ADMITTED = "ward.admitted"
SERVICE_PROVIDED = "service.provided"
"""Says only by its lines what happened, so a definition is triggered by a line that names its service."""
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


def read_definitions() -> list[Rule]:
    """Every version of the hospital's charge definitions: one rule for each kind of event that triggers it."""
    wards = dict(WardBillingTemplate.objects.values_list("code", "ward_types"))
    rows = ChargeDefinition.objects.order_by("code", "version")
    return [
        rule_of(row, event_kind, wards.get(row.template, []))
        for row in rows
        for event_kind in event_kinds_of(row)
    ]


def event_kinds_of(row: ChargeDefinition) -> list[str]:
    """What triggers a definition: the admission foresees a daily charge that a step asks for in advance."""
    if row.billing_type == DAILY:
        return [ADMITTED if row.required_at else ""]
    return row.event_kinds or [""]


def rule_of(row: ChargeDefinition, event_kind: str, template_wards: Sequence[str] = ()) -> Rule:
    """A version of a definition as a rule for one kind of event ("": no event triggers it)."""
    is_quantity = row.billing_type == ChargeDefinition.BillingType.QUANTITY_BASED
    by_line = is_quantity or event_kind == SERVICE_PROVIDED
    return Rule(
        code=row.code,
        event_kind=event_kind,
        service=row.service,
        per_line=by_line,
        line_service=row.service if by_line else "",
        once_per="encounter" if row.billing_type == ChargeDefinition.BillingType.ONE_TIME else "",
        charge_type=row.billing_type,
        planned=row.billing_type == DAILY and bool(row.required_at),
        delivered_on_capture=row.billing_type not in TIME_TYPES and not row.required_at,
        required_at=tuple(row.required_at),
        terms=terms_of(row, template_wards),
    )


def terms_of(row: ChargeDefinition, template_wards: Sequence[str] = ()) -> Terms:
    return Terms(
        version=row.version,
        starts_on=row.starts_on,
        ends_on=row.ends_on,
        rate_minor=row.rate_minor,
        free_units=row.free_units,
        tiers=tuple(Tier(*tier) for tier in row.tiers),
        minimum_minor=row.minimum_minor,
        cap_minor=row.cap_minor,
        cap_per=row.cap_per,
        rounding_minor=row.rounding_minor,
        day_rule=row.day_rule,
        free_minutes=row.free_minutes,
        ward_types=frozenset(row.ward_types or template_wards),
        patient_categories=frozenset(row.patient_categories),
        departments=frozenset(row.departments),
        condition=Condition(row.condition) if row.condition else None,
        payment_requirement=row.payment_requirement,
        percent=row.percent,
        base=_base_of(row.base),
        is_active=row.is_active and not row.superseded,
    )


def _base_of(said: dict[str, Any]) -> Base:
    return Base(
        of=said.get("of", "charges"),
        stage=said.get("stage", "net"),
        service_kinds=tuple(said.get("service_kinds", ())),
        services=tuple(said.get("services", ())),
        definitions=tuple(said.get("definitions", ())),
    )


def read_book(hospital_id: UUID) -> Book:
    """The hospital's book as it stands now, read anew. Needs the hospital's transaction."""
    hospital = Hospital.objects.filter(id=hospital_id).first()
    if hospital is None:
        raise NotFound(_("There is no such hospital."), field="hospital_id", code="unknown_hospital")
    rules: dict[str, list[Rule]] = {}
    time_rules: dict[str, list[Rule]] = {}
    percentages: dict[str, list[Rule]] = {}
    for rule in [*read_rules(), *read_definitions()]:
        if rule.event_kind:
            rules.setdefault(rule.event_kind, []).append(rule)
        if rule.charges_time:
            time_rules.setdefault(rule.code, []).append(rule)
        elif rule.charge_type == PERCENTAGE:
            percentages.setdefault(rule.code, []).append(rule)
    book = Book(
        version=hospital.configuration_version,
        currency=hospital.currency,
        time_zone=hospital.time_zone,
        billing_cycle=hospital.billing_cycle,
        prices=read_price_book(hospital),
        rules=rules,
        once_codes=tuple({rule.code: None for each in rules.values() for rule in each if rule.once_per}),
        time_rules=time_rules,
        percentages=percentages,
        conditional_kinds=frozenset(
            kind for kind, each in rules.items() if any(rule.terms.condition for rule in each)
        ),
    )
    _books[hospital_id] = book
    return book


def known_book(hospital_id: UUID) -> Book | None:
    """The book in memory, which may be stale; None before the first read."""
    return _books.get(hospital_id)
