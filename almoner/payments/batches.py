"""Recording many payments at once, for imports and feeds that have worked out what each one pays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from django.db import connection

from almoner.kernel.actor import Actor
from almoner.kernel.tenancy import require_transaction
from almoner.payments.operations import PERMISSION_RECORD


def record_many(
    payments: Sequence[dict[str, Any]], allocations: Sequence[dict[str, Any]], *, actor: Actor
) -> None:
    """Record ``payments`` in their order with ``allocations``, or none of them.

    The fields are those of ``payments/sql/record_many.sql``, amounts in minor units; what is not allocated
    is held unallocated, receipts are numbered in the order given. The database refuses a payment that was
    recorded before, and more for a charge than is open on it. Needs the hospital's transaction.
    """
    actor.require(PERMISSION_RECORD)
    hospital_id = require_transaction()
    if not payments:
        return
    numbered = [{"ordinal": ordinal, **payment} for ordinal, payment in enumerate(payments)]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT payments_record_many(%s, %s::json, %s::json)",
            [hospital_id, orjson.dumps(numbered).decode(), orjson.dumps(allocations).decode()],
        )
