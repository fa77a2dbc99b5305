"""Charges taken back, corrected, billed later or priced later: always by reversal, never by an edit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext as _

from almoner.catalog.pricing import Buyer, Price, price, total
from almoner.charging.book import Book, read_book
from almoner.charging.models import ChargeItem, ClinicalEvent
from almoner.charging.operations.capture import context_of, read_contexts
from almoner.charging.operations.delivery import deliver
from almoner.charging.rules import TIME_TYPES, Event, check_quantity, packages_left
from almoner.identity import audit
from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict, DomainError, NotFound
from almoner.kernel.service_points import event_kinds
from almoner.ledger.models import OpenItem
from almoner.ledger.operations import Line, post
from almoner.patients.models import PatientAccount

PERMISSION_CORRECT = "charging.correct"


def lock_account(patient_account_id: UUID) -> PatientAccount:
    """The account, locked until the transaction ends; every change of money on it waits here."""
    account = PatientAccount.objects.select_for_update(no_key=True).filter(id=patient_account_id).first()
    if account is None:
        raise NotFound(_("There is no such account."), field="patient_account_id", code="unknown_account")
    return account


def locked_item(item_id: UUID) -> ChargeItem:
    item = ChargeItem.objects.filter(id=item_id).first()
    if item is None:
        raise NotFound(_("There is no such charge item."), field="charge_item_id", code="unknown_charge_item")
    lock_account(item.patient_account_id)
    # The item too: a delivery does not ask for the account.
    locked = ChargeItem.objects.select_for_update(of=("self",), no_key=True).select_related("service")
    return locked.get(id=item_id)


def _reversal_lines(item: ChargeItem) -> list[Line]:
    """The posting of ``item`` undone, whether it was delivered or not."""
    if item.net_minor is None:
        raise Conflict(_("The charge has no price, so nothing was posted."), code="charge_not_posted")
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


def withdraw(item_id: UUID, *, actor: Actor, at: datetime) -> ChargeItem:
    """Take back a time charge or percentage whose facts have changed: unlike one that was cancelled by hand, it
    may be charged again when they change once more. Raises as ``cancel``."""
    item = cancel(item_id, actor=actor, at=at)
    item.basis = ""
    item.save(update_fields=["basis"])
    return item


def cancel(item_id: UUID, *, actor: Actor, at: datetime, source_id: UUID | None = None) -> ChargeItem:
    """Take a charge back: cancelled before delivery, entered in error (credit note) after it.

    What was paid for it must have been released before (``payments.operations.release``); raises
    ``Conflict`` otherwise, or when the charge was ended already.
    """
    item = locked_item(item_id)
    if item.status in ("cancelled", "entered_in_error"):
        raise Conflict(_("The charge was taken back already."), field="charge_item_id", code="charge_ended")
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
            _("Money was allocated to this charge, or a payer took it over: release that first."),
            field="charge_item_id",
            code="charge_settled",
        )


def bill_planned(
    item_ids: Iterable[UUID], *, service_period: str, actor: Actor, at: datetime, basis: str = ""
) -> list[UUID]:
    """Turn planned charges into billable ones for ``service_period`` and post them.

    ``basis``: the facts that the period was reckoned from. A foreseen charge that has no price yet takes the
    period too, and is posted once it is priced.
    """
    billed = []
    for item_id in sorted(item_ids):
        item = locked_item(item_id)
        if item.status not in ("planned", "unpriced"):
            continue
        is_priced = item.status == "planned"
        item.status = "billable" if is_priced else "unpriced"
        item.service_period = service_period
        item.basis = basis
        item.service_date = (
            at.date() if not service_period else datetime.fromisoformat(service_period[:10]).date()
        )
        item.due_at = at
        item.save(update_fields=["status", "service_period", "basis", "service_date", "due_at"])
        if is_priced:
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
    item = locked_item(item_id)
    cost = _original_price(item, check_quantity(quantity, "quantity"))
    cancel(item_id, actor=actor, at=at, source_id=source_id)
    return _post_copy(item, cost, quantity, actor, at, revision=item.revision + 1)


def substitute(
    item_id: UUID, *, service: str, actor: Actor, at: datetime, source_id: UUID | None = None
) -> ChargeItem:
    """Charge another service (its code) in the place of an undelivered one: reverse, and post the next revision.

    Its price is the one it had on the service date; without one the new charge is unpriced.
    """
    item = locked_item(item_id)
    if item.delivered_at is not None:
        raise Conflict(_("This was delivered already."), field="charge_item_id", code="charge_delivered")
    book = read_book(item.hospital_id)
    if service not in book.prices.services:
        raise DomainError(
            _("There is no service %(service)r.") % {"service": service},
            field="service",
            code="unknown_service",
        )
    other = book.prices.services[service]
    context = context_of(_context_row(item, book))
    buyer = Buyer(
        item.service_date, context.payer, context.patient_category, context.ward_type, context.department
    )
    cost = price(book.prices, other, item.quantity, buyer, {})
    cancel(item_id, actor=actor, at=at, source_id=source_id)
    return _post_copy(
        item,
        cost,
        item.quantity,
        actor,
        at,
        revision=item.revision + 1,
        service_id=other.id,
        department_id=other.department_id or item.department_id,
        configuration_version=book.version,
        **({} if cost else _NO_PRICE),
    )


def split(
    item_id: UUID, *, quantity: Decimal, actor: Actor, at: datetime, source_id: UUID | None = None
) -> tuple[ChargeItem, ChargeItem]:
    """Part a charge in two at the original unit price: ``quantity``, and the rest, still to be delivered.

    Raises ``DomainError`` unless ``quantity`` is less than the whole.
    """
    item = locked_item(item_id)
    rest = item.quantity - check_quantity(quantity, "quantity")
    if rest <= 0:
        raise DomainError(
            _("Only %(quantity)s are charged.") % {"quantity": f"{item.quantity.normalize():f}"},
            field="quantity",
            code="invalid_quantity",
        )
    parts = ChargeItem.objects.filter(event=item.event_id, line=item.line, rule_code=item.rule_code).count()
    first = revise(item_id, quantity=quantity, actor=actor, at=at, source_id=source_id)
    second = _post_copy(
        item, _original_price(item, rest), rest, actor, at, revision=0, service_period=f"part-{parts + 1}"
    )
    return first, second


def _original_price(item: ChargeItem, quantity: Decimal) -> Price:
    """What ``quantity`` costs at the unit price that ``item`` was charged at."""
    if item.status != "billable" or item.unit_price_minor is None:
        raise Conflict(
            _("Only a billable charge can be revised."), field="charge_item_id", code="not_billable"
        )
    book = read_book(item.hospital_id)
    context = context_of(_context_row(item, book))
    buyer = Buyer(
        item.service_date, context.payer, context.patient_category, context.ward_type, context.department
    )
    service = book.prices.services[item.service.code]
    return total(book.prices, service, item.unit_price_minor, quantity, buyer, item.price_source)


def _context_row(item: ChargeItem, book: Book) -> dict[str, Any]:
    """What pricing knows about the patient and visit of ``item``, as of its event."""
    event = item.event
    asked = Event(event.kind, event.idempotency_key, event.occurred_at, item.patient_id, item.encounter_id)
    return read_contexts(item.hospital_id, [asked], book)[0]


def _post_copy(
    item: ChargeItem, cost: Price | None, quantity: Decimal, actor: Actor, at: datetime, **changes: Any
) -> ChargeItem:
    """A new, undelivered charge like ``item`` with another price and quantity; posted unless unpriced."""
    copied = {
        field.attname: getattr(item, field.attname)
        for field in ChargeItem._meta.concrete_fields
        if field.attname not in ("id", "delivered_at", "ended_at")
    }
    copy = ChargeItem(**{**copied, "quantity": quantity, "captured_at": at, **changes})
    copy.status = "billable" if cost else "unpriced"
    if cost:
        _set_price(copy, cost)
    copy.save(force_insert=True)
    if cost:
        _post_item(copy, actor, at)
    return copy


def _set_price(item: ChargeItem, cost: Price) -> None:
    item.unit_price_minor = cost.unit_price_minor
    item.gross_minor = cost.gross_minor
    item.discount_minor = cost.discount_minor
    item.tax_minor = cost.tax_minor
    item.net_minor = cost.net_minor
    item.price_source = cost.source
    item.discount_source = cost.discount_source
    item.tax_source = cost.tax_source


_NO_PRICE: dict[str, Any] = {
    "unit_price_minor": None,
    "gross_minor": None,
    "discount_minor": 0,
    "tax_minor": 0,
    "net_minor": None,
    "price_source": "",
    "discount_source": "",
    "tax_source": "",
}
_PRICE_FIELDS = list(_NO_PRICE)


def price_unpriced(
    item_id: UUID, *, actor: Actor, at: datetime, unit_price_minor: int | None = None
) -> ChargeItem:
    """Give a charge of the unpriced work list its price and post it; a foreseen one becomes planned.

    Without ``unit_price_minor`` the tariffs in force now are asked for the service date; with it the
    billing office states the price. Raises ``DomainError`` when there still is none.
    """
    actor.require(PERMISSION_CORRECT)
    item = locked_item(item_id)
    if item.status != "unpriced":
        raise Conflict(_("The charge has its price already."), field="charge_item_id", code="already_priced")
    book = read_book(item.hospital_id)
    context = context_of(_context_row(item, book))
    service = book.prices.services[item.service.code]
    buyer = Buyer(
        item.service_date, context.payer, context.patient_category, context.ward_type, context.department
    )
    if unit_price_minor is None:
        cost = price(book.prices, service, item.quantity, buyer, packages_left(book.prices, context.packaged))
    elif unit_price_minor < 0:
        raise DomainError(_("A price is not negative."), field="unit_price_minor", code="invalid_amount")
    else:
        source = f"stated:{actor.name}"[:200]
        cost = total(book.prices, service, unit_price_minor, item.quantity, buyer, source)
    if cost is None:
        raise DomainError(
            _("No tariff gives a price for %(service)r on %(service_date)s.")
            % {"service": service.code, "service_date": item.service_date},
            field="service",
            code="no_price",
        )
    _set_price(item, cost)
    fulfilment = _fulfilment(item, book)
    rules = {rule.code: rule for rule in book.rules.get(item.event.kind, [])}
    is_foreseen = item.rule_code in rules and rules[item.rule_code].planned and not item.service_period
    is_planned = is_foreseen and fulfilment is None
    item.status = "planned" if is_planned else "billable"
    item.configuration_version = book.version
    item.save(update_fields=["status", "configuration_version", *_PRICE_FIELDS])
    if not is_planned:
        _post_item(item, actor, at)
    audit.record(
        "charge.priced",
        actor=actor,
        at=at,
        subject_kind="charge_item",
        subject_id=item.id,
        net_minor=item.net_minor,
        source=item.price_source,
    )
    if fulfilment is not None:
        # The service was given while its price was still missing.
        deliver([item.id], source_id=fulfilment.id, occurred_at=fulfilment.occurred_at, actor=actor, at=at)
        item.refresh_from_db(fields=["delivered_at"])
    return item


def _fulfilment(item: ChargeItem, book: Book) -> ClinicalEvent | None:
    """The event that gave what ``item`` charges: its own, or the first that delivers a step it names."""
    rules = {rule.code: rule for rule in book.rules.get(item.event.kind, [])}
    given_at_once = item.rule_code in rules and rules[item.rule_code].delivered_on_capture
    if given_at_once or (item.charge_type in TIME_TYPES and item.service_period):
        own: ClinicalEvent = item.event
        return own
    if item.required_at == [] or (item.order_id is None and item.encounter_id is None):
        return None
    subject = Q(order_id=None, encounter=item.encounter_id)
    if item.order_id is not None:
        subject |= Q(order_id=item.order_id)
    events = ClinicalEvent.objects.filter(
        subject,
        kind__in=[kind.name for kind in event_kinds().values() if kind.delivers in item.required_at],
        recorded_at__gte=item.captured_at,
    ).order_by("occurred_at", "id")
    found: list[ClinicalEvent] = [
        event for event in events if str(item.id) in event.body.get("charge_item_ids", [str(item.id)])
    ]
    return found[0] if found else None
