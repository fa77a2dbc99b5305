"""Capture, deliver, cancel, correct: from what happened to what is owed.

``capture`` and ``capture_batch`` may be the outermost operation (they open the transaction) or run inside
a service point's. Two round trips whatever the number of events: one read of the context, one write.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
from django.db import connection

from almoner.catalog.pricing import Buyer, Price, price, total
from almoner.charging.book import Book, known_book, read_book
from almoner.charging.models import ChargeItem, ClinicalEvent
from almoner.charging.rules import (
    Context,
    Draft,
    Event,
    check_quantity,
    draft_charges,
    due_at,
    packages_left,
)
from almoner.kernel.actor import Actor
from almoner.kernel.clock import local_date
from almoner.kernel.errors import Conflict, DomainError, IdempotencyMismatch, NotFound
from almoner.kernel.idempotency import check_key, content_hash
from almoner.kernel.ids import new_id
from almoner.kernel.service_points import event_kinds
from almoner.kernel.tenancy import require_transaction, transaction
from almoner.ledger.models import OpenItem
from almoner.ledger.operations import Line, post
from almoner.patients.models import PatientAccount

FUTURE_TOLERANCE = timedelta(minutes=5)
MAXIMUM_BATCH = 1000
PERMISSION_CAPTURE = "charging.capture"
PERMISSION_CORRECT = "charging.correct"


@dataclass(frozen=True, slots=True)
class Captured:
    """What became of an event: its id, its charge items, and whether it had been captured before."""

    event_id: UUID
    patient_id: UUID
    patient_account_id: UUID
    items: list[dict[str, Any]]
    replayed: bool

    @property
    def total_minor(self) -> int:
        """What the billable items come to."""
        return sum(item["net_minor"] for item in self.items if item["status"] == "billable")


def capture(hospital_id: UUID, event: Event, *, actor: Actor, at: datetime) -> Captured:
    """Store ``event`` once, with what it charges and the journal entry. See ``capture_batch``."""
    return capture_batch(hospital_id, [event], actor=actor, at=at)[0]


def capture_batch(
    hospital_id: UUID, events: Sequence[Event], *, actor: Actor, at: datetime, historical: bool = False
) -> list[Captured]:
    """Store every event of ``events`` once, with its charges and journal entries, or none of them.

    Amounts are minor units of the hospital's currency; ``at`` is the time of recording. An event whose
    key is known already returns what it made then. One that comes after the encounter ended is marked
    for the billing office unless ``historical`` (an import of the past) is set.

    Raises ``IdempotencyMismatch`` for a known key with other content, ``DomainError`` naming the field
    for anything unknown or impossible.
    """
    actor.require(PERMISSION_CAPTURE)
    _check(events, at)
    with transaction(hospital_id, announce=False):
        contexts = _read_contexts(hospital_id, events, known_book(hospital_id))
        book = known_book(hospital_id)
        if book is None or book.version != contexts[0]["configuration_version"]:
            book = read_book(hospital_id)
            contexts = _read_contexts(hospital_id, events, book)
        outcome = _price_and_write(hospital_id, events, contexts, book, actor, at, historical)
        if outcome is None:
            book = read_book(hospital_id)
            outcome = _price_and_write(hospital_id, events, contexts, book, actor, at, historical)
        if outcome is None:
            raise Conflict(
                "Prices changed twice while this was being captured. Please try again.",
                code="configuration_changed",
            )
        _deliver_fulfilled(hospital_id, events, outcome, actor, at)
        return outcome


def _name(events: Sequence[Event], index: int, field: str) -> str:
    return field if len(events) == 1 else f"events[{index}].{field}"


def _check(events: Sequence[Event], at: datetime) -> None:
    if not 1 <= len(events) <= MAXIMUM_BATCH:
        raise DomainError(f"A batch holds 1 to {MAXIMUM_BATCH} events.", field="events", code="invalid_batch")
    kinds = event_kinds()
    seen: set[str] = set()
    for index, event in enumerate(events):
        check_key(event.idempotency_key)
        if event.idempotency_key in seen:
            raise DomainError(
                f"The key {event.idempotency_key!r} stands twice in this batch.",
                field=_name(events, index, "idempotency_key"),
                code="duplicate_key",
            )
        seen.add(event.idempotency_key)
        if event.kind not in kinds:
            raise DomainError(
                f"Unknown event kind {event.kind!r}. Known kinds: {', '.join(sorted(kinds))}.",
                field=_name(events, index, "kind"),
                code="unknown_event_kind",
            )
        if event.occurred_at > at + FUTURE_TOLERANCE:
            raise DomainError(
                f"The event lies in the future: {event.occurred_at.isoformat()}.",
                field=_name(events, index, "occurred_at"),
                code="event_in_future",
            )
        if event.patient_id is None and event.encounter_id is None:
            raise DomainError(
                "Name the patient or the encounter.",
                field=_name(events, index, "patient_id"),
                code="patient_missing",
            )


def _read_contexts(hospital_id: UUID, events: Sequence[Event], book: Book | None) -> list[dict[str, Any]]:
    zone = book.time_zone if book else "UTC"
    requests = [
        {
            "ordinal": index,
            "idempotency_key": event.idempotency_key,
            "patient_id": event.patient_id,
            "encounter_id": event.encounter_id,
            "service_date": local_date(event.occurred_at, zone),
        }
        for index, event in enumerate(events)
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT * FROM charging_context(%s, %s::json, %s::text[], %s)",
            [
                hospital_id,
                orjson.dumps(requests).decode(),
                list(book.once_codes) if book else [],
                bool(book and book.prices.packages),
            ],
        )
        names = [column.name for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    if rows[0]["configuration_version"] is None:
        raise NotFound("There is no such hospital.", field="hospital_id", code="unknown_hospital")
    return rows


def _check_context(events: Sequence[Event], index: int, row: dict[str, Any]) -> None:
    event = events[index]
    if event.encounter_id is not None and row["encounter_id"] is None:
        raise NotFound(
            "There is no such encounter at this hospital.",
            field=_name(events, index, "encounter_id"),
            code="unknown_encounter",
        )
    if row["patient_id"] is None:
        raise NotFound(
            "There is no such patient at this hospital.",
            field=_name(events, index, "patient_id"),
            code="unknown_patient",
        )
    if event.patient_id and row["encounter_id"] and event.patient_id != row["encounter_patient_id"]:
        raise DomainError(
            "The encounter belongs to another patient.",
            field=_name(events, index, "encounter_id"),
            code="encounter_of_other_patient",
        )


def _context(row: dict[str, Any]) -> Context:
    return Context(
        patient_category=row["patient_category"],
        encounter_class=row["encounter_class"] or "",
        department_id=row["department_id"],
        department=row["department_code"] or "",
        department_kind=row["department_kind"] or "",
        ward_type=row["ward_type"] or "",
        payer_id=row["payer_id"],
        payer=row["payer_code"] or "",
        charged_once_patient=frozenset(row["charged_once_patient"] or ()),
        charged_once_encounter=frozenset(row["charged_once_encounter"] or ()),
        packaged=tuple(row["packaged"] or ()),
    )


def _price_and_write(
    hospital_id: UUID,
    events: Sequence[Event],
    contexts: list[dict[str, Any]],
    book: Book,
    actor: Actor,
    at: datetime,
    historical: bool,
) -> list[Captured] | None:
    """The outcome of every event in order, or None when the book is stale and nothing was written."""
    event_rows: list[dict[str, Any]] = []
    item_rows: list[dict[str, Any]] = []
    made: dict[UUID, list[dict[str, Any]]] = {}
    charged: dict[UUID, set[str]] = {}
    known: dict[UUID, tuple[int, str]] = {}
    ids: list[UUID] = []
    for index, (event, row) in enumerate(zip(events, contexts, strict=True)):
        hashed = content_hash(event.content())
        if row["event_id"] is not None:
            if row["event_hash"] != hashed:
                raise IdempotencyMismatch(event.idempotency_key)
            known[row["event_id"]] = (index, hashed)
            ids.append(row["event_id"])
            continue
        _check_context(events, index, row)
        context = _context(row)
        already = charged.setdefault(row["patient_id"], set())
        if already:
            context = replace(context, charged_once_patient=context.charged_once_patient | already)
        service_date = local_date(event.occurred_at, book.time_zone)
        try:
            drafts = draft_charges(event, context, book.rules.get(event.kind, []), book.prices, service_date)
        except DomainError as error:
            error.field = _name(events, index, error.field)
            raise
        already.update(draft.rule.code for draft in drafts if draft.rule.once_per == "patient")
        event_id = new_id()
        ids.append(event_id)
        rows = [_item_row(event, event_id, row, context, draft, book, service_date, at) for draft in drafts]
        made[event_id] = rows
        item_rows += rows
        event_rows.append(
            {
                "id": event_id,
                "kind": event.kind,
                "idempotency_key": event.idempotency_key,
                "content_hash": hashed,
                "occurred_at": event.occurred_at,
                "recorded_at": at,
                "recorded_by": actor.name,
                "patient_id": row["patient_id"],
                "encounter_id": event.encounter_id,
                "department_id": row["department_id"],
                "order_id": event.order_id,
                "body": event.body,
                "after_discharge": bool(not historical and row["encounter_ended_at"]),
                "entry_id": new_id(),
            }
        )
    replays = _write(hospital_id, book.version, event_rows, item_rows) if event_rows else {}
    if replays is None:
        return None
    outcome = []
    by_key = {row["id"]: row for row in event_rows}
    for index, (event_id, row) in enumerate(zip(ids, contexts, strict=True)):
        actual, replayed = event_id, event_id in known
        if event_id in by_key and events[index].idempotency_key in replays:
            actual, hashed = replays[events[index].idempotency_key]
            replayed = True
            if hashed != by_key[event_id]["content_hash"]:
                raise IdempotencyMismatch(events[index].idempotency_key)
        items = _stored_items(actual) if replayed else made[event_id]
        outcome.append(Captured(actual, row["patient_id"], row["account_id"], items, replayed))
    return outcome


def _item_row(
    event: Event,
    event_id: UUID,
    row: dict[str, Any],
    context: Context,
    draft: Draft,
    book: Book,
    service_date: Any,
    at: datetime,
) -> dict[str, Any]:
    rule, service, cost = draft.rule, draft.service, draft.price
    status = "unpriced" if cost is None else "planned" if rule.planned else "billable"
    return {
        "id": new_id(),
        "event_id": event_id,
        "line": draft.line,
        "rule_code": rule.code,
        "service_period": "",
        "patient_id": row["patient_id"],
        "patient_account_id": row["account_id"],
        "encounter_id": event.encounter_id,
        "order_id": event.order_id,
        "department_id": service.department_id or row["department_id"],
        "service_id": service.id,
        "service": service.code,
        "payer_id": context.payer_id,
        "charge_type": rule.charge_type,
        "priority": event.priority,
        "request_type": event.request_type,
        "required_at": rule.required_at,
        "quantity": str(draft.quantity),
        "currency": row["currency"],
        "unit_price_minor": cost.unit_price_minor if cost else None,
        "gross_minor": cost.gross_minor if cost else None,
        "discount_minor": cost.discount_minor if cost else 0,
        "tax_minor": cost.tax_minor if cost else 0,
        "net_minor": cost.net_minor if cost else None,
        "price_source": cost.source if cost else "",
        "discount_source": cost.discount_source if cost else "",
        "tax_source": cost.tax_source if cost else "",
        "status": status,
        "service_date": service_date,
        "due_at": due_at(service.payment_timing, book.billing_cycle, event.occurred_at, book.time_zone),
        "captured_at": at,
        "delivered_at": event.occurred_at if rule.delivered_on_capture and status == "billable" else None,
    }


def _write(
    hospital_id: UUID, version: int, events: list[dict[str, Any]], items: list[dict[str, Any]]
) -> dict[str, tuple[UUID, str]] | None:
    """Write in one call; the events that were there before, by key. None: the version is stale."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT * FROM charging_capture(%s, %s, %s::json, %s::json)",
            [hospital_id, version, orjson.dumps(events).decode(), orjson.dumps(items).decode()],
        )
        rows = cursor.fetchall()
    if rows and rows[0][0] == "stale":
        return None
    replayed = {event_id: hashed for outcome, event_id, hashed in rows if outcome == "replayed"}
    if not replayed:
        return {}
    keys = ClinicalEvent.objects.filter(id__in=replayed).values_list("id", "idempotency_key")
    return {key: (event_id, replayed[event_id]) for event_id, key in keys}


