"""What the rows of a charge line move, one after the other: pure, amounts in minor units.

What a row can take depends on what the rows before it left open. Nothing is refused: a transfer moves at
most what is open on the side it comes from, and what a payment has above its charge stays unallocated.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(slots=True)
class Item:
    """A charge item: where its postings go, and what is open on it."""

    id: UUID
    patient_account_id: UUID
    department_id: UUID | None
    service_id: UUID
    currency: str
    patient_open: int
    payer_open: int


@dataclass(slots=True)
class Movements:
    """What a batch of rows comes to: entries with their lines, payments with their allocations."""

    actor: str
    at: datetime
    entries: list[dict[str, Any]] = field(default_factory=list)
    lines: list[dict[str, Any]] = field(default_factory=list)
    payments: list[dict[str, Any]] = field(default_factory=list)
    allocations: list[dict[str, Any]] = field(default_factory=list)

    def take_over(
        self, item: Item, amount: int, entry_id: UUID, payer_id: UUID, happened_at: datetime
    ) -> int:
        """The payer takes over what the patient owes, at most ``amount``; returns what moved."""
        return self._transfer(item, min(amount, item.patient_open), entry_id, payer_id, happened_at)

    def hand_back(
        self, item: Item, amount: int, entry_id: UUID, payer_id: UUID, happened_at: datetime
    ) -> int:
        """The payer's share goes back to the patient, at most ``amount``; returns what moved."""
        return -self._transfer(item, -min(amount, item.payer_open), entry_id, payer_id, happened_at)

    def adjust(
        self, item: Item, amount: int, entry_id: UUID, payer_id: UUID | None, happened_at: datetime
    ) -> int:
        """An agreed reduction, the payer's part first, at most ``amount``; returns what was reduced."""
        from_payer = min(amount, item.payer_open)
        from_patient = min(amount - from_payer, item.patient_open)
        if not from_payer + from_patient:
            return 0
        self._enter("charge.adjusted", item, entry_id, happened_at)
        self._line(item, entry_id, "contractual_adjustment", from_payer + from_patient, payer_id)
        self._line(item, entry_id, "payer_receivable", -from_payer, payer_id)
        self._line(item, entry_id, "patient_receivable", -from_patient, payer_id)
        item.payer_open -= from_payer
        item.patient_open -= from_patient
        return from_payer + from_patient

    def pay(
        self, item: Item, payment: dict[str, Any], handover_entry_id: UUID, payer_id: UUID | None
    ) -> None:
        """A payment for the item, of the payer when ``payment['payer_id']`` is set, else of the patient.

        A side that pays more than its part takes over from the other first (a co-pay on a charge that is
        with ``payer_id``): that is ``handover_entry_id``.
        """
        amount, happened_at = payment["amount_minor"], payment["received_at"]
        by_payer = payment["payer_id"] is not None
        if payer_id is not None and by_payer:
            self.take_over(item, max(amount - item.payer_open, 0), handover_entry_id, payer_id, happened_at)
        elif payer_id is not None:
            self.hand_back(item, max(amount - item.patient_open, 0), handover_entry_id, payer_id, happened_at)
        self.payments.append(payment)
        share = min(amount, item.payer_open if by_payer else item.patient_open)
        if not share:
            return
        self.allocations.append(
            {
                "payment_id": payment["id"],
                "charge_item_id": item.id,
                "amount_minor": share,
                "department_id": item.department_id,
                "service_id": item.service_id,
            }
        )
        if by_payer:
            item.payer_open -= share
        else:
            item.patient_open -= share

    def _transfer(
        self, item: Item, amount: int, entry_id: UUID, payer_id: UUID, happened_at: datetime
    ) -> int:
        """``amount`` to the payer, or back to the patient when it is negative."""
        if amount:
            self._enter("charge.transferred", item, entry_id, happened_at)
            self._line(item, entry_id, "payer_receivable", amount, payer_id)
            self._line(item, entry_id, "patient_receivable", -amount, payer_id)
            item.payer_open += amount
            item.patient_open -= amount
        return amount

    def _enter(self, kind: str, item: Item, entry_id: UUID, happened_at: datetime) -> None:
        self.entries.append(
            {
                "id": entry_id,
                "kind": kind,
                "source_id": item.id,
                "occurred_at": happened_at,
                "posted_at": self.at,
                "actor": self.actor,
            }
        )

    def _line(
        self, item: Item, entry_id: UUID, account_code: str, amount: int, payer_id: UUID | None
    ) -> None:
        if amount:
            self.lines.append(
                {
                    "entry_id": entry_id,
                    "account_code": account_code,
                    "amount_minor": amount,
                    "currency": item.currency,
                    "patient_account_id": item.patient_account_id,
                    "charge_item_id": item.id,
                    "department_id": item.department_id,
                    "service_id": item.service_id,
                    "payer_id": payer_id,
                }
            )
