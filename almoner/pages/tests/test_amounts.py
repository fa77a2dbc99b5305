"""Amounts as they are typed where the comma is decimal, where a space groups, and in Devanagari."""

from __future__ import annotations

import pytest

from almoner.kernel.money import InvalidAmount
from almoner.pages.amounts import amounts_as, read_amount, write_amount


@pytest.mark.parametrize(
    ("locale", "currency", "text", "minor"),
    [
        ("en_US", "USD", "$1,234.50", 123450),
        ("es_ES", "EUR", "1.234,50", 123450),
        ("es_ES", "EUR", "1.234,50 €", 123450),
        ("es_ES", "EUR", "75", 7500),
        ("es_ES", "EUR", "75.00", 7500),
        ("es_ES", "EUR", "1.234", 123400),
        ("es_ES", "EUR", "1.234.567,8", 123456780),
        ("es_ES", "USD", "75,00 US$", 7500),
        ("es_MX", "MXN", "$1,234.50", 123450),
        ("fr_FR", "EUR", "1 234,50", 123450),
        ("fr_FR", "EUR", "1\u202f234,50 €", 123450),
        ("hi_IN", "INR", "१,२३,४५६.५०", 12345650),
        ("hi_IN", "INR", "₹७५", 7500),
    ],
)
def test_an_amount_is_read_as_people_there_write_it(
    locale: str, currency: str, text: str, minor: int
) -> None:
    with amounts_as(locale):
        assert read_amount(text, currency) == minor


@pytest.mark.parametrize(
    ("locale", "text"), [("es_ES", "1,234.50"), ("es_ES", "12.34.56"), ("es_ES", "a lot"), ("en_US", "12,34")]
)
def test_what_could_mean_two_amounts_is_refused(locale: str, text: str) -> None:
    with amounts_as(locale), pytest.raises(InvalidAmount):
        read_amount(text, "EUR")


def test_a_refusal_shows_an_amount_as_the_hospital_writes_it() -> None:
    with amounts_as("es_ES"), pytest.raises(InvalidAmount, match=r"1\.?234,50"):
        read_amount("mucho", "EUR")


@pytest.mark.parametrize("locale", ["en_US", "es_ES", "fr_FR", "hi_IN"])
def test_what_a_field_shows_it_reads_again(locale: str) -> None:
    with amounts_as(locale):
        assert read_amount(write_amount(123450, "EUR"), "EUR") == 123450
