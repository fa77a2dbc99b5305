"""Tables of the documentation, read as data.

A table is named by the nearest heading above it. A page whose table is empty, whose column is not known
to the test that runs it, or that has no table of that name, fails.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


@dataclass(frozen=True)
class Row:
    """One row: its cells by column, and where it stands."""

    page: str
    table: str
    number: int
    cells: dict[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells[column]

    def get(self, column: str, default: str = "") -> str:
        """The cell, or ``default`` when the table has no such column or the cell is empty."""
        return self.cells.get(column) or default

    def __str__(self) -> str:
        return f"{self.page}, {self.table}, row {self.number}: {self.cells}"


def _text(inline: str) -> str:
    """A cell as data: without the back-ticks and emphasis that are there for readers."""
    return inline.replace("`", "").replace("**", "").strip()


def read_tables(page: str) -> dict[str, list[list[str]]]:
    """Every table of ``docs/<page>``: heading -> header and rows. Two under one heading are an error."""
    tokens = MarkdownIt("commonmark").enable("table").parse((DOCS / page).read_text(encoding="utf-8"))
    tables: dict[str, list[list[str]]] = {}
    heading, rows = "", []
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        if token.type == "heading_open" and following is not None:
            heading = _text(following.content)
        elif token.type == "table_open":
            assert heading not in tables, f"{page}: two tables under the heading {heading!r}"
            rows = tables.setdefault(heading, [])
        elif token.type == "tr_open":
            rows.append([])
        elif token.type in ("th_open", "td_open") and following is not None:
            rows[-1].append(_text(following.content))
    return tables


def read_rows(page: str, table: str, columns: Iterable[str]) -> list[Row]:
    """The rows of one table. Fails when it is missing or empty, or has a column that is not known."""
    tables = read_tables(page)
    assert table in tables, f"docs/{page} has no table under the heading {table!r}"
    header, *rows = tables[table]
    unknown = set(header) - set(columns)
    assert not unknown, f"docs/{page}, {table}: unknown columns {sorted(unknown)}"
    assert rows, f"docs/{page}, {table}: the table is empty"
    return [
        Row(page, table, number, dict(zip(header, cells, strict=True)))
        for number, cells in enumerate(rows, start=1)
    ]


def parameters(rows: Iterable[Row]) -> list[object]:
    """Rows as parameters of a test, named by their table and place."""
    return [pytest.param(row, id=f"{row.table.lower().replace(' ', '-')}-{row.number}") for row in rows]
