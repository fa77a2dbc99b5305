"""Whichever amount of a claim file is changed, the reconciliation names its row, its column and no other."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from almoner.interop.synthea.statistics import refresh_statistics
from almoner.interop.synthea.tests.support import SAMPLE, bring_in, multiplied, read_rows, write_rows

pytestmark = pytest.mark.usefixtures("committed")

BY = [Decimal("0.01"), Decimal("-0.01"), Decimal(5000), Decimal("-12.40")]
COLUMNS = {
    "CHARGE": ["AMOUNT", "UNITAMOUNT", "OUTSTANDING", "PAYMENTS", "ADJUSTMENTS"],
    "PAYMENT": ["PAYMENTS", "OUTSTANDING", "ADJUSTMENTS", "UNITAMOUNT"],
    "ADJUSTMENT": ["ADJUSTMENTS", "OUTSTANDING", "PAYMENTS"],
    "TRANSFEROUT": ["TRANSFERS", "OUTSTANDING"],
    "TRANSFERIN": ["TRANSFERS", "AMOUNT", "OUTSTANDING"],
}
CELLS = [
    (index, row["TYPE"], column)
    for index, row in enumerate(read_rows(SAMPLE))
    for column in COLUMNS[row["TYPE"]]
]


def test_every_amount_when_changed_is_named_and_no_other_row(tmp_path: Path) -> None:
    """As many copies of the sample as it has amounts, and in each copy another one is changed."""
    folder = multiplied(tmp_path / "copies", len(CELLS))
    rows = read_rows(folder)
    size = len(rows) // len(CELLS)
    expected = {}
    for copy, (index, kind, column) in enumerate(CELLS):
        place = copy * size + index
        amount = Decimal(rows[place][column] or 0) + BY[copy % len(BY)]
        if amount >= 0:  # a negative one is refused when the file is read
            rows[place][column] = str(amount)
            expected[rows[place]["ID"]] = (place + 2, kind, column)
    write_rows(folder, rows)
    result = bring_in(folder, analyse=refresh_statistics)
    found = {
        finding["row"]: (finding["line"], finding["kind"], finding["column"]) for finding in result.findings
    }
    assert found == expected
    assert len(expected) > 50
    assert result.rows == result.reconciled + len(expected)
    explained = {finding["kind"] for finding in result.findings if finding["explained"]}
    assert explained <= {"PAYMENT"}
