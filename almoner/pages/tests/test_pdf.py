"""Paper as PDF: letters of two scripts in one line."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from almoner.pages.pdf import Document


def glyphs_of_the_last_line(*lines: str) -> bytes:
    """The glyphs of the last line of a document with these lines, in the numbers of that document's own font."""
    paper = Document(
        hospital="Riverside",
        title="Report",
        address="/r/1/",
        printed="",
        made_at=datetime(2026, 3, 2, tzinfo=UTC),
    )
    for line in lines:
        paper.small(line)
    last = bytes(paper.pages[1].contents).split(b"BT")[-1]
    return b"".join(re.findall(rb"\((.*?)\) Tj", last, re.DOTALL))


@pytest.mark.parametrize("devanagari", ["किया", "सत्यापित", "रिपोर्ट"])
def test_devanagari_after_a_latin_name_is_shaped_as_it_is_alone(devanagari: str) -> None:
    alone = glyphs_of_the_last_line("Ada", devanagari)
    assert len(alone) > 6
    assert glyphs_of_the_last_line("Ada", devanagari, f"Ada {devanagari}").endswith(alone)