def _stored_items(event_id: UUID) -> list[dict[str, Any]]:
    rows = ChargeItem.objects.filter(event_id=event_id).select_related("service").order_by("line", "id")
    return [item_as_row(item) for item in rows]


def item_as_row(item: ChargeItem) -> dict[str, Any]:
    """A stored charge item in the shape that ``Captured.items`` has."""
    row = {field.attname: getattr(item, field.attname) for field in ChargeItem._meta.concrete_fields}
    row["service"] = item.service.code
    return row


def _deliver_fulfilled(
    hospital_id: UUID, events: Sequence[Event], outcome: list[Captured], actor: Actor, at: datetime
) -> None:
    """An event that fulfils a step delivers what was charged for it."""
    kinds = event_kinds()
    for event, captured in zip(events, outcome, strict=True):
        step = kinds[event.kind].delivers
        if not step or captured.replayed or (event.encounter_id is None and event.order_id is None):
            continue
        items = ChargeItem.objects.filter(
            status="billable", delivered_at=None, required_at__contains=[step]
        )
        items = items.filter(order_id=event.order_id) if event.order_id else items.filter(
            encounter_id=event.encounter_id
        )
        deliver(
            [item.id for item in items],
            source_id=captured.event_id,
            occurred_at=event.occurred_at,
            actor=actor,
            at=at,
        )


