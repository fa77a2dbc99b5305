"""Fulfilled charges become revenue."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import connection

from almoner.charging.book import known_book, read_book
from almoner.charging.models import ChargeItem
from almoner.charging.rules import DUE_FROM_DELIVERY, due_at
from almoner.kernel.actor import Actor
from almoner.kernel.ids import new_id
from almoner.kernel.tenancy import require_transaction


def deliver(
    item_ids: Iterable[UUID], *, source_id: UUID, occurred_at: datetime, actor: Actor, at: datetime
) -> list[UUID]:
    """Mark charges as delivered and recognise their revenue; those delivered before stay as they are.

    ``source_id`` is the event that fulfilled them. Charges that are asked for during or after their service
    fall due counted from ``occurred_at``. Returns the items that were delivered now.
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
        delivered = [row[0] for row in cursor.fetchall()]
    _fall_due(hospital_id, delivered, occurred_at)
    return delivered


def _fall_due(hospital_id: UUID, delivered: list[UUID], occurred_at: datetime) -> None:
    """Date the charges among ``delivered`` that are asked for once they were given (section 4.2)."""
    book = known_book(hospital_id) or read_book(hospital_id)
    late = {
        service.id: service.payment_timing
        for service in book.prices.services.values()
        if service.charge_timing in DUE_FROM_DELIVERY
    }
    if not late:
        return
    items = list(ChargeItem.objects.filter(id__in=delivered, service_id__in=late))
    for item in items:
        item.due_at = due_at(late[item.service_id], book.billing_cycle, occurred_at, book.time_zone)
    ChargeItem.objects.bulk_update(items, ["due_at"])
