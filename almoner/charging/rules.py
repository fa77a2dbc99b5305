"""Which charges an event makes. Pure: events, context and books in, drafts of charge items out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils.translation import gettext

from almoner.catalog.pricing import Buyer, Price, PriceBook, PricedService, price, total
from almoner.charging.conditions import ConditionFailed
from almoner.charging.terms import Part, Terms, parts_of
from almoner.kernel.errors import DomainError

MAXIMUM_QUANTITY = Decimal(100_000)
DUE_FROM_DELIVERY = ("during_service", "after_service")
"""The charge timings (section 4.2) whose charges fall due counted from when the service was given."""
DAILY, HOURLY, PERCENTAGE = "daily", "hourly", "percentage"
TIME_TYPES = (DAILY, HOURLY)
CONDITION_FAILED = "condition failed"
"""How the price source begins of a charge whose condition had no answer; what follows says why."""


@dataclass(frozen=True, slots=True)
class EventLine:
    """One service that an event names. ``price_minor`` only where the price was reckoned elsewhere, as
    ``price_source`` says: charges that are imported, late fees."""

    service: str
    quantity: Decimal = Decimal(1)
    price_minor: int | None = None
    price_source: str = "import"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened; see ``charging.operations.capture``.

    ``occurred_at`` None: as it is recorded, which keeps a retried request the same request.
    ``priority``: routine, urgent, stat. ``request_type``: first, follow_up, maintenance, elective, emergency.
    ``body`` is kept as it is with the event.
    """

    kind: str
    idempotency_key: str
    occurred_at: datetime | None = None
    patient_id: UUID | None = None
    encounter_id: UUID | None = None
    order_id: UUID | None = None
    lines: tuple[EventLine, ...] = ()
    priority: str = "routine"
    request_type: str = "first"
    body: dict[str, Any] = field(default_factory=dict)

    @property
    def instant(self) -> datetime:
        """When it happened, once that is known."""
        if self.occurred_at is None:
            raise ValueError("The event has no time yet.")
        return self.occurred_at

    def content(self) -> dict[str, Any]:
        """What makes two requests the same: everything but the key."""
        return {
            "kind": self.kind,
            "occurred_at": self.occurred_at,
            "patient_id": self.patient_id,
            "encounter_id": self.encounter_id,
            "order_id": self.order_id,
            "lines": [
                [line.service, str(line.quantity.normalize()), line.price_minor] for line in self.lines
            ],
            "priority": self.priority,
            "request_type": self.request_type,
            "body": self.body,
        }


@dataclass(frozen=True, slots=True)
class Rule:
    """A charge rule in force; see ``charging.models.ChargeRule`` for the meaning of the conditions.

    A version of a charge definition is a rule with ``terms``. ``line_service``: only of lines that name it,
    which no rule without a service charges then.
    """

    code: str
    event_kind: str
    service: str = ""
    department: str = ""
    department_kind: str = ""
    ward_type: str = ""
    per_line: bool = False
    line_flag: str = ""
    once_per: str = ""
    charge_type: str = "one_time"
    planned: bool = False
    delivered_on_capture: bool = False
    required_at: tuple[str, ...] = ()
    line_service: str = ""
    terms: Terms = field(default_factory=Terms)

    @property
    def charges_time(self) -> bool:
        """Whether it charges the time in a bed (``charging.accrual``); an event may only foresee it."""
        return self.charge_type in TIME_TYPES and self.service != ""


@dataclass(frozen=True, slots=True)
class Context:
    """What is known about the patient and the visit of an event, read with it."""

    patient_category: str = ""
    encounter_class: str = ""
    department_id: UUID | None = None
    department: str = ""
    department_kind: str = ""
    ward_type: str = ""
    payer_id: UUID | None = None
    payer: str = ""
    charged_once_patient: frozenset[str] = frozenset()
    charged_once_encounter: frozenset[str] = frozenset()
    packaged: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Draft:
    """A charge item before it is written. ``price`` None: no price is known, ``problem`` may say why.

    ``part`` tells the parts of one line apart that cost differently ("" for the first or only one).
    """

    line: int
    rule: Rule
    service: PricedService
    quantity: Decimal
    price: Price | None
    part: str = ""
    problem: str = ""


def packages_left(book: PriceBook, packaged: Iterable[str]) -> dict[str, set[str]]:
    """What the packages of an encounter may still give, from its charges (``source>service``)."""
    entries = [entry.split(">", 1) for entry in packaged]
    left = {
        source.removeprefix("package:"): set(book.packages[source.removeprefix("package:")].services)
        for source, _ in entries
        if source.removeprefix("package:") in book.packages
    }
    for source, service in entries:
        if source.endswith(":included"):
            left.get(source.split(":")[1], set()).discard(service)
    return left


def _applies(rule: Rule, context: Context, on: date) -> bool:
    terms = rule.terms
    return (
        (rule.planned or rule.charge_type not in TIME_TYPES)
        and terms.is_active
        and terms.in_force(on)
        and terms.fits(context.ward_type, context.patient_category, context.department)
        and rule.department in ("", context.department)
        and rule.department_kind in ("", context.department_kind)
        and rule.ward_type in ("", context.ward_type)
        and not (rule.once_per == "patient" and rule.code in context.charged_once_patient)
        and not (rule.once_per == "encounter" and rule.code in context.charged_once_encounter)
    )


def _service(book: PriceBook, code: str, field_name: str) -> PricedService:
    service = book.services.get(code)
    if service is None:
        raise DomainError(
            gettext("There is no service %(code)r in this hospital's catalog.") % {"code": code},
            field=field_name,
            code="unknown_service",
        )
    return service


