"""Which batches a prescription is handed out from, with the stock locked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from django.utils.translation import gettext as _

from almoner.catalog.models import Service
from almoner.kernel.errors import Conflict, DomainError
from almoner.service_points.pharmacy.models import Batch, StockItem
from almoner.service_points.pharmacy.operations.shared import hospital_today
from almoner.service_points.pharmacy.rules import Picked, Shelf, is_expired, pick, plain, usable


@dataclass(frozen=True, slots=True)
class Wanted:
    """A quantity of a medication for a line of a prescription; from ``batch_id``, or from what expires first."""

    line: int
    service: Service
    quantity: Decimal
    batch_id: UUID | None = None


def pick_batches(hospital_id: UUID, wanted: Sequence[Wanted], *, at: datetime) -> dict[int, list[Picked]]:
    """The batches that ``wanted`` comes from, by line; none for a medication that is not kept in stock.

    The stock items stay locked until the transaction ends. A medication comes from the store of its own
    department, or else from the first by code, unless a batch is named. Raises ``Conflict`` at the line's field
    when there is not enough that may be handed out, ``DomainError`` for a batch that has expired.
    """
    items = list(
        StockItem.objects.select_for_update(no_key=True, of=("self",))
        .select_related("store")
        .filter(service__in={one.service.id for one in wanted})
        .order_by("id")
    )
    today = hospital_today(hospital_id, at) if items else at.date()
    shelves: dict[UUID, list[Shelf]] = {item.id: [] for item in items}
    for batch in Batch.objects.filter(item__in=shelves, on_hand__gt=0) if items else ():
        shelves[batch.item_id].append(Shelf(batch.id, batch.number, batch.expires_on, batch.on_hand))
    picked = {}
    for one in wanted:
        stores = [item for item in items if item.service_id == one.service.id]
        if one.batch_id is not None:
            known = [shelf for item in stores for shelf in shelves[item.id]]
            parts = [_from_batch(one, one.batch_id, known, today)]
        else:
            parts = _first_to_expire(one, stores, shelves, today)
        picked[one.line] = parts
        taken = {part.batch_id: part.quantity for part in parts}
        for item in stores:
            shelves[item.id] = [
                replace(shelf, on_hand=shelf.on_hand - taken.get(shelf.batch_id, Decimal(0)))
                for shelf in shelves[item.id]
            ]
    return picked


def _first_to_expire(
    one: Wanted, stores: list[StockItem], shelves: dict[UUID, list[Shelf]], today: date
) -> list[Picked]:
    if not stores:
        return []
    own = [item for item in stores if item.store_id == one.service.department_id]
    store = min(own or stores, key=lambda item: item.store.code)
    picked = pick(shelves[store.id], one.quantity, today)
    if picked is None:
        left = usable(shelves[store.id], today)
        raise Conflict(
            _("Only %(left)s of %(service)s are in stock; %(quantity)s were asked for.")
            % {"left": plain(left), "service": one.service.name, "quantity": plain(one.quantity)}
            if left
            else _("%(service)s is out of stock.") % {"service": one.service.name},
            field=f"quantities[{one.line}]",
            code="stock_short",
        )
    return picked


def _from_batch(one: Wanted, batch_id: UUID, known: list[Shelf], today: date) -> Picked:
    field = f"batches[{one.line}]"
    shelf = next((shelf for shelf in known if shelf.batch_id == batch_id), None)
    if shelf is None or not shelf.on_hand:
        raise Conflict(
            _("Nothing is left of this batch of %(service)s. Choose another one.")
            % {"service": one.service.name},
            field=field,
            code="stock_short",
        )
    if is_expired(shelf.expires_on, today):
        raise DomainError(
            _("Batch %(shelf)s expired on %(expires_on)s: it must not be handed out.")
            % {"shelf": shelf.number, "expires_on": shelf.expires_on},
            field=field,
            code="batch_expired",
        )
    if shelf.on_hand < one.quantity:
        raise Conflict(
            _("Only %(on_hand)s of batch %(shelf)s are left.")
            % {"on_hand": plain(shelf.on_hand), "shelf": shelf.number},
            field=field,
            code="stock_short",
        )
    return Picked(batch_id, one.quantity)
