"""An import that was killed is continued, and ends with the ledger that an undisturbed one has."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from almoner.hospitals.models import Hospital
from almoner.interop.synthea.statistics import refresh_statistics
from almoner.interop.synthea.tests.support import (
    SAMPLE,
    bring_in,
    changed,
    count,
    hospital_id,
    ledger_digest,
    multiplied,
)
from almoner.kernel.ids import new_id
from almoner.reports.verify import check_books
from almoner.reports.verify.snapshot import snapshot

pytestmark = pytest.mark.usefixtures("committed")
PATIENCE_SECONDS = 120


def _slug(name: str) -> str:
    return f"{name}-{new_id()}"


def _command(folder: Path, slug: str) -> subprocess.Popen[bytes]:
    program = "from almoner.shell.command_line import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", program, "import", "synthea", str(folder), "--hospital", slug, "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "almoner.shell.settings"},
    )


def _kill_after(slug: str, process: subprocess.Popen[bytes], entries: int) -> int:
    """Kill the import once it has committed ``entries`` journal entries; how many there were then."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if Hospital.objects.filter(slug=slug).exists() and count(slug, "ledger_journalentry") > entries:
            break
        time.sleep(0.01)
    assert process.poll() is None, f"the import ended before it could be killed: {process.stderr.read()!r}"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return count(slug, "ledger_journalentry")


def _finish(folder: Path, slug: str) -> dict[str, Any]:
    process = _command(folder, slug)
    output, errors = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0, errors.decode()
    return json.loads(output)  # type: ignore[no-any-return]


def test_killed_twice_and_continued_it_ends_with_the_same_ledger(tmp_path: Path) -> None:
    folder = multiplied(tmp_path / "many", 120)
    undisturbed, killed = _slug("undisturbed"), _slug("killed")
    whole = bring_in(folder, undisturbed, analyse=refresh_statistics)
    entries = count(undisturbed, "ledger_journalentry")
    first = _kill_after(killed, _command(folder, killed), 0)
    second = _kill_after(killed, _command(folder, killed), first)
    assert 0 < first < second < entries
    result = _finish(folder, killed)
    assert (result["rows"], result["reconciled"], result["unreconciled"]) == (whole.rows, whole.rows, [])
    assert 0 < result["posted"] < whole.posted
    assert ledger_digest(killed) == ledger_digest(undisturbed)
    assert count(killed, "ledger_journalentry") == entries
    with snapshot(hospital_id(killed)) as cursor:
        checks = check_books(cursor, limit=5)
    assert [(check.check.code, check.findings) for check in checks if check.wrong] == []
    assert _finish(folder, killed)["posted"] == 0


def test_rows_that_were_cut_off_are_added_by_the_next_run(tmp_path: Path) -> None:
    def cut(rows: list[dict[str, str]]) -> None:
        del rows[17:]

    grown, at_once = _slug("grown"), _slug("at-once")
    bring_in(changed(tmp_path / "part", cut), grown)
    result = bring_in(SAMPLE, grown)
    assert (result.reconciled, result.posted) == (30, 12)
    bring_in(SAMPLE, at_once)
    assert ledger_digest(grown) == ledger_digest(at_once)


def test_two_hospitals_may_take_in_the_same_population() -> None:
    one, other = _slug("one"), _slug("other")
    bring_in(SAMPLE, one)
    bring_in(SAMPLE, other)
    assert ledger_digest(one) == ledger_digest(other)


def test_books_with_overpaid_charges_are_proven(tmp_path: Path) -> None:
    def overpay(rows: list[dict[str, str]]) -> None:
        rows[1]["PAYMENTS"] = "200.00"
        rows[-1]["PAYMENTS"] = "200.00"

    slug = _slug("overpaid")
    assert len(bring_in(changed(tmp_path / "overpaid", overpay), slug).findings) == 2
    with snapshot(hospital_id(slug)) as cursor:
        checks = check_books(cursor, limit=5)
    assert sum(check.examined for check in checks) > 0
    assert [(check.check.code, check.findings) for check in checks if check.wrong] == []
