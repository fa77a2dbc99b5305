"""The kinds of values that a hospital file holds: how each is read, and how the JSON Schema says it.

A reader takes what ``reading`` found (``Plain``, ``Quoted``, a list, a dict or None) and gives a Python
value, or raises ``ValueError`` with a sentence that begins with what was expected.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from functools import cache
from typing import Annotated, Any
from zoneinfo import ZoneInfo, available_timezones

from babel.core import Locale, UnknownLocaleError
from pydantic_core import core_schema

from almoner.interop.hospital_file.problems import suggestion
from almoner.interop.hospital_file.reading import Quoted
from almoner.kernel.money import is_currency

MAXIMUM_GRACE_DAYS = 30
_WORDS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_CODE = re.compile(r"[-a-zA-Z0-9_]+")
_AMOUNT_PATTERN = r"^[^0-9\s.,-]{0,4}\s*([0-9]+|[0-9]{1,3}(,[0-9]{2,3})*,[0-9]{3})(\.[0-9]+)?\s*([A-Z]{3})?$"
_RULE_CODE = re.compile(r"[-a-zA-Z0-9_.]+")
_CONDITION = re.compile(r"([-a-zA-Z0-9_]+|[a-zA-Z][0-9][0-9a-zA-Z]\.[0-9a-zA-Z]{1,4})")


@dataclass(frozen=True, slots=True)
class Reads:
    """A pydantic annotation: read a value with ``read``, describe it with ``schema``."""

    read: Callable[[Any], Any]
    schema: dict[str, Any]

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        return dict(self.schema)

    def __hash__(self) -> int:
        return id(self)


def show(value: Any) -> str:
    """What was found, for a sentence."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a block of keys"
    if isinstance(value, list):
        return "a list"
    text = str(value)
    return repr(text if len(text) <= 60 else text[:57] + "...")


def _scalar(value: Any, expected: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"Expected {expected}, got {show(value)}.")
    return str(value)


def text_of(maximum: int) -> Reads:
    """Printable text of 1 to ``maximum`` characters. Numbers count as text, unquoted true and false do not."""
    expected = f"text of 1 to {maximum} characters"

    def read(value: Any) -> str:
        text = _scalar(value, expected)
        if not isinstance(value, Quoted) and text in _WORDS:
            raise ValueError(f"Expected {expected}, got {text} (put it in quotes if that is the text).")
        if not text.strip() or len(text) > maximum:
            raise ValueError(f"Expected {expected}, got {len(text)} characters.")
        if not text.isprintable():
            raise ValueError(f"Expected {expected} on one line, got {show(value)}.")
        return text

    return Reads(read, {"type": ["string", "number"], "minLength": 1, "maxLength": maximum})


def code_of(maximum: int, pattern: re.Pattern[str] = _CODE) -> Reads:
    """A code: letters, digits, ``_`` and ``-`` (and ``.`` for rules, and in the codes of ICD-10)."""
    more = {_RULE_CODE: " and .", _CONDITION: ", or a code of ICD-10 such as I21.9"}
    characters = "letters, digits, _ and -" + more.get(pattern, "")
    expected = f"a code of 1 to {maximum} {characters}"

    def read(value: Any) -> str:
        text = _scalar(value, expected)
        if len(text) > maximum or not pattern.fullmatch(text):
            raise ValueError(f"Expected {expected}, got {show(value)}.")
        return text

    schema = {"type": ["string", "integer"], "maxLength": maximum, "pattern": f"^{pattern.pattern}$"}
    return Reads(read, schema)


def one_of(*words: str) -> Reads:
    """One of ``words``, spelled exactly so."""

    def read(value: Any) -> str:
        text = _scalar(value, f"one of {', '.join(words)}")
        if text not in words:
            raise ValueError(
                f"Expected one of {', '.join(words)}, got {show(value)}.{suggestion(text, words)}"
            )
        return text

    return Reads(read, {"enum": list(words)})


def _read_switch(value: Any) -> bool:
    if isinstance(value, Quoted) or not isinstance(value, str) or value not in _WORDS:
        raise ValueError(f"Expected true or false (without quotes), got {show(value)}.")
    return _WORDS[value]


def switch_or(*words: str) -> Reads:
    """true, false, or one of ``words``."""
    expected = ", ".join(["true", "false", *words])

    def read(value: Any) -> bool | str:
        text = _scalar(value, f"one of {expected}")
        if not isinstance(value, Quoted) and text in _WORDS:
            return _WORDS[text]
        if text in words:
            return text
        raise ValueError(f"Expected one of {expected}, got {show(value)}.{suggestion(text, words)}")

    return Reads(read, {"enum": [True, False, *words]})


def whole_of(low: int, high: int, unit: str = "") -> Reads:
    """A whole number from ``low`` to ``high``; with ``unit`` (``days``) it may be followed by that word."""
    expected = f"a whole number from {low} to {high}" + (f" ({unit})" if unit else "")
    written = re.compile(rf"(-?\d{{1,15}})(?:\s*{unit.removesuffix('s')}s?)?" if unit else r"(-?\d{1,15})")

    def read(value: Any) -> int:
        match = written.fullmatch(_scalar(value, expected))
        if match is None or not low <= int(match[1]) <= high:
            raise ValueError(f"Expected {expected}, got {show(value)}.")
        return int(match[1])

    number = {"type": "integer", "minimum": low, "maximum": high}
    if not unit:
        return Reads(read, number)
    words = {"type": "string", "pattern": rf"^[0-9]+\s*({unit.removesuffix('s')}s?)?$"}
    return Reads(read, {"anyOf": [number, words]})


