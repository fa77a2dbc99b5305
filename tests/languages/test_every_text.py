"""Whatever a page says is translated, or is the hospital's own data: every page, in a language that wraps its texts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser

import pytest
from babel import Locale
from django.apps import apps
from django.test import Client
from django.urls import reverse
from django.utils import translation

from tests.access.table import ADMINISTRATOR, TABLE
from tests.access.test_every_page import ADDRESSES, arguments
from tests.support.day import BusyDay, make_member
from tests.support.pages import member_client

SPOKEN = ("aria-label", "alt", "placeholder", "title")
WORD = re.compile(r"[^\W\d_]{3,}")
NAMES = {"Almoner", "English", "Español", "हिन्दी", "العربية", "Esc", "PIN", "ESI", "MRN", "PDF"}
"""What is called the same in every language."""
CATEGORIES = {"General", "Insurance", "Private", "Emergency"}
"""Categories of patients, which hospitals name in their files."""
SILENT = ("script", "style", "code")
"""What is not a sentence: ``code`` is what somebody types for the program to read."""
RADIOLOGY = {"Radiology", "Scan"}
"""A service point of the tests, which nobody translates."""


class Texts(HTMLParser):
    """What a page says: its text, and the attributes that are read out."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.said: list[str] = []
        self._silent = 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent += tag in SILENT
        self.said += [value for name, value in attrs if name in SPOKEN and value]

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in SILENT

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.said.append(data)


def outside(text: str) -> str:
    """``text`` without what stands in ⟦brackets⟧, which may lie in each other."""
    kept, depth = [], 0
    for letter in text:
        depth += (letter == "⟦") - (letter == "⟧")
        kept.append(letter if depth == 0 else " ")
    return "".join(kept)


@pytest.fixture
def wrapped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A language in which every text stands in brackets."""
    translation.gettext("")

    def wrap(text: str) -> str:
        return f"⟦{text}⟧" if text else text

    def wrap_one(one: str, many: str, number: int) -> str:
        return wrap(one if number == 1 else many)

    for name, function in {
        "gettext": wrap,
        "ngettext": wrap_one,
        "pgettext": lambda _context, text: wrap(text),
        "npgettext": lambda _context, one, many, number: wrap_one(one, many, number),
    }.items():
        monkeypatch.setattr(translation._trans, name, function)


def words_of_the_data(world: BusyDay) -> set[str]:
    """Every word that stands in the database, and the months and days of dates."""
    calendar = Locale("en")
    names = [
        *calendar.months["format"]["abbreviated"].values(),
        *calendar.months["format"]["wide"].values(),
        *calendar.days["format"]["wide"].values(),
        *calendar.days["format"]["abbreviated"].values(),
    ]
    models = [model for model in apps.get_models() if model.__module__.startswith("almoner")]
    with world.hospital.transaction():
        rows = [row for model in models for row in model.objects.values_list()]
    return {word for text in (*names, *map(str, rows)) for word in WORD.findall(text)}


def unmarked(page: str, known: set[str]) -> Iterator[str]:
    for text in Texts(page).said:
        if any(word not in known for word in WORD.findall(outside(text))):
            yield " ".join(text.split())[:120]


def pages(world: BusyDay) -> Iterable[tuple[str, Client, str]]:
    clients: dict[str, Client] = {}
    for name in sorted(ADDRESSES):
        method, allowed = TABLE.get(name, ("", frozenset()))
        if method == "GET":
            role = ADMINISTRATOR if ADMINISTRATOR in allowed else min(allowed)
            clients.setdefault(role, member_client(world.hospital.id, role))
            yield name, clients[role], reverse(name, kwargs=arguments(world, ADDRESSES[name]))


def test_every_page_says_only_what_is_translated_or_data(day: BusyDay, wrapped: None) -> None:
    day.colleague_id = make_member(day.hospital.id, "porter").id
    opened_by = list(pages(day))
    known = words_of_the_data(day) | NAMES | RADIOLOGY | CATEGORIES
    found: dict[str, list[str]] = {}
    opened = 0
    for name, client, address in opened_by:
        answer = client.get(address, follow=True)
        if answer.status_code == 200 and answer["Content-Type"].startswith("text/html"):
            opened += 1
            if texts := sorted(set(unmarked(answer.content.decode(), known))):
                found[name] = texts
    assert opened > 40
    assert found == {}, "\n".join(f"{name}: {texts}" for name, texts in found.items())
