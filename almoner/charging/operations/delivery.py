"""Fulfilled charges become revenue."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import connection

from almoner.kernel.actor import Actor
from almoner.kernel.ids import new_id
from almoner.kernel.tenancy import require_transaction


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
