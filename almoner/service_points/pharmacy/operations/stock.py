"""Stock comes and goes by movements, which are never changed; what is on hand the database keeps from them.

Every operation locks the stock items it touches, in the order of their ids, before it looks at the batches:
of two who want the last box one gets it, and the other is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from django.db.models import Sum
from django.utils.translation import gettext as _

from almoner.catalog.models import Service
from almoner.charging.rules import check_quantity
from almoner.hospitals.models import Department
from almoner.identity import audit
from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict, DomainError, IdempotencyMismatch, NotFound
from almoner.kernel.tenancy import transaction
from almoner.service_points.pharmacy.models import Batch, StockItem, StockMovement
from almoner.service_points.pharmacy.operations.shared import PERMISSION_STOCK, hospital_today, id_for
from almoner.service_points.pharmacy.rules import is_expired, plain

MAXIMUM_BATCH_NUMBER = 60
MAXIMUM_REASON = 500
Kind = StockMovement.Kind


def _check_text(text: str, field: str, maximum: int, what: str) -> str:
    text = text.strip()
    if not text or len(text) > maximum or not text.isprintable():
        raise DomainError(
            _("Expected %(what)s of 1 to %(maximum)s characters.") % {"what": what, "maximum": maximum},
            field=field,
            code="invalid_text",
        )
    return text


def _locked_item(item_id: UUID) -> StockItem:
    item = StockItem.objects.select_for_update(no_key=True, of=("self",)).filter(id=item_id).first()
    if item is None:
        raise NotFound(_("There is no such stock item."), field="item_id", code="unknown_stock_item")
    return item


def _locked_batch(batch_id: UUID) -> Batch:
    """The batch, its item locked. Raises ``NotFound``."""
    item_id = Batch.objects.filter(id=batch_id).values_list("item_id", flat=True).first()
    if item_id is None:
        raise NotFound(_("There is no such batch."), field="batch_id", code="unknown_batch")
    _locked_item(item_id)
    return Batch.objects.select_related("item__service").get(id=batch_id)


def move(
    hospital_id: UUID,
    batch_id: UUID,
    kind: Kind,
    quantity: Decimal,
    *,
    source_id: UUID,
    actor: Actor,
    at: datetime,
    reason: str = "",
    reference: str = "",
    counted: Decimal | None = None,
) -> StockMovement:
    """Write one movement of a batch whose item is locked; the database brings ``on_hand`` up to date."""
    return StockMovement.objects.create(
        hospital_id=hospital_id,
        batch_id=batch_id,
        kind=kind,
        quantity=quantity,
        counted=counted,
        source_id=source_id,
        reason=reason,
        reference=reference,
        moved_at=at,
        moved_by=actor.name,
    )


def _store(code: str) -> Department:
    store = Department.objects.filter(code=code, is_active=True).first()
    if store is None:
        raise NotFound(
            _("There is no department %(code)r.") % {"code": code}, field="store", code="unknown_department"
        )
    return store


def _medication(code: str) -> Service:
    service = Service.objects.filter(code=code, is_active=True, kind=Service.Kind.MEDICATION).first()
    if service is None:
        raise DomainError(
            _("There is no medication %(code)r in this hospital's catalog.") % {"code": code},
            field="service",
            code="unknown_service",
        )
    return service


def receive(
    hospital_id: UUID,
    *,
    store: str,
    service: str,
    batch_number: str,
    expires_on: date,
    quantity: Decimal,
    idempotency_key: str,
    actor: Actor,
    at: datetime,
    reference: str = "",
) -> StockMovement:
    """Take a delivery of a medication into the store of a department (both by their codes).

    What is received for the first time is managed from then on. ``reference`` is the supplier's: an invoice or
    delivery note. Raises ``DomainError`` for a batch that has expired, or that is known with another expiry.
    """
    actor.require(PERMISSION_STOCK)
    source_id = id_for(hospital_id, "received", idempotency_key)
    number = _check_text(batch_number, "batch_number", MAXIMUM_BATCH_NUMBER, "a batch number")
    check_quantity(quantity, "quantity")
    with transaction(hospital_id):
        department, medication = _store(store), _medication(service)
        StockItem.objects.bulk_create(
            [StockItem(hospital_id=hospital_id, store=department, service=medication)], ignore_conflicts=True
        )
        item = _locked_item(StockItem.objects.values_list("id").get(store=department, service=medication)[0])
        before = StockMovement.objects.select_related("batch").filter(source_id=source_id).first()
        if before is not None:
            _check_same(before, idempotency_key, (item.id, number, expires_on), quantity, reference)
            return before
        if is_expired(expires_on, hospital_today(hospital_id, at)):
            raise DomainError(
                _("This batch has expired: do not take it into stock."),
                field="expires_on",
                code="batch_expired",
            )
        batch = Batch.objects.filter(item=item, number=number).first()
        if batch is None:
            batch = Batch.objects.create(
                hospital_id=hospital_id, item=item, number=number, expires_on=expires_on
            )
        elif batch.expires_on != expires_on:
            raise DomainError(
                _("Batch %(number)s is in stock with the expiry %(expires_on)s. Look at the box again.")
                % {"number": number, "expires_on": batch.expires_on},
                field="expires_on",
                code="batch_expiry_differs",
            )
        moved = move(
            hospital_id,
            batch.id,
            Kind.RECEIVED,
            quantity,
            source_id=source_id,
            actor=actor,
            at=at,
            reference=reference,
        )
        _record("stock.received", batch, actor, at, quantity=plain(quantity), reference=reference)
        return moved


def _check_same(
    before: StockMovement, key: str, batch: tuple[UUID, str, date], quantity: Decimal, reference: str
) -> None:
    known = (before.batch.item_id, before.batch.number, before.batch.expires_on)
    if (known, before.quantity, before.reference) != (batch, quantity, reference):
        raise IdempotencyMismatch(key)


def _record(action: str, batch: Batch, actor: Actor, at: datetime, **data: str) -> None:
    audit.record(
        action, actor=actor, at=at, subject_kind="Batch", subject_id=batch.id, batch=batch.number, **data
    )


def adjust(
    hospital_id: UUID,
    batch_id: UUID,
    *,
    quantity: Decimal,
    reason: str,
    idempotency_key: str,
    actor: Actor,
    at: datetime,
) -> StockMovement:
    """Add to a batch, or (below zero) take from it, for a reason. Raises ``Conflict`` for more than there is."""
    return _change(hospital_id, batch_id, Kind.ADJUSTED, quantity, reason, idempotency_key, actor, at)


def dispose(
    hospital_id: UUID,
    batch_id: UUID,
    *,
    quantity: Decimal,
    reason: str,
    idempotency_key: str,
    actor: Actor,
    at: datetime,
) -> StockMovement:
    """Take a quantity of a batch away for good: expired, broken. Raises ``Conflict`` for more than there is."""
    if quantity <= 0:
        raise DomainError(_("Expected a quantity above zero."), field="quantity", code="invalid_quantity")
    return _change(hospital_id, batch_id, Kind.DISPOSED, -quantity, reason, idempotency_key, actor, at)


def _change(
    hospital_id: UUID,
    batch_id: UUID,
    kind: Kind,
    quantity: Decimal,
    reason: str,
    idempotency_key: str,
    actor: Actor,
    at: datetime,
) -> StockMovement:
    actor.require(PERMISSION_STOCK)
    source_id = id_for(hospital_id, kind.value, idempotency_key)
    reason = _check_text(reason, "reason", MAXIMUM_REASON, "a reason")
    check_quantity(abs(quantity), "quantity")
    with transaction(hospital_id):
        batch = _locked_batch(batch_id)
        before = StockMovement.objects.filter(source_id=source_id).first()
        if before is not None:
            if (before.batch_id, before.quantity, before.reason) != (batch_id, quantity, reason):
                raise IdempotencyMismatch(idempotency_key)
            return before
        if batch.on_hand + quantity < 0:
            raise Conflict(
                _("Only %(on_hand)s of batch %(batch)s are there.")
                % {"on_hand": plain(batch.on_hand), "batch": batch.number},
                field="quantity",
                code="stock_short",
            )
        moved = move(
            hospital_id, batch.id, kind, quantity, source_id=source_id, actor=actor, at=at, reason=reason
        )
        _record(f"stock.{kind.value}", batch, actor, at, quantity=plain(quantity), reason=reason)
        return moved


@dataclass(frozen=True, slots=True)
class CountLine:
    """A batch that was counted: what there should have been when counting began, and what was found."""

    batch_id: UUID
    number: str
    expected: Decimal
    counted: Decimal

    @property
    def difference(self) -> Decimal:
        return self.counted - self.expected


def compare_count(counted: Mapping[UUID, Decimal], *, began_at: datetime) -> list[CountLine]:
    """What ``counted`` (by batch) differs by from what there was when counting began; nothing is written.

    What was received or handed out since then is taken out of the comparison.
    """
    later = {
        row["batch_id"]: row["total"]
        for row in StockMovement.objects.filter(batch__in=list(counted), moved_at__gt=began_at)
        .values("batch_id")
        .annotate(total=Sum("quantity"))
    }
    batches = Batch.objects.filter(id__in=list(counted)).order_by("expires_on", "number")
    return [
        CountLine(batch.id, batch.number, batch.on_hand - later.get(batch.id, Decimal(0)), counted[batch.id])
        for batch in batches
    ]


def count(
    hospital_id: UUID,
    item_id: UUID,
    *,
    counted: Mapping[UUID, Decimal],
    began_at: datetime,
    idempotency_key: str,
    actor: Actor,
    at: datetime,
) -> list[CountLine]:
    """Write down what was counted of an item's batches, by batch, and move what it differs by.

    ``began_at`` is when the counting began: what moved meanwhile is not a difference. Counted again under the
    same key nothing moves. Raises ``Conflict`` when more went out meanwhile than was counted.
    """
    actor.require(PERMISSION_STOCK)
    source_id = id_for(hospital_id, "counted", idempotency_key)
    if not counted:
        raise DomainError(_("Count at least one batch."), field="counted", code="nothing_counted")
    for batch_id, quantity in counted.items():
        if quantity:
            check_quantity(quantity, f"counted[{batch_id}]")
    with transaction(hospital_id):
        item = _locked_item(item_id)
        batches = {batch.id: batch for batch in Batch.objects.filter(item=item)}
        for batch_id in counted:
            if batch_id not in batches:
                raise NotFound(
                    _("There is no such batch of this item."),
                    field=f"counted[{batch_id}]",
                    code="unknown_batch",
                )
        before = {row.batch_id: row for row in StockMovement.objects.filter(source_id=source_id)}
        if before:
            if {batch_id: row.counted for batch_id, row in before.items()} != dict(counted):
                raise IdempotencyMismatch(idempotency_key)
            return [
                CountLine(
                    row.batch_id,
                    batches[row.batch_id].number,
                    counted[row.batch_id] - row.quantity,
                    counted[row.batch_id],
                )
                for row in before.values()
            ]
        lines = compare_count(counted, began_at=began_at)
        for line in lines:
            if batches[line.batch_id].on_hand + line.difference < 0:
                raise Conflict(
                    _("More of batch %(line)s was handed out meanwhile than was counted. Count it again.")
                    % {"line": line.number},
                    field=f"counted[{line.batch_id}]",
                    code="stock_moved_meanwhile",
                )
            move(
                hospital_id,
                line.batch_id,
                Kind.COUNTED,
                line.difference,
                counted=line.counted,
                source_id=source_id,
                actor=actor,
                at=at,
            )
            found = {"expected": plain(line.expected), "counted": plain(line.counted)}
            _record("stock.counted", batches[line.batch_id], actor, at, **found)
        return lines


def correct_expiry(
    hospital_id: UUID, batch_id: UUID, *, expires_on: date, reason: str, actor: Actor, at: datetime
) -> Batch:
    """Write down the expiry that stands on the box, when it was received with another one; audited."""
    actor.require(PERMISSION_STOCK)
    reason = _check_text(reason, "reason", MAXIMUM_REASON, "a reason")
    with transaction(hospital_id):
        batch = _locked_batch(batch_id)
        before, batch.expires_on = batch.expires_on, expires_on
        batch.save(update_fields=["expires_on"])
        dates = {"before": before.isoformat(), "after": expires_on.isoformat()}
        _record("stock.expiry_corrected", batch, actor, at, reason=reason, **dates)
        return batch


def set_minimum(
    hospital_id: UUID, item_id: UUID, *, minimum: Decimal, actor: Actor, at: datetime
) -> StockItem:
    """At or below ``minimum`` the item is low; 0: only when nothing is left."""
    actor.require(PERMISSION_STOCK)
    if minimum:
        check_quantity(minimum, "minimum")
    with transaction(hospital_id):
        item = _locked_item(item_id)
        before, item.minimum = item.minimum, minimum
        item.save(update_fields=["minimum"])
        audit.record(
            "stock.minimum_set",
            actor=actor,
            at=at,
            subject_kind="StockItem",
            subject_id=item.id,
            before=plain(before),
            after=plain(minimum),
        )
        return item
