"""Which batches to hand out from, and what the code on a box says: pure, tested as tables."""

from __future__ import annotations

from calendar import monthrange
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


@dataclass(frozen=True, slots=True)
class Scanned:
    """What the code on a box says about its batch."""

    batch_number: str
    expires_on: date | None


_FIXED_LENGTHS = {"01": 14, "02": 14, "11": 6, "13": 6, "15": 6, "17": 6}
_SEPARATOR = "\x1d"


def read_gs1(text: str) -> Scanned | None:
    """Batch and expiry out of a scanned GS1 code (General Specifications, sections 3 and 7.12); None for anything else.

    Read are element strings that begin with a GTIN (01), with the separator FNC1 or in brackets:
    ``01095011015300031726123110AB-12`` or ``(01)09501101530003(17)261231(10)AB-12``. A day of 00 is the last
    of the month.
    """
    text = text.strip().removeprefix("]d2").removeprefix("]C1").lstrip(_SEPARATOR)
    elements = _bracketed(text) if text.startswith("(01)") else _concatenated(text)
    if "10" not in elements or "01" not in elements:
        return None
    return Scanned(elements["10"], _gs1_date(elements.get("17", "")))


def _bracketed(text: str) -> dict[str, str]:
    parts = [part.split(")", 1) for part in text.split("(") if ")" in part]
    return {name: value.strip() for name, value in parts}


def _concatenated(text: str) -> dict[str, str]:
    elements: dict[str, str] = {}
    if not text.startswith("01") or not text[2:16].isdigit() or len(text) < 18:
        return elements
    while len(text) > 2:
        name, text = text[:2], text[2:]
        length = _FIXED_LENGTHS.get(name)
        if length is None:
            value, _, text = text.partition(_SEPARATOR)
        else:
            value, text = text[:length], text[length:].removeprefix(_SEPARATOR)
        elements[name] = value
    return elements


def _gs1_date(text: str) -> date | None:
    if len(text) != 6 or not text.isdigit():
        return None
    year, month, day = 2000 + int(text[:2]), int(text[2:4]), int(text[4:])
    if not 1 <= month <= 12:
        return None
    last = monthrange(year, month)[1]
    return date(year, month, day or last) if day <= last else None
