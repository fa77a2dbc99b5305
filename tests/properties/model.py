"""What the books should come to, kept as plainly as possible: a few numbers per charge and payment."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

# What one piece costs, tax included, at the hospital of ``tests.support.hospital``.
NET = {
    "consultation": 7500,
    "blood_count": 3000,
    "amoxicillin": 50,
    "bandage": 1100,
    "vitamins": 1100,
    "unlisted": None,
}


@dataclass
class Charge:
    """A charge item of an event of ``kind``: what the patient and the payer still owe on it."""

    id: UUID
    account_id: UUID
    kind: str
    service: str
    net: int | None
    delivered: bool
    status: str = "billable"
    patient: int = 0
    payer: int = 0

    @property
    def is_untouched(self) -> bool:
        return self.patient == self.net


@dataclass
class Payment:
    """A payment: what it holds, and what it gave to which charge."""

    id: UUID
    account_id: UUID
    amount: int
    held: int
    by_payer: bool = False
    given: dict[UUID, int] = field(default_factory=dict)
    is_void: bool = False
    refunded: int = 0

    @property
    def refundable(self) -> int:
        return self.held + sum(self.given.values())


@dataclass
class Books:
    """All charges and payments; ids are in order of time, and all charges are of one day."""

    charges: dict[UUID, Charge] = field(default_factory=dict)
    payments: dict[UUID, Payment] = field(default_factory=dict)

    def open_charges(self, account_id: UUID, *, by_payer: bool = False) -> list[Charge]:
        """Oldest first, as payments without shares settle them."""
        return sorted(
            (
                charge
                for charge in self.charges.values()
                if charge.account_id == account_id and (charge.payer if by_payer else charge.patient) > 0
            ),
            key=lambda charge: charge.id,
        )

    def give(self, payment: Payment, charge: Charge, amount: int) -> None:
        """Allocate (or, below zero, take back) a part of ``payment``, which must hold it."""
        payment.held -= amount
        payment.given[charge.id] = payment.given.get(charge.id, 0) + amount
        if not payment.given[charge.id]:
            del payment.given[charge.id]
        if payment.by_payer:
            charge.payer -= amount
        else:
            charge.patient -= amount

    def give_oldest_first(self, payment: Payment) -> None:
        for charge in self.open_charges(payment.account_id, by_payer=payment.by_payer):
            part = min(payment.held, charge.payer if payment.by_payer else charge.patient)
            if part:
                self.give(payment, charge, part)

    def apply_deposits(self, account_id: UUID, maximum: int) -> int:
        """Oldest deposit to oldest charge, at most ``maximum`` in all; what was given."""
        deposits = [
            payment
            for payment in sorted(self.payments.values(), key=lambda payment: payment.id)
            if payment.account_id == account_id and payment.held and not payment.by_payer
        ]
        left = maximum
        for charge in self.open_charges(account_id):
            for payment in deposits:
                part = min(charge.patient, payment.held, left)
                if part:
                    self.give(payment, charge, part)
                    left -= part
        return maximum - left

    def refund(self, payment: Payment, amount: int) -> None:
        """First what is held, then the latest charges are reopened."""
        rest = amount - min(amount, payment.held)
        for charge_id in sorted(payment.given, reverse=True):
            part = min(rest, payment.given[charge_id])
            if part:
                self.give(payment, self.charges[charge_id], -part)
                rest -= part
        payment.held -= amount
        payment.refunded += amount

    def balance(self, account_id: UUID) -> tuple[int, int, int]:
        """Receivable from the patient, receivable from payers, deposits."""
        mine = [charge for charge in self.charges.values() if charge.account_id == account_id]
        return (
            sum(charge.patient for charge in mine),
            sum(charge.payer for charge in mine),
            sum(payment.held for payment in self.payments.values() if payment.account_id == account_id),
        )
