"""From what happened to what is owed.

``capture`` and ``capture_batch`` may be the outermost operation (they open the transaction) or run inside
a service point's. Two round trips whatever the number of events: one read of the context, one write.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from django.db import connection
from django.utils.translation import gettext as _

from almoner.charging.book import Book, known_book, read_book
from almoner.charging.facts import facts_of_visit
from almoner.charging.models import ChargeItem, ClinicalEvent
from almoner.charging.operations.delivery import deliver
from almoner.charging.rules import Context, Draft, Event, draft_charges, due_at, payment_timing
from almoner.kernel.actor import Actor
from almoner.kernel.clock import local_date
from almoner.kernel.errors import Conflict, DomainError, IdempotencyMismatch, NotFound
from almoner.kernel.idempotency import check_key, content_hash
from almoner.kernel.ids import new_id
from almoner.kernel.service_points import EventKind, event_kinds
from almoner.kernel.tenancy import autocommit, transaction

FUTURE_TOLERANCE = timedelta(minutes=5)
MAXIMUM_BATCH = 1000
PERMISSION_CAPTURE = "charging.capture"

_CONTEXT_COLUMNS = (
    "configuration_version",
    "event_id",
    "event_hash",
    "patient_id",
    "patient_category",
    "account_id",
    "currency",
    "encounter_id",
    "encounter_patient_id",
    "encounter_class",
    "encounter_ended_at",
    "department_id",
    "department_code",
    "department_kind",
    "ward_type",
    "payer_id",
    "payer_code",
    "charged_once_patient",
    "charged_once_encounter",
    "packaged",
)
_READ_CONTEXT = f"SELECT {', '.join(_CONTEXT_COLUMNS)} FROM charging_context(%s, %s::json, %s::text[], %s)"


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
    kinds = event_kinds()
    _check(events, kinds, at)
    hashes = [content_hash(event.content()) for event in events]
    events = [event if event.occurred_at else replace(event, occurred_at=at) for event in events]
    delivers = any(kinds[event.kind].delivers for event in events)
    with _boundary(hospital_id, one=len(events) == 1 and not delivers):
        contexts = read_contexts(hospital_id, events, known_book(hospital_id))
        book = known_book(hospital_id)
        if book is None or book.version != contexts[0]["configuration_version"]:
            book = _read_book(hospital_id)
            contexts = read_contexts(hospital_id, events, book)
        outcome = _price_and_write(hospital_id, events, hashes, contexts, book, actor, at, historical)
        if outcome is None:
            book = _read_book(hospital_id)
            contexts = read_contexts(hospital_id, events, book)
            outcome = _price_and_write(hospital_id, events, hashes, contexts, book, actor, at, historical)
        if outcome is None:
            raise Conflict(
                _("Prices changed twice while this was being captured. Please try again."),
                code="configuration_changed",
            )
        if delivers:
            _deliver_fulfilled(kinds, events, outcome, actor, at)
        return outcome


def _boundary(hospital_id: UUID, *, one: bool) -> AbstractContextManager[None]:
    """One event is written whole by one statement; several, or one that also delivers, need a transaction."""
    return autocommit(hospital_id) if one else transaction(hospital_id, announce=False)


def _read_book(hospital_id: UUID) -> Book:
    with transaction(hospital_id):
        return read_book(hospital_id)


def _name(events: Sequence[Event], index: int, field: str) -> str:
    return field if len(events) == 1 else f"events[{index}].{field}"


def _check(events: Sequence[Event], kinds: Mapping[str, EventKind], at: datetime) -> None:
    if not 1 <= len(events) <= MAXIMUM_BATCH:
        raise DomainError(
            _("A batch holds 1 to %(maximum_batch)s events.") % {"maximum_batch": MAXIMUM_BATCH},
            field="events",
            code="invalid_batch",
        )
    seen: set[str] = set()
    for index, event in enumerate(events):
        check_key(event.idempotency_key)
        if event.idempotency_key in seen:
            raise DomainError(
                _("The key %(idempotency_key)r stands twice in this batch.")
                % {"idempotency_key": event.idempotency_key},
                field=_name(events, index, "idempotency_key"),
                code="duplicate_key",
            )
        seen.add(event.idempotency_key)
        if event.kind not in kinds:
            raise DomainError(
                _("Unknown event kind %(kind)r. Known kinds: %(kinds)s.")
                % {"kind": event.kind, "kinds": ", ".join(sorted(kinds))},
                field=_name(events, index, "kind"),
                code="unknown_event_kind",
            )
        if event.occurred_at and event.occurred_at > at + FUTURE_TOLERANCE:
            raise DomainError(
                _("The event lies in the future: %(occurred_at)s.")
                % {"occurred_at": event.occurred_at.isoformat()},
                field=_name(events, index, "occurred_at"),
                code="event_in_future",
            )
        if event.patient_id is None and event.encounter_id is None:
            raise DomainError(
                _("Name the patient or the encounter."),
                field=_name(events, index, "patient_id"),
                code="patient_missing",
            )


def read_contexts(hospital_id: UUID, events: Sequence[Event], book: Book | None) -> list[dict[str, Any]]:
    zone = book.time_zone if book else "UTC"
    requests = [
        {
            "ordinal": index,
            "idempotency_key": event.idempotency_key,
            "patient_id": event.patient_id,
            "encounter_id": event.encounter_id,
            "service_date": local_date(event.instant, zone),
        }
        for index, event in enumerate(events)
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            _READ_CONTEXT,
            [
                hospital_id,
                orjson.dumps(requests).decode(),
                list(book.once_codes) if book else [],
                bool(book and book.prices.packages),
            ],
        )
        rows = [dict(zip(_CONTEXT_COLUMNS, row, strict=True)) for row in cursor.fetchall()]
    if rows[0]["configuration_version"] is None:
        raise NotFound(_("There is no such hospital."), field="hospital_id", code="unknown_hospital")
    return rows


def _check_context(events: Sequence[Event], index: int, row: dict[str, Any]) -> None:
    event = events[index]
    if event.encounter_id is not None and row["encounter_id"] is None:
        raise NotFound(
            _("There is no such encounter at this hospital."),
            field=_name(events, index, "encounter_id"),
            code="unknown_encounter",
        )
    if row["patient_id"] is None:
        raise NotFound(
            _("There is no such patient at this hospital."),
            field=_name(events, index, "patient_id"),
            code="unknown_patient",
        )
    if event.patient_id and row["encounter_id"] and row["patient_id"] != row["encounter_patient_id"]:
        raise DomainError(
            _("The encounter belongs to another patient."),
            field=_name(events, index, "encounter_id"),
            code="encounter_of_other_patient",
        )


def context_of(row: dict[str, Any]) -> Context:
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
    hashes: list[str],
    contexts: list[dict[str, Any]],
    book: Book,
    actor: Actor,
    at: datetime,
    historical: bool,
) -> list[Captured] | None:
    """The outcome of every event in order, or None when book or context were stale: nothing was written."""
    event_rows: list[dict[str, Any]] = []
    item_rows: list[dict[str, Any]] = []
    made: dict[UUID, list[dict[str, Any]]] = {}
    charged: dict[UUID, set[str]] = {}
    known: dict[UUID, tuple[int, str]] = {}
    ids: list[UUID] = []
    for index, (event, row) in enumerate(zip(events, contexts, strict=True)):
        hashed = hashes[index]
        if row["event_id"] is not None:
            if row["event_hash"] != hashed:
                raise IdempotencyMismatch(event.idempotency_key)
            known[row["event_id"]] = (index, hashed)
            ids.append(row["event_id"])
            continue
        _check_context(events, index, row)
        context = context_of(row)
        mine = charged.setdefault(row["patient_id"], set())
        visit = charged.setdefault(event.encounter_id, set()) if event.encounter_id else set()
        if mine or visit:
            context = replace(
                context,
                charged_once_patient=context.charged_once_patient | mine,
                charged_once_encounter=context.charged_once_encounter | visit,
            )
        service_date = local_date(event.instant, book.time_zone)
        if event.kind in book.conditional_kinds:
            facts = facts_of_visit(hospital_id, event, row["patient_id"], context, service_date)
            context = replace(context, facts=facts)
        try:
            drafts = draft_charges(event, context, book.rules.get(event.kind, []), book.prices, service_date)
        except DomainError as error:
            error.field = _name(events, index, error.field)
            raise
        mine.update(draft.rule.code for draft in drafts if draft.rule.once_per == "patient")
        visit.update(draft.rule.code for draft in drafts if draft.rule.once_per == "encounter")
        event_id = new_id()
        ids.append(event_id)
        rows = [_item_row(event, event_id, row, context, draft, book, service_date, at) for draft in drafts]
        made[event_id] = rows
        item_rows += [
            {**row, "once_per": draft.rule.once_per} if draft.rule.once_per else row
            for row, draft in zip(rows, drafts, strict=True)
        ]
        event_rows.append(
            {
                "id": event_id,
                "kind": event.kind,
                "idempotency_key": event.idempotency_key,
                "content_hash": hashed,
                "occurred_at": event.instant,
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
        items = _stored_items(hospital_id, actual) if replayed else made[event_id]
        outcome.append(Captured(actual, row["patient_id"], row["account_id"], items, replayed))
    return outcome


def _item_row(
    event: Event,
    event_id: UUID,
    row: dict[str, Any],
    context: Context,
    draft: Draft,
    book: Book,
    service_date: date,
    at: datetime,
) -> dict[str, Any]:
    rule, service, cost = draft.rule, draft.service, draft.price
    status = "unpriced" if cost is None else "planned" if rule.planned else "billable"
    return {
        "id": new_id(),
        "event_id": event_id,
        "line": draft.line,
        "rule_code": rule.code,
        "rule_version": rule.terms.version,
        "service_period": draft.part,
        "configuration_version": book.version,
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
        "price_source": cost.source if cost else draft.problem[:200],
        "discount_source": cost.discount_source if cost else "",
        "tax_source": cost.tax_source if cost else "",
        "status": status,
        "service_date": service_date,
        "due_at": due_at(payment_timing(rule, service), book.billing_cycle, event.instant, book.time_zone),
        "captured_at": at,
        "delivered_at": event.occurred_at if rule.delivered_on_capture and status == "billable" else None,
    }


def _write(
    hospital_id: UUID, version: int, events: list[dict[str, Any]], items: list[dict[str, Any]]
) -> dict[str, tuple[UUID, str]] | None:
    """Write in one call; the events that were there before, by key. None: what was read is stale."""
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
    with transaction(hospital_id):
        keys = ClinicalEvent.objects.filter(id__in=replayed).values_list("id", "idempotency_key")
        return {key: (event_id, replayed[event_id]) for event_id, key in keys}


def _stored_items(hospital_id: UUID, event_id: UUID) -> list[dict[str, Any]]:
    with transaction(hospital_id):
        rows = ChargeItem.objects.filter(event_id=event_id).select_related("service").order_by("line", "id")
        return [item_as_row(item) for item in rows]


def item_as_row(item: ChargeItem) -> dict[str, Any]:
    """A stored charge item in the shape that ``Captured.items`` has."""
    row = {field.attname: getattr(item, field.attname) for field in ChargeItem._meta.concrete_fields}
    row["service"] = item.service.code
    return row


def _deliver_fulfilled(
    kinds: Mapping[str, EventKind],
    events: Sequence[Event],
    outcome: list[Captured],
    actor: Actor,
    at: datetime,
) -> None:
    """An event that fulfils a step delivers what was charged for it, or the items that its body names."""
    for event, captured in zip(events, outcome, strict=True):
        step = kinds[event.kind].delivers
        if not step or captured.replayed or (event.encounter_id is None and event.order_id is None):
            continue
        items = ChargeItem.objects.filter(status="billable", delivered_at=None, required_at__contains=[step])
        if event.order_id is not None:
            items = items.filter(order_id=event.order_id)
        else:
            items = items.filter(encounter=event.encounter_id)
        if "charge_item_ids" in event.body:
            items = items.filter(id__in=event.body["charge_item_ids"])
        deliver(
            [item.id for item in items],
            source_id=captured.event_id,
            occurred_at=event.instant,
            actor=actor,
            at=at,
        )