def _read_amount(value: Any) -> str:
    text = _scalar(value, "an amount such as 75 or $75.00")
    if not any(character.isdigit() for character in text):
        raise ValueError(f"Expected an amount such as 75 or $75.00, got {show(value)}.")
    return text


def _read_percent(value: Any) -> Decimal:
    expected = "a percentage from 0 to 100 with at most four decimals"
    text = _scalar(value, expected).removesuffix("%").strip()
    if not re.fullmatch(r"\d{1,3}(\.\d{1,4})?", text) or Decimal(text) > 100:
        raise ValueError(f"Expected {expected}, got {show(value)}.")
    return Decimal(text)


def _read_number(value: Any) -> Decimal:
    expected = "a number with at most four decimals"
    text = _scalar(value, expected)
    if not re.fullmatch(r"-?\d{1,10}(\.\d{1,4})?", text):
        raise ValueError(f"Expected {expected}, got {show(value)}.")
    return Decimal(text)


def _read_age(value: Any) -> int:
    expected = "an age such as 12 years or 18 months"
    match = re.fullmatch(r"(\d{1,4})\s*(year|month)s?", _scalar(value, expected))
    if match is None or int(match[1]) > (150 if match[2] == "year" else 1800):
        raise ValueError(f"Expected {expected}, got {show(value)}.")
    return int(match[1]) * (12 if match[2] == "year" else 1)


def _read_day(value: Any) -> date:
    text = _scalar(value, "a date such as 2026-01-31")
    try:
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            raise ValueError
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"Expected a date such as 2026-01-31, got {show(value)}.") from None


def _read_clock(value: Any) -> time:
    expected = "a time of the day such as 21:00"
    text = _scalar(value, expected)
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text, re.ASCII):
        raise ValueError(f"Expected {expected}, got {show(value)}.")
    return time.fromisoformat(text)


def paragraphs_of(maximum: int) -> Reads:
    """Text of 1 to ``maximum`` characters, on as many lines as it likes."""
    expected = f"text of 1 to {maximum} characters"

    def read(value: Any) -> str:
        text = _scalar(value, expected)
        if not text.strip() or len(text) > maximum:
            raise ValueError(f"Expected {expected}, got {len(text)} characters.")
        return text

    return Reads(read, {"type": "string", "minLength": 1, "maxLength": maximum})


def _read_currency(value: Any) -> str:
    text = _scalar(value, "an ISO 4217 currency such as USD")
    if not is_currency(text):
        raise ValueError(f"Expected an ISO 4217 currency such as USD, got {show(value)}.")
    return text


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _read_time_zone(value: Any) -> str:
    text = _scalar(value, "a time zone such as America/New_York")
    if text not in _zones():
        raise ValueError(
            f"Expected a time zone such as America/New_York, got {show(value)}.{suggestion(text, _zones())}"
        )
    return ZoneInfo(text).key


def _read_locale(value: Any) -> str:
    text = _scalar(value, "a locale such as en_US")
    try:
        Locale.parse(text)
    except (UnknownLocaleError, ValueError):
        raise ValueError(f"Expected a locale such as en_US, got {show(value)}.") from None
    return text


Switch = Annotated[bool, Reads(_read_switch, {"type": "boolean"})]
Amount = Annotated[
    str,
    Reads(
        _read_amount,
        {
            "anyOf": [
                {"type": "number", "minimum": 0},
                {"type": "string", "pattern": _AMOUNT_PATTERN},
            ]
        },
    ),
]
Percent = Annotated[
    Decimal,
    Reads(
        _read_percent,
        {
            "anyOf": [
                {"type": "number", "minimum": 0, "maximum": 100},
                {"type": "string", "pattern": r"^\d{1,3}(\.\d{1,4})?\s*%?$"},
            ]
        },
    ),
]
Clock = Annotated[time, Reads(_read_clock, {"type": "string", "pattern": r"^([01]\d|2[0-3]):[0-5]\d$"})]
Day = Annotated[date, Reads(_read_day, {"type": "string", "format": "date"})]
Number = Annotated[
    Decimal,
    Reads(
        _read_number,
        {"anyOf": [{"type": "number"}, {"type": "string", "pattern": r"^-?\d{1,10}(\.\d{1,4})?$"}]},
    ),
]
Age = Annotated[int, Reads(_read_age, {"type": "string", "pattern": r"^\d{1,4}\s*(years?|months?)$"})]
"""An age; completed months."""
Currency = Annotated[str, Reads(_read_currency, {"type": "string", "pattern": "^[A-Z]{3}$"})]
TimeZone = Annotated[str, Reads(_read_time_zone, {"type": "string"})]
LocaleName = Annotated[str, Reads(_read_locale, {"type": "string"})]
GraceDays = Annotated[int, whole_of(0, MAXIMUM_GRACE_DAYS, "days")]
Text = Annotated[str, text_of(200)]
ShortText = Annotated[str, text_of(100)]
LongText = Annotated[str, text_of(300)]
Code30 = Annotated[str, code_of(30)]
Code40 = Annotated[str, code_of(40)]
Code60 = Annotated[str, code_of(60)]
Code80 = Annotated[str, code_of(80)]
Condition = Annotated[str, code_of(40, _CONDITION)]
RuleCode = Annotated[str, code_of(120, _RULE_CODE)]
Word60 = Annotated[str, text_of(60)]
