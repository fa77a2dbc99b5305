"""The Synthea sample that nobody here wrote, when it lies beside the checkout."""

from __future__ import annotations

import os
import random
from decimal import Decimal
from pathlib import Path

import pytest

from almoner.interop.synthea.statistics import refresh_statistics
from almoner.interop.synthea.tests.support import Row, bring_in, changed, read_rows
from almoner.kernel.ids import new_id

pytestmark = pytest.mark.usefixtures("committed")


@pytest.fixture(scope="module")
def population() -> Path:
    beside = Path(__file__).resolve().parents[4]
    folder = Path(os.environ.get("ALMONER_SAMPLE_DATA", beside.parent / "shared" / "data")) / "synthea"
    if not folder.is_dir():
        pytest.skip(f"the Synthea sample is not at {folder} (ALMONER_SAMPLE_DATA says where)")
    return folder


def test_every_row_reconciles_and_a_second_run_adds_nothing(population: Path) -> None:
    rows = read_rows(population)
    slug = f"real-{new_id()}"
    result = bring_in(population, slug, analyse=refresh_statistics)
    assert (result.rows, result.reconciled, len(result.findings)) == (len(rows), len(rows), 0)
    paid = sum(Decimal(row["PAYMENTS"]) for row in rows)
    charged = sum(Decimal(row["AMOUNT"]) for row in rows if row["TYPE"] == "CHARGE")
    assert result.by_kind["PAYMENT"].ledger_minor == paid * 100
    assert result.by_kind["CHARGE"].ledger_minor == charged * 100
    assert bring_in(population, slug).posted == 0


def test_a_changed_amount_in_every_third_claim_is_named_and_nothing_else(
    population: Path, tmp_path: Path
) -> None:
    """One amount in each claim, chosen with a fixed seed; claims do not touch each other's lines."""
    chance = random.Random(20)
    columns = {
        "CHARGE": ["AMOUNT", "OUTSTANDING"],
        "PAYMENT": ["PAYMENTS", "OUTSTANDING"],
        "TRANSFEROUT": ["TRANSFERS", "OUTSTANDING"],
        "TRANSFERIN": ["TRANSFERS", "AMOUNT", "OUTSTANDING"],
    }
    expected = {}

    def change(rows: list[Row]) -> None:
        claims: dict[str, list[Row]] = {}
        for row in rows:
            claims.setdefault(row["CLAIMID"], []).append(row)
        for claim in list(claims.values())[::3]:
            row = chance.choice(claim)
            column = chance.choice(columns[row["TYPE"]])
            row[column] = str(
                Decimal(row[column]) + chance.choice([Decimal("0.01"), Decimal(1), Decimal(9999)])
            )
            expected[row["ID"]] = column

    result = bring_in(changed(tmp_path / "changed", change, population), analyse=refresh_statistics)
    assert {finding["row"]: finding["column"] for finding in result.findings} == expected
    assert len(expected) > 100
