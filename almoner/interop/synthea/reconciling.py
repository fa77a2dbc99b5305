"""Judging a charge line: does every row of the file agree with the ledger, and if not, why not.

Pure. A difference is the ledger's balance less what the file states. It is reported at the row where it
begins or changes; rows behind it that merely carry it on agree with what was reported, and so reconcile.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from typing import Any

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


class _Line:
    """A charge line while its rows are judged one after the other."""

    def __init__(self, currency: str) -> None:
        self.currency = currency
        self.terms: list[str] = []
        self.difference = 0
        self.left_payer = 0
        self.unallocated = 0

    def plain(self, minor: int) -> str:
        return Money(minor, self.currency).plain()

    def judge(self, row: dict[str, Any]) -> tuple[str, str, bool] | None:
        """(column, reason, explained) of what is wrong with ``row``, or None; remembers what is carried."""
        posted = self._posted(row)
        own = row[_FIELD[_OWN_COLUMN[row["kind"]]]]
        before, self.difference = self.difference, self._difference(row)
        self._note(row, posted)
        wrong = self._check_columns(row) or self._check_posted(row, posted, own)
        if wrong is None and self.difference not in (0, before):
            wrong = self._explain_balance(row)
        if row["kind"] == "TRANSFEROUT":
            self.left_payer = posted
        self.unallocated += row["unallocated_minor"]
        return wrong

    def _posted(self, row: dict[str, Any]) -> int:
        match row["kind"]:
            case "CHARGE":
                return int(row["receivable_minor"])
            case "PAYMENT":
                return int(row["money_minor"])
            case "ADJUSTMENT":
                return int(row["adjusted_minor"])
        return int(row["handed_over_minor"])

    def _difference(self, row: dict[str, Any]) -> int:
        if row["kind"] == "CHARGE":
            return int(row["balance_minor"] - row["units"] * row["unit_amount_minor"])
        return int(row["balance_minor"] - row["outstanding_minor"])

    def _note(self, row: dict[str, Any], posted: int) -> None:
        match row["kind"]:
            case "CHARGE":
                self.terms.append(f"charge {self.plain(posted)}")
            case "PAYMENT" if posted:
                self.terms.append(f"- {row['method']} payment {self.plain(posted)}")
            case "ADJUSTMENT" if posted:
                self.terms.append(f"- adjustment {self.plain(posted)}")

    def _check_columns(self, row: dict[str, Any]) -> tuple[str, str, bool] | None:
        kind = row["kind"]
        for column in _IDLE_COLUMNS[kind]:
            if row[_FIELD[column]]:
                return (
                    column,
                    f"a {kind} has no {column}, the row has {self.plain(row[_FIELD[column]])}",
                    False,
                )
        if kind == "CHARGE" and row["units"] * row["unit_amount_minor"] != row["amount_minor"]:
            product = self.plain(int(row["units"] * row["unit_amount_minor"]))
            units = Decimal(row["units"]).normalize()
            return (
                "AMOUNT",
                (
                    f"AMOUNT is {self.plain(row['amount_minor'])}, but UNITS {units:f} x UNITAMOUNT "
                    f"{self.plain(row['unit_amount_minor'])} = {product}"
                ),
                False,
            )
        if kind == "TRANSFERIN" and row["amount_minor"] != row["transfers_minor"]:
            return (
                "AMOUNT",
                f"AMOUNT is {self.plain(row['amount_minor'])}, but TRANSFERS {self.plain(row['transfers_minor'])}",
                False,
            )
        if kind in ("TRANSFEROUT", "TRANSFERIN") and row["transfers_minor"] != row["outstanding_minor"]:
            return (
                "TRANSFERS",
                (
                    f"a transfer moves all that is open: TRANSFERS is {self.plain(row['transfers_minor'])}, "
                    f"OUTSTANDING {self.plain(row['outstanding_minor'])}"
                ),
                False,
            )
        return None

    def _check_posted(self, row: dict[str, Any], posted: int, own: int) -> tuple[str, str, bool] | None:
        """The entry of the row against the row's own amount."""
        kind, column = row["kind"], _OWN_COLUMN[row["kind"]]
        if kind in ("TRANSFEROUT", "TRANSFERIN"):
            return self._check_moved(row, posted, own)
        if kind == "PAYMENT" and not own:
            return column, "a payment of 0.00 is none: nothing was recorded", False
        if (
            kind == "ADJUSTMENT"
            and 0 <= posted < own
            and row["outstanding_minor"] == row["balance_minor"] == 0
        ):
            return (
                column,
                f"only {self.plain(posted)} of the adjustment {self.plain(own)} was still open",
                True,
            )
        if posted != own:
            return (
                column,
                (
                    f"the books hold {self.plain(posted)} for this row since it was first imported, "
                    f"the file says {self.plain(own)}"
                ),
                False,
            )
        if kind == "PAYMENT" and row["cash_point"] != f"synthea-{row['method'].lower()}":
            return (
                "METHOD",
                (
                    f"the books hold the payment at {row['cash_point']} since it was first imported, "
                    f"the file says {row['method']}"
                ),
                False,
            )
        return None

    def _check_moved(self, row: dict[str, Any], posted: int, own: int) -> tuple[str, str, bool] | None:
        """A transfer moves its amount, or less when a row before it left less to move."""
        if not row["has_payer"] or (row["kind"], row["transfer_type"]) == ("TRANSFERIN", "p"):
            return None
        movable = self.left_payer if row["kind"] == "TRANSFERIN" else max(row["balance_minor"], 0)
        if posted in (own, min(own, movable)):
            return None
        return "TRANSFERS", f"{self.plain(own)} was to move, {self.plain(posted)} did", False

    def _explain_balance(self, row: dict[str, Any]) -> tuple[str, str, bool]:
        unallocated = -row["unallocated_minor"]
        if row["method"] == "COPAY" and row["outstanding_minor"] == 0 and unallocated == -self.difference:
            return (
                "PAYMENTS",
                (
                    f"the co-pay is {self.plain(unallocated)} above the charge; Synthea then writes 0.00, "
                    "we hold the excess as a deposit of the patient"
                ),
                True,
            )
        kind = row["kind"]
        if kind in ("TRANSFEROUT", "TRANSFERIN"):
            return "OUTSTANDING", "a transfer leaves the balance as it was; the row says another", False
        column = _OWN_COLUMN[kind]
        own = row[_FIELD[column]]
        fitting = own + self.difference
        reason = f"it would agree with {column} {self.plain(fitting)} instead of {self.plain(own)}"
        if unallocated:
            reason += f"; {self.plain(unallocated)} is above the charge and held unallocated"
        return column, reason, False

    def arithmetic(self, row: dict[str, Any], stated: int) -> str:
        """The sum that gives the ledger's balance, against what the row states."""
        balance = row["balance_minor"]
        equation = " ".join(self.terms) + (f" = {self.plain(balance)}" if len(self.terms) > 1 else "")
        word = "UNITS x UNITAMOUNT" if row["kind"] == "CHARGE" else "OUTSTANDING"
        return f"{equation}; {word} is {self.plain(stated)}; difference {self.plain(balance - stated)}"


