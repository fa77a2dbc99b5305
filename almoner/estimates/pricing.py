"""What services and a stay would cost: charging's own pure functions, asked about a stay that has not been."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from almoner.charging.accrual.percentages import OUTSTANDING, STAY, BaseItem, amount_of, base_minor, in_order
from almoner.charging.accrual.periods import Occupancy, Period, begins
from almoner.charging.accrual.planning import Cover, Stay, TimeCharge, facts_of, plan_stay
from almoner.charging.accrual.writing import Priced
from almoner.charging.book import ADMITTED, SERVICE_PROVIDED, Book
from almoner.charging.conditions import ConditionFailed
from almoner.charging.rules import PERCENTAGE, Context, Draft, Event, EventLine, Rule, draft_charges
from almoner.charging.terms import Part
from almoner.kernel.ids import new_id

ARRIVAL = (ADMITTED, "bed.assigned")
"""What happens on the way to a bed, and may charge once."""


@dataclass(frozen=True, slots=True)
class Ward:
    """A kind of ward and its department, in which ``days`` local dates are expected."""

    ward_type: str
    department: str
    department_kind: str
    department_id: UUID
    days: int


@dataclass(frozen=True, slots=True)
class Expected:
    """For whom, when and what is to be priced. ``facts``: what conditions may ask of the patient and the visit."""

    on: date
    lines: tuple[EventLine, ...] = ()
    ward: Ward | None = None
    patient_category: str = "general"
    birth_date: date | None = None
    covers: tuple[Cover, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Costs:
    """What one service comes to. ``net_minor`` None: a part of it has no price."""

    service: str
    name: str
    quantity: Decimal
    net_minor: int | None
    problem: str = ""


def estimate_costs(book: Book, expected: Expected, *, at: datetime) -> list[Costs]:
    """What is expected, service by service, in minor units: services, the way to the bed, its time, percentages.

    A stay of ``days`` lasts from noon of its first date to noon of its last (an hour for a single date). Nothing is
    written or read. Raises ``DomainError`` naming the field as capturing the services would.
    """
    stay = _stay(book, expected)
    drafts = list(_drafts(book, expected, stay))
    found = [
        _Found(
            draft.rule,
            draft.service.code,
            draft.quantity,
            draft.price.gross_minor if draft.price else 0,
            draft.price.discount_minor if draft.price else 0,
            draft.price.net_minor if draft.price else None,
            draft.problem,
        )
        for draft in drafts
    ]
    if stay is not None:
        priced = Priced(book, at)
        ended = stay.occupancies[0].ended_at or at
        for charge in plan_stay(stay, book.time_rules, book.time_zone, until=ended):
            found.append(_found(priced, stay, charge))
        found += _percentages(book, stay, priced, ended, found)
    return _by_service(book, found)


@dataclass(frozen=True, slots=True)
class _Found:
    rule: Rule
    service: str
    quantity: Decimal
    gross_minor: int
    discount_minor: int
    net_minor: int | None
    problem: str


def _stay(book: Book, expected: Expected) -> Stay | None:
    ward = expected.ward
    if ward is None:
        return None
    began = begins(expected.on, book.time_zone, 12)
    ended = begins(expected.on + timedelta(days=ward.days - 1), book.time_zone, 12)
    place = Occupancy(
        began,
        max(ended, began + timedelta(hours=1)),
        ward.ward_type,
        ward.department,
        ward.department_kind,
        ward.department_id,
    )
    nobody = new_id()
    return Stay(
        admission_id=nobody,
        event_id=nobody,
        encounter_id=None,
        patient_id=nobody,
        patient_account_id=nobody,
        currency=book.currency,
        patient_category=expected.patient_category,
        occupancies=(place,),
        covers=expected.covers,
        birth_date=expected.birth_date,
        facts=expected.facts,
    )


def _drafts(book: Book, expected: Expected, stay: Stay | None) -> Iterator[Draft]:
    """What the services charge when they are given, and what happens on the way to the bed."""
    ward = expected.ward
    cover = next(
        (
            one
            for one in expected.covers
            if one.starts_on <= expected.on and (one.ends_on is None or expected.on <= one.ends_on)
        ),
        None,
    )
    context = Context(
        patient_category=expected.patient_category,
        encounter_class=str(expected.facts.get("encounter_class", "")),
        ward_type=ward.ward_type if ward else "",
        department=ward.department if ward else "",
        department_kind=ward.department_kind if ward else "",
        payer_id=cover.payer_id if cover else None,
        payer=cover.payer if cover else "",
        facts=_facts(book, expected, stay, cover),
    )
    happening = [(SERVICE_PROVIDED, expected.lines)]
    if ward is not None:
        happening += [(kind, ()) for kind in ARRIVAL]
    for kind, lines in happening:
        rules = [rule for rule in book.rules.get(kind, []) if not rule.charges_time]
        event = Event(kind=kind, idempotency_key="estimate", lines=lines)
        yield from draft_charges(event, context, rules, book.prices, expected.on)


def _facts(book: Book, expected: Expected, stay: Stay | None, cover: Cover | None) -> Mapping[str, Any]:
    if stay is not None:
        place = stay.occupancies[0]
        period = Period("", expected.on, place.began_at, Decimal(1), place)
        return facts_of(stay, period, book.time_zone)
    return {
        **expected.facts,
        "patient_category": expected.patient_category,
        "payer": cover.payer if cover else "",
    }


def _found(priced: Priced, stay: Stay, charge: TimeCharge) -> _Found:
    cost = priced.cost(stay, charge)
    return _Found(
        rule=charge.rule,
        service=charge.rule.service,
        quantity=charge.part.quantity if charge.part else charge.period.quantity,
        gross_minor=cost.gross_minor if cost else 0,
        discount_minor=cost.discount_minor if cost else 0,
        net_minor=cost.net_minor if cost else None,
        problem=charge.problem,
    )


def _percentages(
    book: Book, stay: Stay, priced: Priced, until: datetime, found: Sequence[_Found]
) -> Iterator[_Found]:
    """Percentages of what is expected; of what may once be overdue there is nothing to say yet."""
    place = stay.occupancies[-1]
    day = until.date()
    items = [_base_item(book, one) for one in found if one.net_minor is not None]
    for code in in_order(book.percentages):
        rule = next(
            (one for one in book.percentages[code] if one.terms.is_active and one.terms.in_force(day)), None
        )
        if rule is None or rule.terms.base.of == OUTSTANDING:
            continue
        if not rule.terms.fits(place.ward_type, stay.patient_category, place.department):
            continue
        period = Period(STAY, day, until, Decimal(1), place)
        amount = amount_of(rule, base_minor(rule.terms.base, items))
        charge = TimeCharge(rule, period, Part(Decimal(1), amount))
        if rule.terms.condition is not None:
            try:
                if not rule.terms.condition.holds(facts_of(stay, period, book.time_zone)):
                    continue
            except ConditionFailed as failure:
                charge = TimeCharge(rule, period, None, str(failure))
        if charge.part is not None and not amount:
            continue
        one = _found(priced, stay, charge)
        items.append(_base_item(book, one))
        yield one


def _base_item(book: Book, one: _Found) -> BaseItem:
    kind = "" if one.rule.charge_type == PERCENTAGE else book.prices.services[one.service].kind
    return BaseItem(
        code=one.rule.code,
        service=one.service,
        service_kind=kind,
        charge_type=one.rule.charge_type,
        gross_minor=one.gross_minor,
        discount_minor=one.discount_minor,
        net_minor=one.net_minor or 0,
        overdue_minor=0,
    )


def _by_service(book: Book, found: Sequence[_Found]) -> list[Costs]:
    costs: dict[str, Costs] = {}
    for one in found:
        known = costs.get(one.service)
        if known is None:
            name = book.prices.services[one.service].name
            costs[one.service] = Costs(one.service, name, one.quantity, one.net_minor, one.problem)
            continue
        known.quantity += one.quantity
        both = known.net_minor is not None and one.net_minor is not None
        known.net_minor = (known.net_minor or 0) + (one.net_minor or 0) if both else None
        known.problem = known.problem or one.problem
    return list(costs.values())
