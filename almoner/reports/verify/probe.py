"""What a check is, and a probe that answers several of them with one statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol


class Cursor(Protocol):
    """The part of a database cursor that verification needs."""

    def execute(self, statement: str, /) -> Any: ...

    def fetchall(self) -> Sequence[Sequence[Any]]: ...


@dataclass(frozen=True, slots=True)
class Check:
    """A promise of the books. ``examined`` is the query that counts the rows it was tested on."""

    code: str
    title: str
    examined: str


@dataclass(frozen=True, slots=True)
class Finding:
    """A row that breaks a promise: which (``charge item 0199...``), and in what way."""

    check: str
    row: str
    detail: str


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a check. ``wrong`` counts all offending rows, ``findings`` holds the first of them."""

    check: Check
    examined: int
    wrong: int
    findings: list[Finding]


@dataclass(frozen=True, slots=True)
class Found:
    """What a probe found for one check."""

    wrong: int
    findings: list[Finding]


class Probe(Protocol):
    """Looks at the rows of the hospital whose transaction is open."""

    @property
    def checks(self) -> tuple[Check, ...]:
        """The checks it answers."""
        ...

    def run(self, cursor: Cursor, limit: int) -> dict[str, Found]:
        """What is wrong, by code of the check; at most ``limit`` findings each."""
        ...


@dataclass(frozen=True, slots=True)
class SqlProbe:
    """A probe whose ``problems`` is a query of (code of the check, row, detail), one per offending row."""

    checks: tuple[Check, ...]
    problems: str

    def run(self, cursor: Cursor, limit: int) -> dict[str, Found]:
        cursor.execute(
            "SELECT code, row_name, detail, wrong FROM ("
            " SELECT code, row_name, detail, count(*) OVER (PARTITION BY code) AS wrong,"
            " row_number() OVER (PARTITION BY code ORDER BY row_name, detail) AS position"
            f" FROM ({self.problems}) AS problem (code, row_name, detail)"
            f") AS numbered WHERE position <= {limit:d} ORDER BY code, position"
        )
        found: dict[str, Found] = {}
        for code, row, detail, wrong in cursor.fetchall():
            found.setdefault(code, Found(wrong, [])).findings.append(Finding(code, row, detail))
        return found
