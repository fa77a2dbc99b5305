"""Amounts as people type them at this hospital: its decimal sign, its grouping, its currency sign, any digits."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from babel.numbers import get_currency_symbol, get_decimal_symbol, get_group_symbol
from django.utils.translation import gettext as _

from almoner.kernel.money import InvalidAmount, Money, parse_minor

_LOCALE: ContextVar[str] = ContextVar("locale of amounts", default="en_US")


@contextmanager
def amounts_as(locale: str) -> Iterator[None]:
    """While this is open, forms read and show amounts as ``locale`` (``es_ES``) writes them."""
    token = _LOCALE.set(locale)
    try:
        yield
    finally:
        _LOCALE.reset(token)


def read_amount(text: str, currency: str) -> int:
    """Minor units of what was typed: ``1.234,50`` is 123450 where the comma is decimal, ``१,२३४.५०`` in India.

    A point before other than three digits is decimal everywhere: ``75.00`` is never 7500. Raises
    ``InvalidAmount``, with an example as this hospital writes it.
    """
    locale = _LOCALE.get()
    english = _in_english(text.strip(), currency, locale)
    try:
        return parse_minor(english, currency)
    except InvalidAmount as error:
        if english == text.strip() and locale.startswith("en"):
            raise
        raise InvalidAmount(
            _("Expected an amount such as %(example)s, got %(text)r.")
            % {"example": Money(1_234_50, currency).format(locale), "text": text}
        ) from error


def write_amount(minor: int, currency: str) -> str:
    """What a field shows for ``minor`` units: no sign, no grouping, the decimal sign of the hospital."""
    return Money(minor, currency).plain().replace(".", get_decimal_symbol(_LOCALE.get()))


def _in_english(text: str, currency: str, locale: str) -> str:
    text = "".join(str(unicodedata.digit(sign)) if sign.isdecimal() else sign for sign in text)
    symbol = get_currency_symbol(currency, locale=locale)
    text = text.removeprefix(symbol).removesuffix(symbol).strip()
    decimal, group = get_decimal_symbol(locale), get_group_symbol(locale)
    if group.isspace():
        text, group = re.sub(r"(?<=\d)\s(?=\d{3})", "." if decimal == "," else ",", text), "."
    if decimal != ",":
        return text.replace(group, ",") if group != decimal else text
    whole, comma, fraction = text.rpartition(",")
    if comma:
        return f"{whole.replace(group, ',')}.{fraction}"
    return text.replace(".", ",") if re.search(r"^\D*\d{1,3}(\.\d{3})+\D*$", text) else text
