"""The notes and coins of a currency, and how far a count may be off before somebody must say why."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext as _

from almoner.kernel.errors import DomainError
from almoner.kernel.money import exponent

MAXIMUM_PIECES = 100_000

# In whole units of the currency; what is below one stands in _COINS, in minor units.
_NOTES: dict[str, tuple[int, ...]] = {
    "AUD": (100, 50, 20, 10, 5, 2, 1),
    "BDT": (1000, 500, 200, 100, 50, 20, 10, 5, 2, 1),
    "BRL": (200, 100, 50, 20, 10, 5, 2, 1),
    "CAD": (100, 50, 20, 10, 5, 2, 1),
    "CHF": (1000, 200, 100, 50, 20, 10, 5, 2, 1),
    "EUR": (500, 200, 100, 50, 20, 10, 5, 2, 1),
    "GBP": (50, 20, 10, 5, 2, 1),
    "GHS": (200, 100, 50, 20, 10, 5, 2, 1),
    "INR": (500, 200, 100, 50, 20, 10, 5, 2, 1),
    "JPY": (10000, 5000, 2000, 1000, 500, 100, 50, 10, 5, 1),
    "KES": (1000, 500, 200, 100, 50, 40, 20, 10, 5, 1),
    "MXN": (1000, 500, 200, 100, 50, 20, 10, 5, 2, 1),
    "NGN": (1000, 500, 200, 100, 50, 20, 10, 5, 2, 1),
    "NPR": (1000, 500, 100, 50, 20, 10, 5, 2, 1),
    "PHP": (1000, 500, 200, 100, 50, 20, 10, 5, 1),
    "PKR": (5000, 1000, 500, 100, 75, 50, 20, 10, 5, 2, 1),
    "TZS": (10000, 5000, 2000, 1000, 500, 200, 100, 50),
    "UGX": (50000, 20000, 10000, 5000, 2000, 1000, 500, 200, 100, 50),
    "USD": (100, 50, 20, 10, 5, 2, 1),
    "ZAR": (200, 100, 50, 20, 10, 5, 2, 1),
}
_COINS: dict[str, tuple[int, ...]] = {
    "AUD": (50, 20, 10, 5),
    "BRL": (50, 25, 10, 5, 1),
    "CAD": (25, 10, 5, 1),
    "CHF": (50, 20, 10, 5),
    "EUR": (50, 20, 10, 5, 2, 1),
    "GBP": (50, 20, 10, 5, 2, 1),
    "GHS": (50, 20, 10, 5, 1),
    "INR": (50,),
    "MXN": (50, 20, 10, 5),
    "NGN": (50,),
    "PHP": (25, 10, 5, 1),
    "USD": (50, 25, 10, 5, 1),
    "ZAR": (50, 20, 10),
}
_LADDER = (1000, 500, 200, 100, 50, 20, 10, 5, 2, 1)


def denominations(currency: str) -> tuple[int, ...]:
    """Notes and coins of ``currency`` in minor units, the largest first.

    A currency that has no row of its own is counted by 1, 2, 5 and their tenfolds, down to one minor unit.
    """
    unit: int = 10 ** exponent(currency)
    notes = tuple(note * unit for note in _NOTES.get(currency, _LADDER))
    if currency in _NOTES:
        return notes + _COINS.get(currency, ())
    return notes + tuple(step for step in _LADDER if step < unit)


def explained_from_minor(currency: str) -> int:
    """From which difference on a reason is asked when a drawer is closed: five of the smallest whole note or coin."""
    unit: int = 10 ** exponent(currency)
    return 5 * min(note for note in denominations(currency) if note >= unit)


def worth(count: Mapping[int, int], currency: str) -> int:
    """What ``count`` (pieces by denomination, both whole numbers) comes to, in minor units.

    Raises ``DomainError`` for a denomination that ``currency`` does not have, or an impossible number of pieces.
    """
    known = denominations(currency)
    for denomination, pieces in count.items():
        if denomination not in known:
            raise DomainError(
                _("%(currency)s has no note or coin of %(denomination)s minor units.")
                % {"currency": currency, "denomination": denomination},
                field="count",
                code="unknown_denomination",
            )
        if not 0 <= pieces <= MAXIMUM_PIECES:
            raise DomainError(
                _("A count is between 0 and %(maximum_pieces)s pieces, got %(pieces)s.")
                % {"maximum_pieces": MAXIMUM_PIECES, "pieces": pieces},
                field="count",
                code="invalid_count",
            )
    return sum(denomination * pieces for denomination, pieces in count.items())
