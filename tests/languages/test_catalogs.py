"""Every text is translated, and a translation says the same things as its text."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest
from babel.messages import Message
from babel.messages.pofile import read_po

from tests.support import messages

PLACEHOLDER = re.compile(r"%\((\w+)\)[sd]|%[sd]|\{(\w*)\}")
MARKUP = re.compile(r"</?[a-z]+")


def catalog(language: str, root: Path = messages.LOCALE) -> list[Message]:
    with (root / language / "LC_MESSAGES" / "django.po").open("rb") as file:
        return [message for message in read_po(file, locale=language) if message.id]


def forms(text: str | tuple[str, ...] | list[str]) -> list[str]:
    return [text] if isinstance(text, str) else list(text)


def parts(text: str) -> Counter[str]:
    return Counter([*(match.group(0) for match in PLACEHOLDER.finditer(text)), *MARKUP.findall(text)])


def named(found: Iterable[Message]) -> list[str]:
    return [forms(message.id)[0] for message in found]


@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_every_text_is_translated_and_none_is_a_guess(language: str) -> None:
    found = catalog(language)
    assert named(message for message in found if not all(forms(message.string))) == []
    assert named(message for message in found if message.fuzzy) == []


@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_a_translation_has_the_placeholders_and_the_markup_of_its_text(language: str) -> None:
    for message in catalog(language):
        allowed = [parts(text) for text in forms(message.id)]
        for translated in forms(message.string):
            assert parts(translated) in allowed, (message.id, translated)


@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_a_translation_begins_and_ends_with_space_where_its_text_does(language: str) -> None:
    for message in catalog(language):
        for text, translated in zip(forms(message.id), forms(message.string), strict=False):
            assert (text[:1].isspace(), text[-1:].isspace()) == (
                translated[:1].isspace(),
                translated[-1:].isspace(),
            ), (text, translated)


def test_the_translators_files_have_every_text_of_the_code_and_no_other(tmp_path: Path) -> None:
    folder = shutil.copytree(messages.LOCALE, tmp_path / "locale")
    command = [sys.executable, "-W", "ignore", "-m", "tests.support.messages", str(folder)]
    subprocess.run(command, cwd=messages.ROOT, check=True)
    for language in messages.LANGUAGES:
        expected, found = named(catalog(language, folder)), named(catalog(language))
        assert set(expected) == set(found), "Run `make messages`, then translate what is new."
