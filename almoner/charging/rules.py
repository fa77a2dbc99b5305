"""Which charges an event makes. Pure: events, context and books in, drafts of charge items out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from almoner.catalog.pricing import Buyer, Price, PriceBook, PricedService, price, total
from almoner.kernel.errors import DomainError

MAXIMUM_QUANTITY = Decimal(100_000)
DUE_FROM_DELIVERY = ("during_service", "after_service")
"""The charge timings (section 4.2) whose charges fall due counted from when the service was given."""


@dataclass(frozen=True, slots=True)
class EventLine:
    """One service that an event names. ``price_minor`` only for imports of charges made elsewhere."""

    service: str
    quantity: Decimal = Decimal(1)
    price_minor: int | None = None


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
    """A charge rule in force; see ``charging.models.ChargeRule`` for the meaning of the conditions."""

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


@dataclass(frozen=True, slots=True)
class Draft:
    """A charge item before it is written. ``price`` None: no price is known."""

    line: int
    rule: Rule
    service: PricedService
    quantity: Decimal
    price: Price | None


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


def _applies(rule: Rule, context: Context) -> bool:
    return (
        rule.department in ("", context.department)
        and rule.department_kind in ("", context.department_kind)
        and rule.ward_type in ("", context.ward_type)
        and not (rule.once_per == "patient" and rule.code in context.charged_once_patient)
        and not (rule.once_per == "encounter" and rule.code in context.charged_once_encounter)
    )


def _service(book: PriceBook, code: str, field_name: str) -> PricedService:
    service = book.services.get(code)
    if service is None:
        raise DomainError(
            f"There is no service {code!r} in this hospital's catalog.",
            field=field_name,
            code="unknown_service",
        )
    return service


def check_quantity(quantity: Decimal, field_name: str) -> Decimal:
    """``quantity`` itself; a ``DomainError`` unless above 0, at most 100,000, with at most 3 decimals."""
    if not (quantity.is_finite() and 0 < quantity <= MAXIMUM_QUANTITY):
        raise DomainError(
            f"A quantity is above 0 and at most {MAXIMUM_QUANTITY:,}, got {quantity}.",
            field=field_name,
            code="invalid_quantity",
        )
    if quantity != quantity.quantize(Decimal("0.001")):
        raise DomainError(
            f"A quantity has at most three decimals, got {quantity}.",
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
    drafts = []
    applicable = [rule for rule in rules if rule.event_kind == event.kind and _applies(rule, context)]
    lines = [
        (
            number,
            _service(book, line.service, f"lines[{number - 1}].service"),
            check_quantity(line.quantity, f"lines[{number - 1}].quantity"),
            line.price_minor,
        )
        for number, line in enumerate(event.lines, start=1)
    ]
    for rule in applicable:
        if not rule.per_line:
            service = _service(book, rule.service, "kind")
            drafts.append(Draft(0, rule, service, Decimal(1), price(book, service, Decimal(1), buyer, left)))
            continue
        for number, named, quantity, agreed_minor in lines:
            if rule.line_flag and rule.line_flag not in named.flags:
                continue
            if rule.service:
                service, count, agreed_minor = _service(book, rule.service, "kind"), Decimal(1), None
            else:
                service, count = named, quantity
            if agreed_minor is None:
                cost = price(book, service, count, buyer, left)
            else:
                cost = total(book, service, agreed_minor, count, buyer, "import")
            drafts.append(Draft(number, rule, service, count, cost))
    return drafts


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
