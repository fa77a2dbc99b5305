"""Reads of the books for rooms that may not touch the ledger's tables."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Sum

from almoner.kernel.tenancy import require_transaction
from almoner.ledger.models import OpenItem, Posting


def open_items(patient_account_id: UUID, *, side: str = "patient") -> dict[UUID, int]:
    """What is open on each charge of an account, in minor units; ``side`` is ``patient`` or ``payer``.

    Needs the hospital's transaction.
    """
    require_transaction()
    field = {"patient": "patient_minor", "payer": "payer_minor"}[side]
    rows = OpenItem.objects.filter(patient_account_id=patient_account_id, **{f"{field}__gt": 0})
    return dict(rows.order_by("id").values_list("id", field))


def account_total(account_code: str) -> int:
    """The balance of a ledger account of the open transaction's hospital: debits less credits, minor units."""
    require_transaction()
    total = Posting.objects.filter(account_code=account_code).aggregate(total=Sum("amount_minor"))["total"]
    return int(total or 0)
