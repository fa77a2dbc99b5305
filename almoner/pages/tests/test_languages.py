"""What a reader's language changes, and what it does not."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from django.utils import translation

from almoner.hospitals.models import Hospital
from almoner.pages.presenters import Formats

AT = datetime(2026, 3, 2, 15, 20, tzinfo=UTC)


def hospital(locale: str) -> Hospital:
    return Hospital(slug="h", name="H", currency="USD", time_zone="UTC", locale=locale)


@pytest.mark.parametrize(
    ("language", "locale", "money", "day", "time"),
    [
        ("en", "en_US", "$1,234.50", "Mar 2, 2026", "3:20\u202fPM"),
        ("es", "en_US", "$1,234.50", "2 mar 2026", "3:20\u202fp.m."),
        ("es", "es_ES", "1.234,50\xa0US$", "2 mar 2026", "15:20"),
        ("hi", "en_IN", "$1,234.50", "2 मार्च 2026", "3:20 pm"),
    ],
)
def test_figures_are_the_hospitals_and_the_words_of_a_date_the_readers(
    language: str, locale: str, money: str, day: str, time: str
) -> None:
    with translation.override(language):
        formats = Formats.of(hospital(locale))
    assert formats.money(123450) == money
    assert formats.day(date(2026, 3, 2)) == day
    assert formats.time(AT).replace("\xa0", " ") == time
