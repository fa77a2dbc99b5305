"""Judging a charge line: does every row of the file agree with the ledger, and if not, why not.

Pure. A charge line is judged as a whole: its CHARGE row and the rows that belong to it. A difference is the ledger's balance less what the file states. It is reported at the row where it
begins or changes; rows behind it that merely carry it on agree with what was reported, and so reconcile.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from almoner.kernel.money import Money

# Per kind of row: the column that moves money, and the columns that must stay empty or zero.
_OWN_COLUMN = {
    "CHARGE": "AMOUNT",
    "PAYMENT": "PAYMENTS",
    "ADJUSTMENT": "ADJUSTMENTS",
    "TRANSFEROUT": "TRANSFERS",
    "TRANSFERIN": "TRANSFERS",
}
_IDLE_COLUMNS = {
    "CHARGE": ("PAYMENTS", "ADJUSTMENTS", "TRANSFERS"),
    "PAYMENT": ("AMOUNT", "UNITAMOUNT", "ADJUSTMENTS", "TRANSFERS"),
    "ADJUSTMENT": ("AMOUNT", "UNITAMOUNT", "PAYMENTS", "TRANSFERS"),
    "TRANSFEROUT": ("AMOUNT", "UNITAMOUNT", "PAYMENTS", "ADJUSTMENTS"),
    "TRANSFERIN": ("UNITAMOUNT", "PAYMENTS", "ADJUSTMENTS"),
}
_FIELD = {
    "AMOUNT": "amount_minor",
    "UNITAMOUNT": "unit_amount_minor",
    "PAYMENTS": "payments_minor",
    "ADJUSTMENTS": "adjustments_minor",
    "TRANSFERS": "transfers_minor",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """A row that does not reconcile, with the arithmetic. Amounts in minor units.

    ``explained``: the cause is a known trait of the export or an act at the hospital, and the books are
    right; otherwise the file contradicts itself or the books.
    """

    row: str
    line: int
    claim: str
    kind: str
    column: str
    balance_minor: int
    outstanding_minor: int
    difference_minor: int
    arithmetic: str
    reason: str
    explained: bool

    def as_dict(self) -> dict[str, Any]:
        """The finding as JSON carries it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found about one row; ``carried``: it agrees only after a difference reported before."""

    row: dict[str, Any]
    finding: Finding | None
    carried: bool


class _Wrong(NamedTuple):
    """What is wrong with a row: the column at fault, why, and whether that is a known and harmless cause."""

    column: str
    reason: str
    explained: bool = False


class _Line:
    """A charge line. ``rows`` in the order of the file, the CHARGE first."""

    def __init__(self, rows: list[dict[str, Any]], currency: str) -> None:
        self.rows = rows
        self.currency = currency
        self.differences = [self._difference(row) for row in rows]
        self.final_difference = rows[-1]["balance_minor"] - rows[0]["outstanding_minor"]
        self.transfer_wrong = False
        self.left_payer = 0

    def plain(self, minor: int) -> str:
        return Money(minor, self.currency).plain()

    def verdicts(self) -> Iterator[Verdict]:
        """A verdict per row. The CHARGE row also answers for what the line comes to at the end."""
        for index, row in enumerate(self.rows):
            wrong = self._check_columns(index) or self._check_posted(index) or self._check_balance(index)
            if row["kind"] == "TRANSFEROUT":
                self.left_payer = row["handed_over_minor"]
            if row["kind"].startswith("TRANSFER"):
                self.transfer_wrong |= wrong is not None
            finding = None
            if wrong is not None:
                finding = self._finding(index, wrong)
            elif index == 0:
                finding = self._check_end()
            carried = self.differences[index] != 0 or (index == 0 and self.final_difference != 0)
            yield Verdict(row, finding, finding is None and carried)

    @staticmethod
    def _posted(row: dict[str, Any]) -> int:
        column = {"CHARGE": "receivable", "PAYMENT": "money", "ADJUSTMENT": "adjusted"}
        return int(row[f"{column.get(row['kind'], 'handed_over')}_minor"])

    @staticmethod
    def _stated(row: dict[str, Any]) -> int:
        """The balance after the row, as the file states it; for a CHARGE what it should come to."""
        if row["kind"] == "CHARGE":
            return int(row["units"] * row["unit_amount_minor"])
        return int(row["outstanding_minor"])

    def _difference(self, row: dict[str, Any]) -> int:
        return int(row["balance_minor"]) - self._stated(row)

    def _around(self, index: int) -> tuple[int, int]:
        """The differences before and after a row; after the last one comes the line's final OUTSTANDING."""
        before = self.differences[index - 1] if index else 0
        is_last = index == len(self.rows) - 1
        return before, self.final_difference if is_last else self.differences[index + 1]

    def _check_columns(self, index: int) -> _Wrong | None:
        """The row against itself: columns that its kind does not have, columns that must be equal."""
        row = self.rows[index]
        kind, amount, moved = row["kind"], row["amount_minor"], row["transfers_minor"]
        for column in _IDLE_COLUMNS[kind]:
            if row[_FIELD[column]]:
                return _Wrong(
                    column, f"a {kind} row has no {column}, this one has {self.plain(row[_FIELD[column]])}"
                )
        if kind == "CHARGE" and amount != self._stated(row):
            column = "AMOUNT" if self._around(index)[1] else "UNITAMOUNT"
            return _Wrong(
                column,
                f"AMOUNT is {self.plain(amount)}, but UNITS {row['units'].normalize():f} x UNITAMOUNT "
                f"{self.plain(row['unit_amount_minor'])} = {self.plain(self._stated(row))}",
            )
        if kind in ("TRANSFEROUT", "TRANSFERIN") and moved != row["outstanding_minor"]:
            before, _ = self._around(index)
            return _Wrong(
                "TRANSFERS" if self.differences[index] in (0, before) else "OUTSTANDING",
                f"a transfer moves all that is open: TRANSFERS is {self.plain(moved)}, "
                f"OUTSTANDING {self.plain(row['outstanding_minor'])}",
            )
        if kind == "TRANSFERIN" and amount != moved:
            return _Wrong("AMOUNT", f"AMOUNT is {self.plain(amount)}, TRANSFERS {self.plain(moved)}")
        return None

    def _check_posted(self, index: int) -> _Wrong | None:
        """What the row's own entry posted against the row's own amount."""
        row = self.rows[index]
        kind, column, posted = row["kind"], _OWN_COLUMN[row["kind"]], self._posted(row)
        own = row[_FIELD[column]]
        if kind in ("TRANSFEROUT", "TRANSFERIN"):
            return self._check_moved(row, posted, own)
        if kind == "PAYMENT" and own == posted == 0:
            return _Wrong(column, "a payment of 0.00 is none: nothing was recorded")
        if (
            kind == "ADJUSTMENT"
            and 0 <= posted < own
            and row["outstanding_minor"] == row["balance_minor"] == 0
        ):
            return _Wrong(
                column,
                f"only {self.plain(posted)} of the adjustment of {self.plain(own)} was still open",
                True,
            )
        if posted != own:
            return _Wrong(
                column,
                f"the books hold {self.plain(posted)} for this row since it was first imported, "
                f"the file says {self.plain(own)}",
            )
        if kind == "PAYMENT" and row["cash_point"] != f"synthea-{row['method'].lower()}":
            return _Wrong(
                "METHOD",
                f"the books hold the payment at {row['cash_point']} since it was first imported, "
                f"the file says {row['method']}",
            )
        return None

    def _check_moved(self, row: dict[str, Any], posted: int, own: int) -> _Wrong | None:
        """A transfer moves its amount, or less when a row reported before it left less to move."""
        to_patient = (row["kind"], row["transfer_type"]) == ("TRANSFERIN", "p")
        if self.transfer_wrong or to_patient or not row["has_payer"]:
            return None
        movable = self.left_payer if row["kind"] == "TRANSFERIN" else max(row["balance_minor"], 0)
        if posted in (own, min(own, movable)):
            return None
        return _Wrong("TRANSFERS", f"{self.plain(own)} was to move, {self.plain(posted)} did")

    def _check_balance(self, index: int) -> _Wrong | None:
        """The balance after the row against its OUTSTANDING, but for a difference that is carried on."""
        row, difference = self.rows[index], self.differences[index]
        before, after = self._around(index)
        if difference in (0, before):
            return None
        unallocated = -row["unallocated_minor"]
        if row["method"] == "COPAY" and row["outstanding_minor"] == 0 and unallocated == -difference:
            return _Wrong(
                "PAYMENTS",
                f"the co-pay is {self.plain(unallocated)} above the charge; Synthea then writes 0.00 as "
                "outstanding, and the books hold the excess as a deposit of the patient",
                True,
            )
        column = _OWN_COLUMN[row["kind"]]
        if after == before or row["kind"] in ("TRANSFEROUT", "TRANSFERIN"):
            fitting = self.plain(row["balance_minor"] - before)
            return _Wrong("OUTSTANDING", f"what follows agrees with {fitting} as outstanding here")
        own = row[_FIELD[column]]
        reason = f"it would agree with {column} {self.plain(own + difference - before)} instead of {self.plain(own)}"
        if unallocated:
            reason += f"; {self.plain(unallocated)} is above the charge and held unallocated"
        return _Wrong(column, reason)

    def _check_end(self) -> Finding | None:
        """What the line comes to against the CHARGE row's own OUTSTANDING, and against what is open now."""
        charge, final = self.rows[0], self.rows[-1]["balance_minor"]
        stated = charge["outstanding_minor"]
        if self.final_difference not in (0, self.differences[-1]):
            reason = f"the line ends with {self.plain(final)}, its CHARGE states {self.plain(stated)}"
            return self._finding(len(self.rows) - 1, _Wrong("OUTSTANDING", reason), of=charge)
        since = charge["open_minor"] - (final - sum(row["unallocated_minor"] for row in self.rows))
        if since:
            reason = f"postings other than the import's changed what is open by {self.plain(since)} since"
            return self._finding(
                len(self.rows) - 1, _Wrong("OUTSTANDING", reason, True), of=charge, since=since
            )
        return None

    def _finding(
        self, index: int, wrong: _Wrong, *, of: dict[str, Any] | None = None, since: int = 0
    ) -> Finding:
        """The finding on row ``index``, or on the CHARGE row ``of`` for the line as it is after that row."""
        row = of or self.rows[index]
        balance = self.rows[index]["balance_minor"] + since
        stated = row["outstanding_minor"] if of else self._stated(row)
        word = "OUTSTANDING" if of or row["kind"] != "CHARGE" else "UNITS x UNITAMOUNT"
        terms = [term for each in self.rows[: index + 1] if (term := self._term(each))]
        if since:
            terms.append(f"{'+' if since > 0 else '-'} since {self.plain(abs(since))}")
        total = f" = {self.plain(balance)}" if len(terms) > 1 else ""
        return Finding(
            row=row["source"],
            line=row["line"],
            claim=row["claim"],
            kind=row["kind"],
            column=wrong.column,
            balance_minor=balance,
            outstanding_minor=stated,
            difference_minor=balance - stated,
            arithmetic=(
                f"{' '.join(terms)}{total}; {word} is {self.plain(stated)}; "
                f"difference {self.plain(balance - stated)}"
            ),
            reason=wrong.reason,
            explained=wrong.explained,
        )

    def _term(self, row: dict[str, Any]) -> str:
        """The row's part of the sum, as the ledger posted it."""
        posted = self.plain(self._posted(row))
        match row["kind"]:
            case "CHARGE":
                return f"charge {posted}"
            case "PAYMENT":
                return f"- {row['method']} payment {posted}"
            case "ADJUSTMENT":
                return f"- adjustment {posted}"
        return ""


def judge(rows: Iterable[dict[str, Any]], currency: str) -> Iterator[Verdict]:
    """A verdict per row; ``rows`` come ordered by charge line, then by line of the file.

    Amounts are minor units of ``currency``. Only one charge line is in memory at a time.
    """
    for _, line in groupby(rows, key=itemgetter("charge_line")):
        yield from _Line(list(line), currency).verdicts()
