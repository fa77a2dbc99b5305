"""A sentence that was decided in one language and is read in others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext, override

from almoner.kernel.money import Money


@dataclass(frozen=True, slots=True)
class Sentence:
    """``text`` in English, marked with ``gettext_noop``, and what stands in its places (``%(amount)s``).

    A value may be a ``Money`` or a sentence itself.
    """

    text: str
    values: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def read(self, locale: str = "en_US") -> str:
        """The sentence in the reader's language, its amounts as ``locale`` writes them."""
        told = gettext(self.text)
        if not self.values:
            return told
        return told % {name: _read(value, locale) for name, value in self.values.items()}

    def in_english(self) -> str:
        """What is stored: it must not depend on who asked."""
        with override("en"):
            return self.read()


def _read(value: Any, locale: str) -> str:
    if isinstance(value, Money):
        return value.format(locale)
    return value.read(locale) if isinstance(value, Sentence) else str(value)
