"""``almoner config``: what people and programs see, and the exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from almoner.hospitals.models import Hospital
from almoner.interop.hospital_file.schema import published_text
from almoner.interop.hospital_file.tests.samples import SECTION_1_2, small
from almoner.kernel.ids import new_id
from almoner.shell.command_line import almoner

pytestmark = pytest.mark.usefixtures("committed")


@pytest.fixture
def slug() -> str:
    return f"config-{new_id().hex}"


@pytest.fixture
def file(tmp_path: Path, slug: str) -> Path:
    path = tmp_path / "hospital.yaml"
    path.write_text(small(slug))
    return path


def _run(*arguments: object, typed: str | None = None) -> Result:
    return CliRunner().invoke(almoner, ["config", *map(str, arguments)], input=typed, catch_exceptions=False)


def test_check_names_file_line_and_column_and_exits_with_1(file: Path) -> None:
    assert _run("check", file).exit_code == 0
    file.write_text(file.read_text().replace("$75", "free").replace("diagnostic", "diagnostics"))
    result = _run("check", file)
    assert result.exit_code == 1
    assert f"{file}:8:23: departments.cardiology.consultation_fee: Expected an amount" in result.stderr
    assert f"{file}:10:11: departments.laboratory.kind: Expected one of" in result.stderr
    assert result.stderr.endswith("2 problems.\n")


def test_check_tells_programs_the_same(file: Path) -> None:
    assert json.loads(_run("check", file, "--json").stdout) == {
        "file": str(file),
        "valid": True,
        "problems": [],
    }
    file.write_bytes(b"hospital: \xff")
    result = _run("check", file, "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["problems"] == [
        {
            "file": str(file),
            "line": 1,
            "column": 11,
            "path": "",
            "message": "Expected UTF-8 text, found the byte 0xFF.",
        }
    ]


def test_load_shows_the_changes_and_asks_before_it_makes_them(file: Path, slug: str) -> None:
    declined = _run("load", file, typed="n\n")
    assert declined.exit_code == 1
    assert "+ cbc: name: Complete Blood Count; kind: laboratory" in declined.stdout
    assert not Hospital.objects.filter(slug=slug).exists()
    assert _run("load", file, typed="").exit_code == 1
    assert not Hospital.objects.filter(slug=slug).exists()
    accepted = _run("load", file, typed="y\n")
    assert accepted.exit_code == 0
    assert accepted.stdout.endswith(f"Loaded: {slug} is now at version 1.\n")
    file.write_text(file.read_text().replace("$75", "$80"))
    changed = _run("load", file, "--yes")
    assert "~ consultation_cardiology from 2000-01-01: price: $75.00 -> $80.00" in changed.stdout
    assert Hospital.objects.get(slug=slug).configuration_version == 2


def test_load_tells_programs_the_changes_and_loads_only_with_yes(file: Path, slug: str) -> None:
    shown = json.loads(_run("load", file, "--json").stdout)
    assert (shown["loaded"], shown["version"], shown["hospital"]) == (False, 0, slug)
    assert not Hospital.objects.filter(slug=slug).exists()
    loaded = json.loads(_run("load", file, "--json", "--yes").stdout)
    assert (loaded["loaded"], loaded["version"], loaded["changes"]) == (True, 1, shown["changes"])
    again = json.loads(_run("load", file, "--json", "--yes").stdout)
    assert (again["loaded"], again["version"], again["changes"]) == (False, 1, [])


def test_load_refuses_a_file_with_mistakes_with_65(file: Path, slug: str) -> None:
    file.write_text(file.read_text().replace("currency: USD", "currency: dollars"))
    result = _run("load", file, "--yes")
    assert result.exit_code == 65
    assert f"{file}:4:13: hospital.currency: Expected an ISO 4217 currency" in result.stderr
    as_json = _run("load", file, "--yes", "--json")
    assert (as_json.exit_code, json.loads(as_json.stdout)["valid"]) == (65, False)
    assert not Hospital.objects.filter(slug=slug).exists()


def test_export_writes_what_load_takes_from_standard_input(file: Path, slug: str) -> None:
    _run("load", file, "--yes")
    exported = _run("export", "--hospital", slug)
    assert exported.exit_code == 0
    result = _run("load", "-", typed=exported.stdout)
    assert (result.exit_code, result.stdout) == (0, f"{slug}: nothing to change (version 1).\n")


def test_a_department_block_alone_is_loaded_for_the_hospital_that_is_named(file: Path, slug: str) -> None:
    _run("load", file, "--yes")
    file.write_text(SECTION_1_2)
    assert _run("load", file, "--yes").exit_code == 65
    assert _run("check", file, "--hospital", slug).exit_code == 0
    loaded = _run("load", file, "--yes", "--hospital", slug)
    assert loaded.stdout.endswith(f"Loaded: {slug} is now at version 2.\n")


def test_schema_prints_the_published_schema() -> None:
    assert _run("schema").stdout == published_text()
