"""A sentence that was decided in one language and is read in others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.utils.translation import gettext, override

from almoner.kernel.money import Money


def write_plainly(value: Money | datetime) -> str:
    """``$75.00``, and ``2026-03-09 12:00 UTC``: as programs and records read it."""
    return value.format() if isinstance(value, Money) else f"{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


@dataclass(frozen=True, slots=True)
class Sentence:
    """``text`` in English, marked with ``gettext_noop``, and what stands in its places (``%(amount)s``).

    A value may be a ``Money``, an aware ``datetime`` or a sentence itself.
    """

    text: str
    values: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def read(self, write: Callable[[Money | datetime], str] = write_plainly) -> str:
        """The sentence in the reader's language, its amounts and moments as ``write`` writes them."""
        told = gettext(self.text)
        if not self.values:
            return told
        return told % {name: _read(value, write) for name, value in self.values.items()}

    def in_english(self) -> str:
        """What is stored: it must not depend on who asked."""
        with override("en"):
            return self.read()


def _read(value: Any, write: Callable[[Money | datetime], str]) -> str:
    if isinstance(value, Money | datetime):
        return write(value)
    return value.read(write) if isinstance(value, Sentence) else str(value)
