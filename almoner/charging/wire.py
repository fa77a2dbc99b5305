"""Events and charge items as the API reads and writes them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from almoner.charging.models import ChargeItem
from almoner.charging.operations import (
    MAXIMUM_BATCH,
    Captured,
    item_as_row,
)
from almoner.charging.rules import EventLine
from almoner.kernel.paging import Page
from almoner.kernel.wire import (
    Code,
    DecimalText,
    Input,
    Instant,
    JsonObject,
    Minor,
    Quantity,
    Resource,
)
from almoner.ledger.models import OpenItem

SCOPE_BILLING = "billing.read"
"""May read what was charged, asked, paid and decided, with the names of the services."""
MAXIMUM_LINES = 200
Priority = Literal["routine", "urgent", "stat"]
RequestType = Literal["first", "follow_up", "maintenance", "elective", "emergency"]
ItemStatus = Literal["planned", "unpriced", "billable", "cancelled", "entered_in_error"]
EventKindName = Annotated[str, Field(pattern=r"^[a-z0-9_.]{1,60}$")]


class ServiceLine(Input):
    """A service by its code, and how much of it. Prices come from the hospital's tariffs, never from here."""

    service: Code
    quantity: Quantity = Decimal(1)


class NewEvent(Input):
    """Something that happened. Name the encounter, or the patient when there is none.

    ``occurred_at`` left out: when it is recorded. ``body`` is kept with the event as it is.
    """

    kind: EventKindName
    encounter_id: UUID | None = None
    patient_id: UUID | None = None
    order_id: UUID | None = None
    occurred_at: Instant | None = None
    lines: Annotated[list[ServiceLine], Field(max_length=MAXIMUM_LINES)] = []
    priority: Priority = "routine"
    request_type: RequestType = "first"
    body: JsonObject = {}


class BatchedEvent(NewEvent):
    """An event of a batch. Without a key of its own its key is the request's and its place: ``KEY:0``."""

    idempotency_key: Annotated[str, Field(pattern=r"^[!-~]{1,200}$")] | None = None


class EventBatch(Input):
    events: Annotated[list[BatchedEvent], Field(min_length=1, max_length=MAXIMUM_BATCH)]


class ChargeItemResource(Resource):
    """What one line of an event costs. Amounts are minor units of ``currency``, null while unpriced.

    ``net_minor`` = gross - discount + tax on top + rounding. ``required_at`` names the steps that ask for
    it. Whether it is paid follows from ``open_minor`` (the patient's part still open), which lists and
    single reads give and a capture leaves out.
    """

    id: UUID
    event_id: UUID
    line: int
    rule: str
    revision: int
    service: str
    service_period: str
    service_date: date
    patient_id: UUID
    patient_account_id: UUID
    encounter_id: UUID | None
    order_id: UUID | None
    status: str
    charge_type: str
    quantity: DecimalText
    currency: str
    unit_price_minor: int | None
    gross_minor: int | None
    discount_minor: int
    tax_minor: int
    net_minor: int | None
    open_minor: int | None = None
    price_source: str
    configuration_version: int
    required_at: list[str]
    due_at: datetime
    captured_at: datetime
    delivered_at: datetime | None


class ChargeItemPage(Page[ChargeItemResource]):
    """Charge items."""


class CapturedResource(Resource):
    """What became of an event. ``total_minor`` is what its billable charges come to."""

    event_id: UUID
    patient_id: UUID
    patient_account_id: UUID
    currency: str
    total_minor: int
    charge_items: list[ChargeItemResource]


class CapturedInBatch(CapturedResource):
    """An event of a batch; ``replayed``: it had been captured before."""

    replayed: bool


class CapturedBatch(Resource):
    """The events of a batch in their order."""

    events: list[CapturedInBatch]


class EventResource(Resource):
    """An event as it was recorded. ``after_discharge``: it came when the visit had ended, for review."""

    id: UUID
    kind: str
    idempotency_key: str
    occurred_at: datetime
    recorded_at: datetime
    recorded_by: str
    patient_id: UUID
    encounter_id: UUID | None
    order_id: UUID | None
    after_discharge: bool
    body: dict[str, Any]
    charge_items: list[ChargeItemResource]


class EventPage(Page[EventResource]):
    """Events with their charges."""


class StatedPrice(Input):
    """The price of one unit, or nothing: then the tariffs in force now are asked."""

    unit_price_minor: Minor | None = None


def charge_item_resource(row: Mapping[str, Any], open_minor: int | None = None) -> ChargeItemResource:
    """A charge item as the API shows it, from the shape that ``Captured.items`` has."""
    return ChargeItemResource(
        id=row["id"],
        event_id=row["event_id"],
        line=row["line"],
        rule=row["rule_code"],
        revision=row.get("revision", 0),
        service=row["service"],
        service_period=row["service_period"],
        service_date=row["service_date"],
        patient_id=row["patient_id"],
        patient_account_id=row["patient_account_id"],
        encounter_id=row["encounter_id"],
        order_id=row["order_id"],
        status=row["status"],
        charge_type=row["charge_type"],
        quantity=row["quantity"],
        currency=row["currency"],
        unit_price_minor=row["unit_price_minor"],
        gross_minor=row["gross_minor"],
        discount_minor=row["discount_minor"],
        tax_minor=row["tax_minor"],
        net_minor=row["net_minor"],
        open_minor=open_minor,
        price_source=row["price_source"],
        configuration_version=row["configuration_version"],
        required_at=list(row["required_at"]),
        due_at=row["due_at"],
        captured_at=row["captured_at"],
        delivered_at=row["delivered_at"],
    )


def captured_fields(captured: Captured, currency: str) -> dict[str, Any]:
    """The fields of a ``CapturedResource``."""
    return {
        "event_id": captured.event_id,
        "patient_id": captured.patient_id,
        "patient_account_id": captured.patient_account_id,
        "currency": currency,
        "total_minor": captured.total_minor,
        "charge_items": [charge_item_resource(item) for item in captured.items],
    }


def event_lines(lines: list[ServiceLine]) -> tuple[EventLine, ...]:
    return tuple(EventLine(line.service, line.quantity) for line in lines)


def _open_minor(items: list[ChargeItem]) -> dict[UUID, int]:
    """What is still open of each item, in one statement."""
    rows = OpenItem.objects.filter(id__in=[item.id for item in items])
    return dict(rows.values_list("id", "patient_minor"))


def charge_item_resources(items: list[ChargeItem]) -> list[ChargeItemResource]:
    """Stored charge items (with their services) as the API shows them."""
    still_open = _open_minor(items)
    return [
        charge_item_resource(
            item_as_row(item), still_open.get(item.id, 0) if item.net_minor is not None else None
        )
        for item in items
    ]
