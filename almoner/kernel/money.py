"""Money: an integer count of minor units and an ISO 4217 currency. No floats, here or on the wire."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import cache

from babel.core import Locale, get_global
from babel.numbers import format_currency, get_currency_precision
from django.utils.translation import gettext as _

from almoner.kernel.errors import DomainError

# Commas only where thousands are told apart (1,200 or 1,00,000): "12,34" may be meant as 12.34.
_AMOUNT = re.compile(
    r"^(?P<sign>-?)(?P<symbol>[^\d\s.,-]{0,4})\s*"
    r"(?P<whole>\d+|\d{1,3}(?:,\d{2,3})*,\d{3})(?:\.(?P<fraction>\d+))?\s*(?P<code>[A-Z]{3})?$",
    re.ASCII,
)
_MAXIMUM_DIGITS = 15


class InvalidAmount(DomainError):
    code = "invalid_amount"


@cache
def is_currency(code: str) -> bool:
    """Whether ``code`` is an ISO 4217 currency known to the Unicode CLDR."""
    return code in get_global("all_currencies")


@cache
def exponent(currency: str) -> int:
    """Digits after the point in ``currency``: 2 for USD, 0 for JPY, 3 for KWD."""
    return int(get_currency_precision(currency))


@cache
def _symbols(currency: str) -> frozenset[str]:
    symbol = Locale("en").currency_symbols.get(currency, currency)
    return frozenset({"", currency, symbol, symbol.removeprefix("US")})


def round_half_up(value: Decimal, step: int = 1) -> int:
    """The multiple of ``step`` nearest to ``value``; a half goes away from zero."""
    return int((value / step).quantize(Decimal(1), rounding=ROUND_HALF_UP)) * step


def parse_minor(text: str | int, currency: str) -> int:
    """Minor units of an amount written by a person: ``"$75"`` gives 7500 for USD, ``75`` as well.

    Raises ``InvalidAmount`` for anything that is not an amount of ``currency``, or has more digits
    after the point than the currency knows. Booleans and floats are not amounts.
    """
    if isinstance(text, bool) or not isinstance(text, str | int):
        raise InvalidAmount(_("Expected an amount such as 75 or $75.00, got %(text)r.") % {"text": text})
    if isinstance(text, int) and abs(text) >= 10**_MAXIMUM_DIGITS:
        raise InvalidAmount(_("The number is too large to be a price."))
    match = _AMOUNT.match(str(text).strip())
    if match is None:
        raise InvalidAmount(_("Expected an amount such as 75 or $75.00, got %(text)r.") % {"text": str(text)})
    if match["symbol"] not in _symbols(currency) or match["code"] not in (None, currency):
        raise InvalidAmount(
            _("Expected an amount in %(currency)s, got %(text)r.") % {"currency": currency, "text": str(text)}
        )
    places = exponent(currency)
    fraction = (match["fraction"] or "").rstrip("0")
    if len(fraction) > places:
        raise InvalidAmount(
            _("%(currency)s has %(places)s decimal places, got %(text)r.")
            % {"currency": currency, "places": places, "text": str(text)}
        )
    digits = match["whole"].replace(",", "") + fraction.ljust(places, "0")
    if len(digits.lstrip("0")) > _MAXIMUM_DIGITS:
        raise InvalidAmount(_("%(text)r is too large to be a price.") % {"text": str(text)})
    return -int(digits) if match["sign"] else int(digits)


@dataclass(frozen=True, slots=True)
class Money:
    """An amount: ``minor`` units of ``currency``."""

    minor: int
    currency: str

    def __str__(self) -> str:
        return self.format()

    def format(self, locale: str = "en_US") -> str:
        """The amount as people write it: ``$75.00``, ``-$3.50``, ``¥1,200``."""
        return format_currency(
            Decimal(self.minor).scaleb(-exponent(self.currency)), self.currency, locale=locale
        )

    def plain(self) -> str:
        """The amount without symbol, as files carry it: ``75.00``."""
        return f"{Decimal(self.minor).scaleb(-exponent(self.currency)):f}"