def deliver(
    item_ids: Iterable[UUID], *, source_id: UUID, occurred_at: datetime, actor: Actor, at: datetime
) -> list[UUID]:
    """Mark charges as delivered and recognise their revenue; those delivered before stay as they are.

    ``source_id`` is the event that fulfilled them. Returns the items that were delivered now.
    """
    hospital_id = require_transaction()
    ids = sorted(item_ids)
    if not ids:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT * FROM charging_deliver(%s, %s::uuid[], %s, %s, %s, %s, %s)",
            [hospital_id, ids, new_id(), source_id, occurred_at, at, actor.name],
        )
        return [row[0] for row in cursor.fetchall()]


def lock_account(patient_account_id: UUID) -> PatientAccount:
    """The account, locked until the transaction ends; every change of money on it waits here."""
    account = PatientAccount.objects.select_for_update(no_key=True).filter(id=patient_account_id).first()
    if account is None:
        raise NotFound("There is no such account.", field="patient_account_id", code="unknown_account")
    return account


def _locked_item(item_id: UUID) -> ChargeItem:
    item = ChargeItem.objects.filter(id=item_id).first()
    if item is None:
        raise NotFound("There is no such charge item.", field="charge_item_id", code="unknown_charge_item")
    lock_account(item.patient_account_id)
    return ChargeItem.objects.select_related("service").get(id=item_id)


