"""A file that cannot be read is refused with file, line and column, and nothing is written."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from almoner.hospitals.models import Hospital
from almoner.interop.synthea.files import BadFile
from almoner.interop.synthea.tests.support import SAMPLE, TRANSACTIONS, bring_in, copy_population

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return copy_population(SAMPLE, tmp_path / "population")


def _refusal(folder: Path) -> BadFile:
    with pytest.raises(BadFile) as refused:
        bring_in(folder, "refused")
    assert not Hospital.objects.filter(slug="refused").exists()
    return refused.value


def _replace(folder: Path, file: str, line: int, old: str, new: str) -> None:
    path = folder / file
    lines = path.read_text(encoding="utf-8").split("\n")
    assert old in lines[line - 1]
    lines[line - 1] = lines[line - 1].replace(old, new, 1)
    path.write_text("\n".join(lines), encoding="utf-8")


@pytest.mark.parametrize(
    ("file", "line", "old", "new", "place", "words"),
    [
        (TRANSACTIONS, 1, "OUTSTANDING", "OWED", f"{TRANSACTIONS}:1:OUTSTANDING", "missing"),
        (TRANSACTIONS, 1, "NOTES", "AMOUNT", f"{TRANSACTIONS}:1:AMOUNT", "twice"),
        (TRANSACTIONS, 3, ",136.80,", ",136.8x,", f"{TRANSACTIONS}:3:PAYMENTS", "136.8x"),
        (TRANSACTIONS, 3, ",136.80,", ",136.805,", f"{TRANSACTIONS}:3:PAYMENTS", "2 decimal places"),
        (TRANSACTIONS, 3, ",136.80,", ",-136.80,", f"{TRANSACTIONS}:3:PAYMENTS", "not negative"),
        (TRANSACTIONS, 3, ",136.80,", ",1368000000000.00,", f"{TRANSACTIONS}:3:PAYMENTS", "too large"),
        (TRANSACTIONS, 3, ",136.80,", ",1e3,", f"{TRANSACTIONS}:3:PAYMENTS", "1e3"),
        (TRANSACTIONS, 2, "2019-03-04", "2019-02-30", f"{TRANSACTIONS}:2:FROMDATE", "2019-02-30"),
        (TRANSACTIONS, 2, "2019-03-04", "2999-03-04", f"{TRANSACTIONS}:2:FROMDATE", "future"),
        (TRANSACTIONS, 2, "T14:00:00Z", "", f"{TRANSACTIONS}:2:FROMDATE", "time"),
        (TRANSACTIONS, 2, "CHARGE", "FEE", f"{TRANSACTIONS}:2:TYPE", "'FEE'"),
        (TRANSACTIONS, 3, "ECHECK", "SHELLS", f"{TRANSACTIONS}:3:METHOD", "SHELLS"),
        (TRANSACTIONS, 3, "ECHECK", "", f"{TRANSACTIONS}:3:METHOD", "PAYMENT"),
        (TRANSACTIONS, 3, ",410620009,", ",1,", f"{TRANSACTIONS}:3:PROCEDURECODE", "without a CHARGE"),
        ("patients.csv", 2, "1950-02-03", "yesterday", "patients.csv:2:BIRTHDATE", "yesterday"),
        ("encounters.csv", 3, "2020-05-08", "2020-05-01", "encounters.csv:3:STOP", "before it starts"),
        ("procedures.csv", 2, "250.00", "cheap", "procedures.csv:2:BASE_COST", "cheap"),
        ("claims.csv", 2, ",", ", ", "claims.csv:2:PATIENTID", "identifier"),
    ],
)
def test_a_bad_value_is_named(
    folder: Path, file: str, line: int, old: str, new: str, place: str, words: str
) -> None:
    _replace(folder, file, line, old, new)
    refusal = _refusal(folder)
    assert refusal.field == place
    assert words in refusal.message


def test_an_unknown_patient_is_named(folder: Path) -> None:
    path = folder / "patients.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([lines[0], *lines[2:]]), encoding="utf-8")
    refusal = _refusal(folder)
    assert refusal.field == "payer_transitions.csv:2:PATIENT"
    assert "patients.csv" in refusal.message


def test_an_unknown_claim_is_named(folder: Path) -> None:
    claim = (folder / "claims.csv").read_text(encoding="utf-8").split("\n")[1].split(",")[0]
    _replace(folder, "claims.csv", 2, claim, "another")
    assert _refusal(folder).field == f"{TRANSACTIONS}:2:CLAIMID"


def test_another_patients_encounter_is_named(folder: Path) -> None:
    lines = (folder / "patients.csv").read_text(encoding="utf-8").split("\n")
    ana, bo = lines[1].split(",")[0], lines[2].split(",")[0]
    _replace(folder, TRANSACTIONS, 2, ana, bo)
    assert _refusal(folder).field == f"{TRANSACTIONS}:2:APPOINTMENTID"


def test_an_id_that_stands_twice_is_named(folder: Path) -> None:
    path = folder / TRANSACTIONS
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([*lines, lines[1]]), encoding="utf-8")
    refusal = _refusal(folder)
    assert refusal.field == f"{TRANSACTIONS}:{len(lines) + 1}:ID"
    assert "line 2" in refusal.message


def test_a_truncated_line_is_named(folder: Path) -> None:
    path = folder / TRANSACTIONS
    data = path.read_bytes()
    path.write_bytes(data[: data.rindex(b"\n", 0, -1) + 60])
    refusal = _refusal(folder)
    assert refusal.field.startswith(f"{TRANSACTIONS}:31:")
    assert "truncated" in refusal.message


def test_an_open_quotation_mark_is_named(folder: Path) -> None:
    _replace(folder, TRANSACTIONS, 5, ",PAYMENT", ',"PAYMENT')
    assert _refusal(folder).field.startswith(f"{TRANSACTIONS}:5")


def test_a_wrong_encoding_is_named(folder: Path) -> None:
    path = folder / "patients.csv"
    path.write_bytes(path.read_text(encoding="utf-8").replace("Bo,Sample", "Bö,Sample").encode("latin-1"))
    refusal = _refusal(folder)
    assert refusal.field == "patients.csv:3"
    assert "UTF-8" in refusal.message


def test_utf_16_is_named(folder: Path) -> None:
    path = folder / "payers.csv"
    path.write_bytes(path.read_text(encoding="utf-8").encode("utf-16"))
    assert _refusal(folder).field == "payers.csv:1"


def test_a_byte_order_mark_and_windows_line_ends_are_read(folder: Path) -> None:
    path = folder / TRANSACTIONS
    text = path.read_text(encoding="utf-8").replace("\n", "\r\n")
    path.write_bytes(text.encode("utf-8-sig"))
    assert bring_in(folder).reconciled == 30


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "claims.csv").unlink()
    assert _refusal(folder).field == "claims.csv"


def test_an_empty_file_is_named(folder: Path) -> None:
    (folder / "claims.csv").write_bytes(b"")
    assert _refusal(folder).field == "claims.csv:1"


def test_a_folder_that_is_not_there_is_refused(folder: Path) -> None:
    shutil.rmtree(folder)
    assert _refusal(folder).field == "organizations.csv"
