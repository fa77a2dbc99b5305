"""``almoner import synthea`` on the command line: what it prints, and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from almoner.interop.synthea.tests.support import SAMPLE, changed, read_rows
from almoner.kernel.ids import new_id
from almoner.shell.command_line import almoner

pytestmark = pytest.mark.usefixtures("committed")


def _run(folder: Path, *options: str) -> Result:
    return CliRunner().invoke(
        almoner, ["import", "synthea", str(folder), "--hospital", f"cli-{new_id()}", *options]
    )


def _pay(amount: str, folder: Path) -> Path:
    def change(rows: list[dict[str, str]]) -> None:
        rows[-1]["PAYMENTS"] = amount

    return changed(folder, change)


def test_json_is_one_document_and_the_exit_code_is_0_when_every_row_reconciles() -> None:
    result = _run(SAMPLE, "--json")
    document = json.loads(result.stdout)
    assert result.exit_code == 0
    assert (document["rows"], document["reconciled"], document["unreconciled"]) == (30, 30, [])
    assert document["totals"]["by_method"]["ECHECK"] == {
        "rows": 6,
        "reconciled": 6,
        "file_minor": 93_200,
        "ledger_minor": 93_200,
        "difference_minor": 0,
    }


def test_a_row_without_explanation_is_named_and_the_exit_code_is_1(tmp_path: Path) -> None:
    folder = _pay("146.17", tmp_path / "changed")
    result = _run(folder, "--json")
    [finding] = json.loads(result.stdout)["unreconciled"]
    assert result.exit_code == 1
    assert finding["difference_minor"] == 1
    table = _run(folder)
    assert table.exit_code == 1
    assert f"UNEXPLAINED: PAYMENT {finding['row']}, claims_transactions.csv line 31, PAYMENTS" in table.stdout
    assert "charge 146.18 - CASH payment 146.17 = 0.01; OUTSTANDING is 0.00; difference 0.01" in table.stdout


def test_the_balance_after_every_row_can_be_written_to_a_file(tmp_path: Path) -> None:
    folder = _pay("146.17", tmp_path / "changed")
    _run(folder, "--table", str(tmp_path / "rows.csv"))
    lines = read_rows(tmp_path, "rows.csv")
    assert [int(line["line"]) for line in sorted(lines, key=lambda line: int(line["line"]))] == list(
        range(2, 32)
    )
    by_line = {line["line"]: (line["balance"], line["outstanding"], line["verdict"]) for line in lines}
    assert by_line["10"] == ("35.55", "35.55", "reconciled")
    assert by_line["31"] == ("0.01", "0.00", "unexplained")
    assert by_line["30"] == ("0.01", "0.00", "carried")


def test_a_long_list_is_cut_and_says_so(tmp_path: Path) -> None:
    def change(rows: list[dict[str, str]]) -> None:
        for row in rows:
            if row["TYPE"] == "CHARGE":
                row["OUTSTANDING"] = "1.00"

    result = _run(changed(tmp_path / "changed", change), "--limit", "2")
    assert result.stdout.count("UNEXPLAINED") == 2
    assert "... and 7 more" in result.stdout


def test_a_bad_file_raises_a_refusal_that_main_turns_into_exit_code_65(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from almoner.shell.command_line import main

    folder = _pay("plenty", tmp_path / "changed")
    monkeypatch.setattr("sys.argv", ["almoner", "import", "synthea", str(folder)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 65
    assert "claims_transactions.csv:31:PAYMENTS: expected an amount" in capsys.readouterr().err