def _reversal_lines(item: ChargeItem) -> list[Line]:
    """The posting of ``item`` undone, whether it was delivered or not."""
    if item.net_minor is None:
        raise Conflict("The charge has no price, so nothing was posted.", code="charge_not_posted")
    account = "contract_liability" if item.delivered_at is None else "revenue"
    taxed = [("tax_payable", item.tax_minor)] if item.tax_minor else []
    amounts = [
        ("patient_receivable", -item.net_minor),
        (account, item.net_minor - item.tax_minor),
        *taxed,
    ]
    return [
        Line(
            account_code=code,
            amount_minor=amount,
            currency=item.currency,
            patient_account_id=item.patient_account_id,
            charge_item_id=item.id,
            department_id=item.department_id,
            service_id=item.service_id,
        )
        for code, amount in amounts
    ]


def cancel(item_id: UUID, *, actor: Actor, at: datetime, source_id: UUID | None = None) -> ChargeItem:
    """Take a charge back: cancelled before delivery, entered in error (credit note) after it.

    What was paid for it must have been released before (``payments.operations.release``); raises
    ``Conflict`` otherwise, or when the charge was ended already.
    """
    item = _locked_item(item_id)
    if item.status in ("cancelled", "entered_in_error"):
        raise Conflict("The charge was taken back already.", field="charge_item_id", code="charge_ended")
    if item.status == "billable":
        _check_unpaid(item)
        post(
            kind="charge.cancelled" if item.delivered_at is None else "charge.credited",
            source_id=source_id or item.id,
            lines=_reversal_lines(item),
            occurred_at=at,
            posted_at=at,
            actor=actor.name,
        )
    item.status = "entered_in_error" if item.delivered_at else "cancelled"
    item.ended_at = at
    item.save(update_fields=["status", "ended_at"])
    return item