def judge(rows: Iterable[dict[str, Any]], currency: str) -> Iterator[Verdict]:
    """A verdict per row; ``rows`` come ordered by charge line, then by line of the file.

    A CHARGE row is judged twice in one verdict: its own amount, and at the end the line's final balance
    against the OUTSTANDING that it states.
    """
    line = _Line(currency)
    charge: dict[str, Any] | None = None
    last: dict[str, Any] | None = None
    held: Verdict | None = None
    for row in rows:
        if row["kind"] == "CHARGE":
            if charge is not None and last is not None and held is not None:
                yield _close(line, charge, last, held)
            line, charge = _Line(currency), row
            held = _verdict(line, row)
        else:
            yield _verdict(line, row)
        last = row
    if charge is not None and last is not None and held is not None:
        yield _close(line, charge, last, held)


def _verdict(line: _Line, row: dict[str, Any]) -> Verdict:
    wrong = line.judge(row)
    if wrong is None:
        return Verdict(row, None, line.difference != 0)
    stated = row["balance_minor"] - line.difference
    return Verdict(row, _finding(line, row, wrong, row["balance_minor"], stated), False)


def _finding(
    line: _Line, row: dict[str, Any], wrong: tuple[str, str, bool], balance: int, stated: int
) -> Finding:
    column, reason, explained = wrong
    return Finding(
        row=row["source"],
        line=row["line"],
        claim=row["claim"],
        kind=row["kind"],
        column=column,
        balance_minor=balance,
        outstanding_minor=stated,
        difference_minor=balance - stated,
        arithmetic=line.arithmetic({**row, "balance_minor": balance}, stated),
        reason=reason,
        explained=explained,
    )


def _close(line: _Line, charge: dict[str, Any], last: dict[str, Any], held: Verdict) -> Verdict:
    """The verdict on the CHARGE row, now that the line's final balance is known."""
    if held.finding is not None:
        return held
    final, stated = last["balance_minor"], charge["outstanding_minor"]
    since = charge["open_minor"] - (final - line.unallocated)
    wrong = None
    if final - stated not in (0, line.difference):
        reason = (
            f"the line ends with {line.plain(final)}, its charge states {line.plain(stated)} as outstanding"
        )
        wrong = "OUTSTANDING", reason, False
    elif since:
        reason = f"postings other than the import's changed what is open by {line.plain(since)}"
        wrong = "OUTSTANDING", reason, True
    if wrong is not None:
        finding = _finding(
            line, {**charge, "kind": "line"}, wrong, final + (since if wrong[2] else 0), stated
        )
        return Verdict(charge, replace(finding, kind="CHARGE"), False)
    return Verdict(charge, None, final != stated)
