"""Which batches to hand out from: pure, tested as a table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

NEAR_EXPIRY_DAYS = 90
"""A batch that expires within so many days is pointed out."""


def plain(quantity: Decimal) -> str:
    """A quantity without trailing zeros."""
    return f"{quantity.normalize():f}" if quantity else "0"


@dataclass(frozen=True, slots=True)
class Shelf:
    """A batch and how much of it there is."""

    batch_id: UUID
    number: str
    expires_on: date
    on_hand: Decimal


@dataclass(frozen=True, slots=True)
class Picked:
    """A quantity out of a batch."""

    batch_id: UUID
    quantity: Decimal


def is_expired(expires_on: date, today: date) -> bool:
    """Whether a batch may not be handed out any more; on the day itself it still may."""
    return expires_on < today


def is_near_expiry(expires_on: date, today: date) -> bool:
    """Whether a batch that is still good expires within ``NEAR_EXPIRY_DAYS``."""
    return today <= expires_on <= today + timedelta(days=NEAR_EXPIRY_DAYS)


def usable(shelves: Iterable[Shelf], today: date) -> Decimal:
    """How much of ``shelves`` may be handed out."""
    return sum(
        (shelf.on_hand for shelf in shelves if not is_expired(shelf.expires_on, today)), start=Decimal(0)
    )


def pick(shelves: Iterable[Shelf], quantity: Decimal, today: date) -> list[Picked] | None:
    """``quantity`` out of what expires first, never out of what has expired; None when there is not enough."""
    picked = []
    for shelf in sorted(shelves, key=lambda shelf: (shelf.expires_on, shelf.number)):
        taken = min(quantity, shelf.on_hand)
        if taken <= 0 or is_expired(shelf.expires_on, today):
            continue
        picked.append(Picked(shelf.batch_id, taken))
        quantity -= taken
    return None if quantity > 0 else picked
