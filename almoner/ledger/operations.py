"""Posting to the books. Entries are never changed: what was wrong is reversed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import orjson
from django.db import connection

from almoner.kernel.ids import new_id
from almoner.kernel.tenancy import require_transaction
from almoner.ledger.chart import CHART
from almoner.ledger.models import LedgerAccount


@dataclass(frozen=True, slots=True)
class Line:
    """One posting: ``amount_minor`` positive to debit ``account``, negative to credit it."""

    account_code: str
    amount_minor: int
    currency: str
    patient_account_id: UUID | None = None
    charge_item_id: UUID | None = None
    payment_id: UUID | None = None
    department_id: UUID | None = None
    service_id: UUID | None = None
    payer_id: UUID | None = None
    cash_session_id: UUID | None = None


def post(
    *,
    kind: str,
    source_id: UUID,
    lines: Iterable[Line],
    occurred_at: datetime,
    posted_at: datetime,
    actor: str,
    reverses_id: UUID | None = None,
) -> UUID:
    """Post one entry and return its id. The database refuses lines that do not balance per currency."""
    hospital_id = require_transaction()
    entry_id = new_id()
    entry = {
        "id": entry_id,
        "kind": kind,
        "source_id": source_id,
        "reverses_id": reverses_id,
        "occurred_at": occurred_at,
        "posted_at": posted_at,
        "actor": actor,
    }
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT ledger_post(%s, %s::json, %s::json)",
            [hospital_id, orjson.dumps(entry).decode(), orjson.dumps(list(lines)).decode()],
        )
    return entry_id


def open_books() -> None:
    """Give the hospital of the open transaction its chart of accounts."""
    hospital_id = require_transaction()
    LedgerAccount.objects.bulk_create(
        [LedgerAccount(hospital_id=hospital_id, **vars(account)) for account in CHART]
    )
