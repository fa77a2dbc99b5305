"""What is in stock: the list, one item with its batches, what moved."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Q
from django.utils.translation import gettext as _

from almoner.catalog.models import Service
from almoner.hospitals.models import Department
from almoner.kernel.errors import NotFound
from almoner.kernel.tenancy import require_transaction
from almoner.service_points.pharmacy.models import Batch, StockItem, StockMovement
from almoner.service_points.pharmacy.rules import NEAR_EXPIRY_DAYS

MAXIMUM_ITEMS = 300
MAXIMUM_MOVEMENTS = 200
SHOWN = ("low", "near", "expired")
"""Ways to look at the list besides all of it."""


@dataclass(frozen=True, slots=True)
class StockLine:
    """A medication in a store. ``usable`` is what may be handed out, ``expired`` what may not any more.

    ``expires_first`` is the first expiry of what may be handed out; ``near_expiry`` how much of it is near.
    """

    item_id: UUID
    store_code: str
    store: str
    service_code: str
    service: str
    minimum: Decimal
    usable: Decimal
    expired: Decimal
    near_expiry: Decimal
    expires_first: date | None

    @property
    def is_low(self) -> bool:
        return self.usable <= self.minimum


_STOCK = """
SELECT * FROM (
SELECT item.id, store.code AS store_code, store.name AS store, service.code, service.name, item.minimum,
       coalesce(sum(batch.on_hand) FILTER (WHERE batch.expires_on >= %(today)s), 0) AS usable,
       coalesce(sum(batch.on_hand) FILTER (WHERE batch.expires_on < %(today)s), 0) AS expired,
       coalesce(sum(batch.on_hand) FILTER (WHERE batch.expires_on >= %(today)s
                                             AND batch.expires_on <= %(today)s::date + %(near)s), 0) AS near_expiry,
       min(batch.expires_on) FILTER (WHERE batch.on_hand > 0 AND batch.expires_on >= %(today)s)
FROM pharmacy_stockitem AS item
JOIN catalog_service AS service ON service.hospital_id = %(hospital)s AND service.id = item.service_id
JOIN hospitals_department AS store ON store.hospital_id = %(hospital)s AND store.id = item.store_id
LEFT JOIN pharmacy_batch AS batch ON batch.hospital_id = %(hospital)s AND batch.item_id = item.id
WHERE item.hospital_id = %(hospital)s
  AND (%(item)s::uuid IS NULL OR item.id = %(item)s)
  AND (%(words)s = '' OR service.name ILIKE %(like)s OR service.code ILIKE %(like)s OR EXISTS (
      SELECT FROM pharmacy_batch AS b
      WHERE b.hospital_id = %(hospital)s AND b.item_id = item.id AND b.number ILIKE %(like)s))
GROUP BY item.id, store.code, store.name, service.code, service.name, item.minimum
) AS line
WHERE CASE %(show)s WHEN 'low' THEN usable <= minimum WHEN 'near' THEN near_expiry > 0
      WHEN 'expired' THEN expired > 0 ELSE true END
ORDER BY name, store, id
LIMIT %(limit)s
"""


def stock_list(
    *, today: date, words: str = "", show: str = "", item_id: UUID | None = None
) -> list[StockLine]:
    """What the stores keep, by name; with ``words`` what has them in its name, code or a batch number;
    ``show`` one of ``SHOWN``: only those.

    One statement, at most ``MAXIMUM_ITEMS`` lines.
    """
    escaped = words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    parameters: dict[str, Any] = {
        "hospital": require_transaction(),
        "today": today,
        "near": NEAR_EXPIRY_DAYS,
        "words": words,
        "like": f"%{escaped}%",
        "show": show,
        "item": item_id,
        "limit": MAXIMUM_ITEMS,
    }
    with connection.cursor() as cursor:
        cursor.execute(_STOCK, parameters)
        return [StockLine(*row) for row in cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class StockFile:
    """A stock item with its batches, those that expire first first, and its movements, the latest first."""

    line: StockLine
    batches: tuple[Batch, ...]
    movements: tuple[StockMovement, ...]


def stock_file(item_id: UUID, *, today: date) -> StockFile:
    """One item with all that is known of it; three statements. Raises ``NotFound``."""
    found = stock_list(today=today, item_id=item_id)
    if not found:
        raise NotFound(_("There is no such stock item."), field="item_id", code="unknown_stock_item")
    movements = StockMovement.objects.select_related("batch").filter(batch__item=item_id)
    return StockFile(
        line=found[0],
        batches=tuple(Batch.objects.filter(item=item_id).order_by("expires_on", "number")),
        movements=tuple(movements.order_by("-moved_at", "-id")[:MAXIMUM_MOVEMENTS]),
    )


def batch_file(batch_id: UUID) -> Batch:
    """A batch with its item and medication. Raises ``NotFound``."""
    batch = Batch.objects.select_related("item__service", "item__store").filter(id=batch_id).first()
    if batch is None:
        raise NotFound(_("There is no such batch."), field="batch_id", code="unknown_batch")
    return batch


def stores() -> list[tuple[str, str]]:
    """Code and name of the departments that may keep a store: pharmacies, and those that keep something."""
    keeping = StockItem.objects.values("store")
    rows = Department.objects.filter(Q(kind=Department.Kind.PHARMACY) | Q(id__in=keeping), is_active=True)
    return list(rows.order_by("name").values_list("code", "name"))


def medications() -> list[tuple[str, str]]:
    """Code and name of every medication of the catalog."""
    rows = Service.objects.filter(kind=Service.Kind.MEDICATION, is_active=True)
    return list(rows.order_by("name").values_list("code", "name"))