def _check_unpaid(item: ChargeItem) -> None:
    open_item = OpenItem.objects.get(id=item.id)
    if open_item.patient_minor != item.net_minor:
        raise Conflict(
            "Money was allocated to this charge, or a payer took it over: release that first.",
            field="charge_item_id",
            code="charge_settled",
        )


def bill_planned(item_ids: Iterable[UUID], *, service_period: str, actor: Actor, at: datetime) -> list[UUID]:
    """Turn planned charges into billable ones for ``service_period`` and post them."""
    billed = []
    for item_id in sorted(item_ids):
        item = _locked_item(item_id)
        if item.status != "planned":
            continue
        item.status = "billable"
        item.service_period = service_period
        item.service_date = at.date() if not service_period else datetime.fromisoformat(service_period[:10]).date()
        item.due_at = at
        item.save(update_fields=["status", "service_period", "service_date", "due_at"])
        _post_item(item, actor, at)
        billed.append(item.id)
    return billed


def _post_item(item: ChargeItem, actor: Actor, at: datetime) -> None:
    post(
        kind="charge.captured",
        source_id=item.event_id,
        lines=[replace(line, amount_minor=-line.amount_minor) for line in _reversal_lines(item)],
        occurred_at=at,
        posted_at=at,
        actor=actor.name,
    )


def revise(
    item_id: UUID, *, quantity: Decimal, actor: Actor, at: datetime, source_id: UUID | None = None
) -> ChargeItem:
    """Correct the quantity of a charge: reverse it, and post the next revision at the original unit price."""
    item = _locked_item(item_id)
    check_quantity(quantity, "quantity")
    if item.status != "billable" or item.unit_price_minor is None:
        raise Conflict("Only a billable charge can be revised.", field="charge_item_id", code="not_billable")
    book = read_book(item.hospital_id)
    service = book.prices.services[item.service.code]
    buyer = Buyer(item.service_date)
    cost = total(book.prices, service, item.unit_price_minor, quantity, buyer, item.price_source)
    cancel(item_id, actor=actor, at=at, source_id=source_id)
    return _new_revision(item, cost, quantity, actor, at)


