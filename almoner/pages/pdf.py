"""Paper as PDF: A4 with the hospital at its head, the page's number at its foot, and a code that leads back.

Text of any language that FiraGO has letters for is shaped and ordered: Latin, Greek, Cyrillic, Arabic, Hebrew,
Devanagari, Thai, Georgian. Letters it lacks (Chinese, Bengali, Tamil...) are printed as boxes
(docs/decisions/0017-paper-as-pdf.md).
"""

from __future__ import annotations

import atexit
import tempfile
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from io import BytesIO
from pathlib import Path

import pymupdf_fonts
import segno
from django.utils.translation import gettext as _
from fontTools.ttLib import TTFont
from fpdf import FPDF
from fpdf.enums import TableBordersLayout, TableCellFillMode, XPos, YPos
from fpdf.fonts import FontFace

FAMILY = "FiraGO"
_FACES = {"": "figo", "B": "figbo"}
_BOX = "▯"
_MARGIN_MM = 18
_CODE_MM = 22
_SOFT = (96, 104, 115)
_LINE = (200, 205, 212)
_SHADE = (243, 245, 247)


@cache
def _font_file(name: str) -> Path:
    """The file of a font of the package, which keeps it as bytes; written once per process."""
    with tempfile.NamedTemporaryFile(prefix="almoner-", suffix=".ttf", delete=False) as file:
        file.write(pymupdf_fonts.myfont(name))
    path = Path(file.name)
    atexit.register(path.unlink, missing_ok=True)
    return path


@cache
def _letters() -> frozenset[int]:
    """The code points that every face of the family has."""
    with TTFont(_font_file(_FACES["B"])) as font:
        return frozenset(font.getBestCmap())


class Document(FPDF):
    """A document of a hospital: what is added goes below what is there, on as many pages as it takes.

    ``address`` is printed as a QR code beside the title; ``printed`` says when, in the words of the page.
    ``made_at`` is the instant that the file says it was made at.
    """

    def __init__(self, *, hospital: str, title: str, address: str, printed: str, made_at: datetime) -> None:
        super().__init__(format="A4")
        self._hospital, self._printed = hospital, printed
        for style, name in _FACES.items():
            self.add_font(FAMILY, style, _font_file(name))
        self.set_margins(_MARGIN_MM, _MARGIN_MM)
        self.set_auto_page_break(True, _MARGIN_MM + 4)
        self.set_title(title)
        self.set_creator("Almoner")
        self.set_creation_date(made_at)
        self.add_page()
        self._head(title, address)

    def normalize_text(self, text: str) -> str:
        """``text`` with a box for every letter that the font lacks, so that nothing is lost unseen.

        HarfBuzz takes a line's script from its first letter. Devanagari after a Latin name is named here, or its
        vowel signs would stand on the wrong side of their consonants.
        """
        is_devanagari = any("\u0900" <= one <= "\u097f" for one in text)
        self.set_text_shaping(True, script="Deva" if is_devanagari else None)
        known = _letters()
        return "".join(one if ord(one) in known or one.isspace() else _BOX for one in text)

    def header(self) -> None:
        """The hospital, on every page."""
        self.set_font(FAMILY, "B", 10)
        self.cell(0, 6, self._hospital, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.set_draw_color(*_LINE)
        self.line(_MARGIN_MM, self.get_y() + 1, self.w - _MARGIN_MM, self.get_y() + 1)
        self.ln(4)

    def footer(self) -> None:
        """When it was printed, and which page this is."""
        self.set_y(-_MARGIN_MM)
        self.set_font(FAMILY, "", 8)
        self.set_text_color(*_SOFT)
        self.cell(0, 5, self._printed)
        self.set_x(_MARGIN_MM)
        pages = _("Page %(page)s of %(pages)s") % {"page": self.page_no(), "pages": "{nb}"}
        self.cell(0, 5, pages, align="R")
        self.set_text_color(0)

    def _head(self, title: str, address: str) -> None:
        top = self.get_y()
        picture = BytesIO()
        segno.make(address, error="m", micro=False).save(picture, kind="png", scale=6, border=0)
        self.image(picture, x=self.w - _MARGIN_MM - _CODE_MM, y=top, w=_CODE_MM, h=_CODE_MM)
        self.set_font(FAMILY, "B", 17)
        self.multi_cell(self.epw - _CODE_MM - 6, 8, title, new_x=XPos.LMARGIN, new_y=YPos.NEXT, align="L")
        self._below_code = top + _CODE_MM + 4

    def facts(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Names and what they are, beside the code: patient, number, dates. Empty ones are left out."""
        for name, value in pairs:
            if value:
                self.set_font(FAMILY, "", 9)
                self.set_text_color(*_SOFT)
                self.cell(32, 5.5, name)
                self.set_text_color(0)
                self.set_font(FAMILY, "B" if name == pairs[0][0] else "", 10)
                width = self.epw - 32 - _CODE_MM - 6
                self.multi_cell(width, 5.5, value, new_x=XPos.LMARGIN, new_y=YPos.NEXT, align="L")
        self.set_y(max(self.get_y() + 4, self._below_code))

    def notice(self, text: str) -> None:
        """A sentence that nobody may overlook."""
        self.set_font(FAMILY, "B", 10)
        self.multi_cell(0, 7, text, border=1, padding=1, new_x=XPos.LMARGIN, new_y=YPos.NEXT, align="L")
        self.ln(3)

    def rows(
        self,
        headings: Sequence[str],
        rows: Sequence[Sequence[str]],
        *,
        widths: Sequence[int],
        bold: Sequence[int] = (),
        numbers: Sequence[int] = (),
    ) -> None:
        """A table whose head is repeated on every page. ``widths`` are proportions; the columns ``bold`` are in bold,
        the columns ``numbers`` stand at the end of their line. A row of one cell is a heading across."""
        self.set_font(FAMILY, "", 9.5)
        self.set_draw_color(*_LINE)
        sides = ["RIGHT" if number in numbers else "LEFT" for number in range(len(headings))]
        with self.table(
            col_widths=tuple(widths),
            text_align=tuple(sides),
            borders_layout=TableBordersLayout.HORIZONTAL_LINES,
            headings_style=FontFace(emphasis="BOLD", size_pt=8.5, color=_SOFT),
            cell_fill_mode=TableCellFillMode.NONE,
            line_height=5,
            padding=(1, 1.5),
        ) as table:
            table.row(headings)
            for cells in rows:
                row = table.row()
                if len(cells) == 1:
                    style = FontFace(emphasis="BOLD", fill_color=_SHADE)
                    row.cell(cells[0], colspan=len(headings), style=style)
                    continue
                for number, cell in enumerate(cells):
                    row.cell(cell, style=FontFace(emphasis="BOLD") if number in bold else None)
        self.ln(3)

    def small(self, text: str) -> None:
        """A remark in small letters."""
        self.set_font(FAMILY, "", 8.5)
        self.set_text_color(*_SOFT)
        self.multi_cell(0, 4.5, text, new_x=XPos.LMARGIN, new_y=YPos.NEXT, align="L")
        self.set_text_color(0)

    def as_bytes(self) -> bytes:
        """The file."""
        return bytes(self.output())
