"""The reconciliation of one import: counts, totals by kind and method, and the rows that do not agree."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, TextIO

import orjson
from django.db import connection

from almoner.hospitals.models import Hospital
from almoner.interop.synthea.reconciling import Finding, Verdict, judge
from almoner.kernel.money import Money
from almoner.kernel.tenancy import transaction

FINAL = "open at the end"
_FETCH = 2000
_IN_MEMORY_BYTES = 1_000_000


class Findings:
    """Findings in the order they were made; many of them are kept on disk, not in memory."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115, it lives as long as self
        self._count = 0

    def add(self, finding: Finding) -> None:
        self._file.write(orjson.dumps(finding.as_dict()) + b"\n")
        self._count += 1

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[dict[str, Any]]:
        self._file.seek(0)
        for line in self._file:
            yield orjson.loads(line)


@dataclass(slots=True)
class Total:
    """One kind of row, or one method: rows, those that reconcile, minor units in the file and in the ledger."""

    rows: int = 0
    reconciled: int = 0
    file_minor: int = 0
    ledger_minor: int = 0

    def as_dict(self) -> dict[str, int]:
        """The total as JSON carries it."""
        return {
            "rows": self.rows,
            "reconciled": self.reconciled,
            "file_minor": self.file_minor,
            "ledger_minor": self.ledger_minor,
            "difference_minor": self.ledger_minor - self.file_minor,
        }


@dataclass(slots=True)
class Reconciliation:
    """What an import comes to. ``rows`` = ``reconciled`` + the findings.

    ``carried`` of the reconciled rows agree only after a difference that a finding names; ``posted`` rows
    were added by this run. Amounts are minor units of ``currency``.
    """

    hospital: str
    currency: str
    records: dict[str, int]
    posted: int
    rows: int = 0
    reconciled: int = 0
    carried: int = 0
    unexplained: int = 0
    lines: int = 0
    final_open_minor: int = 0
    findings: Findings = field(default_factory=Findings)
    by_kind: dict[str, Total] = field(default_factory=dict)
    by_method: dict[str, Total] = field(default_factory=dict)

    def take(self, verdict: Verdict) -> None:
        """Count a row's verdict in."""
        self.rows += 1
        if verdict.finding is None:
            self.reconciled += 1
            self.carried += verdict.carried
        else:
            self.findings.add(verdict.finding)
            self.unexplained += not verdict.finding.explained
        self._total(verdict.row, verdict.finding is None)

    def _total(self, row: dict[str, Any], agrees: bool) -> None:
        kind = row["kind"]
        match kind:
            case "CHARGE":
                self.lines += 1
                self.final_open_minor += row["open_minor"]
                self._add(self.by_kind, agrees, kind, row["amount_minor"], row["receivable_minor"])
                self._add(self.by_kind, agrees, FINAL, row["outstanding_minor"], row["open_minor"])
            case "PAYMENT":
                self._add(self.by_kind, agrees, kind, row["payments_minor"], row["money_minor"])
                self._add(self.by_method, agrees, row["method"], row["payments_minor"], 0)
                if row["cash_point"]:
                    method = row["cash_point"].removeprefix("synthea-").upper()
                    self.by_method.setdefault(method, Total()).ledger_minor += row["money_minor"]
            case "ADJUSTMENT":
                self._add(self.by_kind, agrees, kind, row["adjustments_minor"], row["adjusted_minor"])
            case "TRANSFEROUT":
                self._add(self.by_kind, agrees, kind, row["transfers_minor"], row["handed_over_minor"])
                self.by_kind.setdefault("TRANSFERIN p", Total()).ledger_minor += row["handed_over_minor"]
            case "TRANSFERIN":
                name = f"TRANSFERIN {row['transfer_type']}"
                self._add(self.by_kind, agrees, name, row["transfers_minor"], row["handed_over_minor"])
                self.by_kind.setdefault("TRANSFERIN p", Total()).ledger_minor -= row["handed_over_minor"]

    @staticmethod
    def _add(totals: dict[str, Total], agrees: bool, name: str, file_minor: int, ledger_minor: int) -> None:
        total = totals.setdefault(name, Total())
        total.rows += 1
        total.reconciled += agrees
        total.file_minor += file_minor
        total.ledger_minor += ledger_minor

    def as_dict(self) -> dict[str, Any]:
        """Everything but the findings, as JSON carries it."""
        return {
            "hospital": self.hospital,
            "currency": self.currency,
            "records": self.records,
            "posted": self.posted,
            "rows": self.rows,
            "lines": self.lines,
            "reconciled": self.reconciled,
            "carried": self.carried,
            "unexplained": self.unexplained,
            "final_open_minor": self.final_open_minor,
            "totals": {
                "by_kind": {name: total.as_dict() for name, total in sorted(self.by_kind.items())},
                "by_method": {name: total.as_dict() for name, total in sorted(self.by_method.items())},
            },
        }


_COLUMNS = (
    "line",
    "row",
    "kind",
    "charge_line",
    "balance",
    "outstanding",
    "difference",
    "verdict",
)


def reconcile(
    hospital: Hospital,
    reconciliation: Reconciliation,
    *,
    advance: Callable[[int], None],
    table: TextIO | None = None,
) -> None:
    """Compare every staged row with the ledger's postings and enter the verdicts into ``reconciliation``.

    ``table`` takes one CSV line for every row: the ledger's balance after it against its OUTSTANDING (for a
    CHARGE, what is open now against its final OUTSTANDING).
    """
    writer = csv.writer(table, lineterminator="\n") if table else None
    if writer:
        writer.writerow(_COLUMNS)
    with transaction(hospital.id):
        for verdict in judge(_rows(hospital, advance), hospital.currency):
            reconciliation.take(verdict)
            if writer:
                writer.writerow(_as_line(verdict, hospital.currency))


def _as_line(verdict: Verdict, currency: str) -> list[Any]:
    row = verdict.row
    balance = row["open_minor"] if row["kind"] == "CHARGE" else row["balance_minor"]
    word = "carried" if verdict.carried else "reconciled"
    if verdict.finding is not None:
        word = "explained" if verdict.finding.explained else "unexplained"
    amounts = [balance, row["outstanding_minor"], balance - row["outstanding_minor"]]
    plain = [Money(amount, currency).plain() for amount in amounts]
    return [row["line"], row["source"], row["kind"], row["charge_line"], *plain, word]


def _rows(hospital: Hospital, advance: Callable[[int], None]) -> Iterator[dict[str, Any]]:
    """The rows with their balances, streamed through a cursor of the server."""
    statement = resources.files(__package__).joinpath("sql", "reconcile.sql").read_text(encoding="utf-8")
    with connection.connection.cursor(name="synthea_reconcile") as cursor:
        cursor.itersize = _FETCH
        cursor.execute(statement.encode(), {"hospital": hospital.id})
        names = [column.name for column in cursor.description]
        for count, row in enumerate(cursor, start=1):
            yield dict(zip(names, row, strict=True))
            if count % _FETCH == 0:
                advance(_FETCH)
        advance(cursor.rownumber % _FETCH if cursor.rownumber else 0)
