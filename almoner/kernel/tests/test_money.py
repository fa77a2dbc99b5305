"""Reading amounts that people wrote, rounding them, and writing them again."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from almoner.kernel.money import InvalidAmount, Money, exponent, is_currency, parse_minor, round_half_up

CURRENCIES = st.sampled_from(["USD", "EUR", "INR", "JPY", "KWD", "GBP"])
AMOUNTS = st.integers(min_value=-(10**14), max_value=10**14)


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("$75", "USD", 7500),
        ("75", "USD", 7500),
        (75, "USD", 7500),
        ("75.00", "USD", 7500),
        ("75.5", "USD", 7550),
        (" 75 ", "USD", 7500),
        ("75 USD", "USD", 7500),
        ("75.000", "USD", 7500),
        ("$0", "USD", 0),
        ("-3", "USD", -300),
        ("-$3.50", "USD", -350),
        ("1,200", "USD", 120000),
        ("1,234,567.89", "USD", 123456789),
        ("1,00,000", "INR", 10000000),
        ("₹500", "INR", 50000),
        ("€75", "EUR", 7500),
        ("EUR 75", "EUR", 7500),
        ("¥1200", "JPY", 1200),
        ("1200", "JPY", 1200),
        ("1.234", "KWD", 1234),
        ("1", "KWD", 1000),
    ],
)
def test_an_amount_as_people_write_it(text: str | int, currency: str, minor: int) -> None:
    assert parse_minor(text, currency) == minor


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        ("75.001", "USD"),
        ("75.5", "JPY"),
        ("1.2345", "KWD"),
        ("€75", "USD"),
        ("75 EUR", "USD"),
        ("$75", "EUR"),
        ("NaN", "USD"),
        ("Infinity", "USD"),
        ("1e3", "USD"),
        ("", "USD"),
        ("$", "USD"),
        ("-", "USD"),
        ("--3", "USD"),
        ("12,34", "USD"),
        ("1,2,3", "USD"),
        (",5", "USD"),
        ("75.", "USD"),
        (".5", "USD"),
        ("7 5", "USD"),
        ("٣", "USD"),
        ("75" + "0" * 30 + "1", "USD"),
        ("75." + "0" * 40 + "1", "USD"),
        pytest.param("9" * 5000, "USD", id="5000 digits as text"),
        pytest.param(10**5000, "USD", id="5000 digits as a number"),
        (10**15, "USD"),
        (True, "USD"),
        (75.0, "USD"),
        (Decimal(75), "USD"),
        (None, "USD"),
    ],
)
def test_what_is_not_an_amount_of_the_currency_is_refused(text: Any, currency: str) -> None:
    with pytest.raises(InvalidAmount) as refusal:
        parse_minor(text, currency)
    assert refusal.value.code == "invalid_amount" and refusal.value.message


@given(AMOUNTS, CURRENCIES)
def test_an_amount_survives_being_written_and_read(minor: int, currency: str) -> None:
    assert parse_minor(Money(minor, currency).plain(), currency) == minor
    assert parse_minor(Money(minor, currency).format(), currency) == minor


@given(st.text(max_size=30), CURRENCIES)
def test_any_text_is_read_or_refused(text: str, currency: str) -> None:
    try:
        minor = parse_minor(text, currency)
    except InvalidAmount:
        return
    assert isinstance(minor, int) and abs(minor) < 10**15


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=4))
def test_a_half_is_rounded_away_from_zero(value: Decimal) -> None:
    rounded = round_half_up(value)
    assert abs(rounded - value) <= Decimal("0.5")
    if abs(rounded - value) == Decimal("0.5"):
        assert abs(rounded) > abs(value)
    assert round_half_up(-value) == -rounded


@given(st.integers(min_value=-(10**12), max_value=10**12), st.sampled_from([1, 5, 10, 25, 50, 100, 1000]))
def test_rounding_to_a_step_gives_the_nearest_multiple(minor: int, step: int) -> None:
    rounded = round_half_up(Decimal(minor), step)
    assert rounded % step == 0
    assert abs(rounded - minor) * 2 <= step


@pytest.mark.parametrize(
    ("value", "step", "rounded"),
    [("0.5", 1, 1), ("-0.5", 1, -1), ("2.5", 1, 3), ("1.4999", 1, 1), ("12", 5, 10), ("12.5", 5, 15)],
)
def test_rounding_by_example(value: str, step: int, rounded: int) -> None:
    assert round_half_up(Decimal(value), step) == rounded


def test_the_digits_of_a_currency() -> None:
    assert [exponent(code) for code in ("USD", "JPY", "KWD")] == [2, 0, 3]
    assert is_currency("USD") and not is_currency("usd") and not is_currency("XYZ")


@pytest.mark.parametrize(
    ("minor", "currency", "text", "plain"),
    [
        (7500, "USD", "$75.00", "75.00"),
        (-350, "USD", "-$3.50", "-3.50"),
        (1200, "JPY", "¥1,200", "1200"),
        (1234, "KWD", "KWD1.234", "1.234"),
        (0, "USD", "$0.00", "0.00"),
    ],
)
def test_money_reads_like_money(minor: int, currency: str, text: str, plain: str) -> None:
    money = Money(minor, currency)
    assert (str(money), money.plain()) == (text, plain)
