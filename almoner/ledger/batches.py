"""Posting many entries at once, for imports and feeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from django.db import connection

from almoner.kernel.tenancy import require_transaction


def post_many(entries: Sequence[dict[str, Any]], lines: Sequence[dict[str, Any]]) -> None:
    """Post ``entries`` with their ``lines`` in one statement.

    An entry has id, kind, source_id, occurred_at, posted_at and actor; a line has the fields of
    ``ledger.operations.Line`` and the ``entry_id`` it belongs to, amounts in minor units. The database
    refuses an entry that does not balance, and an id that was posted before.
    """
    hospital_id = require_transaction()
    if not entries:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT ledger_post_many(%s, %s::json, %s::json)",
            [hospital_id, orjson.dumps(entries).decode(), orjson.dumps(lines).decode()],
        )
