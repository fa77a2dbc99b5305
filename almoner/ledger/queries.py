"""Reads of the books for rooms that may not touch the ledger's tables."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count, Sum

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


@dataclass(frozen=True, slots=True)
class SessionMovement:
    """What one kind of entry moved on one account in a cash session: debits less credits, minor units."""

    kind: str
    account_code: str
    amount_minor: int
    entries: int


def session_movements(cash_session_id: UUID) -> list[SessionMovement]:
    """Everything that was posted in a cash session, by kind of entry and account; one statement.

    Needs the hospital's transaction.
    """
    require_transaction()
    rows = Posting.objects.filter(cash_session_id=cash_session_id).values_list("entry__kind", "account_code")
    summed = rows.annotate(minor=Sum("amount_minor"), entries=Count("entry", distinct=True))
    return [SessionMovement(*row) for row in summed.order_by("entry__kind", "account_code")]