def check_quantity(quantity: Decimal, field_name: str) -> Decimal:
    """``quantity`` itself; a ``DomainError`` unless above 0, at most 100,000, with at most 3 decimals."""
    if not (quantity.is_finite() and 0 < quantity <= MAXIMUM_QUANTITY):
        raise DomainError(
            gettext("A quantity is above 0 and at most %(maximum_quantity)s, got %(quantity)s.")
            % {"maximum_quantity": f"{MAXIMUM_QUANTITY:,}", "quantity": quantity},
            field=field_name,
            code="invalid_quantity",
        )
    if quantity != quantity.quantize(Decimal("0.001")):
        raise DomainError(
            gettext("A quantity has at most three decimals, got %(quantity)s.") % {"quantity": quantity},
            field=field_name,
            code="invalid_quantity",
        )
    return quantity


def draft_charges(
    event: Event, context: Context, rules: list[Rule], book: PriceBook, service_date: date
) -> list[Draft]:
    """The charges that ``event`` makes, in order of line and rule.

    Raises ``DomainError`` naming the field for an unknown service or an impossible quantity.
    """
    buyer = Buyer(
        service_date, context.payer, context.patient_category, context.ward_type, context.department
    )
    left = packages_left(book, context.packaged)
    drafts: list[Draft] = []
    applicable = [
        rule for rule in rules if rule.event_kind == event.kind and _applies(rule, context, service_date)
    ]
    lines = [
        (
            number,
            _service(book, line.service, f"lines[{number - 1}].service"),
            check_quantity(line.quantity, f"lines[{number - 1}].quantity"),
            line,
        )
        for number, line in enumerate(event.lines, start=1)
    ]
    defined = {rule.line_service for rule in applicable}
    for rule in applicable:
        if not rule.per_line:
            service = _service(book, rule.service, "kind")
            drafts += _drafts(book, rule, service, 0, Decimal(1), buyer, left, context)
            continue
        for number, named, quantity, line in lines:
            if rule.line_flag and rule.line_flag not in named.flags:
                continue
            if rule.line_service:
                if named.code == rule.line_service:
                    drafts += _drafts(book, rule, named, number, quantity, buyer, left, context)
            elif rule.service:
                service = _service(book, rule.service, "kind")
                drafts += _drafts(book, rule, service, number, Decimal(1), buyer, left, context)
            elif line.price_minor is not None:
                cost = total(book, named, line.price_minor, quantity, buyer, line.price_source)
                drafts.append(Draft(number, rule, named, quantity, cost))
            elif named.code not in defined:
                drafts += _drafts(book, rule, named, number, quantity, buyer, left, context)
    return drafts


def _drafts(
    book: PriceBook,
    rule: Rule,
    service: PricedService,
    line: int,
    quantity: Decimal,
    buyer: Buyer,
    left: dict[str, set[str]],
    context: Context,
) -> Iterator[Draft]:
    """What ``quantity`` of ``service`` comes to under ``rule``: several parts where the rate changes on the way."""
    terms = rule.terms
    if terms.condition is not None:
        try:
            if not terms.condition.holds({**context.facts, "quantity": float(quantity)}):
                return
        except ConditionFailed as failure:
            yield Draft(line, rule, service, quantity, None, problem=f"{CONDITION_FAILED}: {failure}")
            return
    parts = parts_of(terms, quantity) if terms.version else [Part(quantity, None)]
    for number, part in enumerate(parts):
        if part.rate_minor is None:
            cost = price(book, service, part.quantity, buyer, left)
        else:
            cost = total(book, service, part.rate_minor, part.quantity, buyer, rate_source(rule))
        yield Draft(line, rule, service, part.quantity, cost, part=f"tier-{number + 1}" if number else "")


def rate_source(rule: Rule) -> str:
    """Where a price came from that is not a tariff's: the version of the definition."""
    return f"definition:{rule.code}@{rule.terms.version}"


_TIMINGS = {"immediate": "immediate", "plan": "monthly"}


def payment_timing(rule: Rule, service: PricedService) -> str:
    """When a charge falls due, in the words of section 4.2; "" leaves it to the billing cycle.

    A definition's own requirement (section 2.2) comes first: ``immediate`` at once, ``plan`` at the end of the
    month, by when instalments can be agreed; ``deferred`` and none as the service and the hospital say.
    """
    return _TIMINGS.get(rule.terms.payment_requirement, service.payment_timing)


def due_at(timing: str, cycle: str, occurred_at: datetime, time_zone: str) -> datetime:
    """When a charge falls due: by the service's payment timing (section 4.2), else the billing cycle (4.1).

    ``immediate`` and ``real_time``: at once; ``within_24h``: a day later; ``end_of_visit`` and
    ``daily_batch``: the end of the local day; ``weekly_batch``: the end of the local week (Sunday);
    ``monthly`` and ``monthly_batch``: the end of the local month.
    """
    word = timing or cycle
    if word in ("immediate", "real_time"):
        return occurred_at
    if word == "within_24h":
        return occurred_at + timedelta(hours=24)
    zone = ZoneInfo(time_zone)
    day = occurred_at.astimezone(zone).date()
    if word == "weekly_batch":
        day += timedelta(days=6 - day.weekday())
    elif word in ("monthly", "monthly_batch"):
        day = (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
    return datetime.combine(day + timedelta(days=1), time.min, tzinfo=zone)