def _new_revision(item: ChargeItem, cost: Price, quantity: Decimal, actor: Actor, at: datetime) -> ChargeItem:
    revised = ChargeItem.objects.get(id=item.id)
    revised.pk = revised.id = new_id()
    revised._state.adding = True
    revised.revision = item.revision + 1
    revised.status = "billable"
    revised.ended_at = None
    revised.delivered_at = None
    revised.captured_at = at
    revised.quantity = quantity
    _set_price(revised, cost)
    revised.save(force_insert=True)
    _post_item(revised, actor, at)
    return revised


def _set_price(item: ChargeItem, cost: Price) -> None:
    item.unit_price_minor = cost.unit_price_minor
    item.gross_minor = cost.gross_minor
    item.discount_minor = cost.discount_minor
    item.tax_minor = cost.tax_minor
    item.net_minor = cost.net_minor
    item.price_source = cost.source
    item.discount_source = cost.discount_source
    item.tax_source = cost.tax_source


_PRICE_FIELDS = [
    "unit_price_minor",
    "gross_minor",
    "discount_minor",
    "tax_minor",
    "net_minor",
    "price_source",
    "discount_source",
    "tax_source",
]


def price_unpriced(item_id: UUID, *, actor: Actor, at: datetime, unit_price_minor: int | None = None) -> ChargeItem:
    """Give a charge of the unpriced work list its price and post it.

    Without ``unit_price_minor`` the tariffs in force now are asked for the service date; with it the
    billing office states the price. Raises ``DomainError`` when there still is none.
    """
    actor.require(PERMISSION_CORRECT)
    item = _locked_item(item_id)
    if item.status != "unpriced":
        raise Conflict("The charge has its price already.", field="charge_item_id", code="already_priced")
    book = read_book(item.hospital_id)
    event = item.event
    row = _read_contexts(
        item.hospital_id,
        [Event(event.kind, event.idempotency_key, event.occurred_at, item.patient_id, item.encounter_id)],
        book,
    )[0]
    context = _context(row)
    service = book.prices.services[item.service.code]
    buyer = Buyer(
        item.service_date, context.payer, context.patient_category, context.ward_type, context.department
    )
    if unit_price_minor is None:
        cost = price(book.prices, service, item.quantity, buyer, packages_left(book.prices, context.packaged))
    elif unit_price_minor < 0:
        raise DomainError("A price is not negative.", field="unit_price_minor", code="invalid_amount")
    else:
        source = f"stated:{actor.name}"[:200]
        cost = total(book.prices, service, unit_price_minor, item.quantity, buyer, source)
    if cost is None:
        raise DomainError(
            f"No tariff gives a price for {service.code!r} on {item.service_date}.",
            field="service",
            code="no_price",
        )
    _set_price(item, cost)
    item.status = "billable"
    item.configuration_version = book.version
    item.save(update_fields=["status", "configuration_version", *_PRICE_FIELDS])
    _post_item(item, actor, at)
    return item


def transfer_to_payer(
    item_id: UUID, *, payer_id: UUID, amount_minor: int, actor: Actor, at: datetime
) -> UUID:
    """A payer takes over ``amount_minor`` of a charge; negative: a share is handed back to the patient.

    Never new revenue. The database refuses more than is open on the side it comes from.
    """
    item = _locked_item(item_id)
    if amount_minor == 0:
        raise DomainError("Nothing to transfer.", field="amount_minor", code="invalid_amount")
    shared = {
        "currency": item.currency,
        "patient_account_id": item.patient_account_id,
        "charge_item_id": item.id,
        "department_id": item.department_id,
        "service_id": item.service_id,
        "payer_id": payer_id,
    }
    return post(
        kind="charge.transferred",
        source_id=item.id,
        lines=[
            Line(account_code="payer_receivable", amount_minor=amount_minor, **shared),
            Line(account_code="patient_receivable", amount_minor=-amount_minor, **shared),
        ],
        occurred_at=at,
        posted_at=at,
        actor=actor.name,
    )
