"""A few of the kills of ``make faults``: web process, database backend and postmaster, once each."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.faults
def test_kills_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.faults", "--json", "--keep", str(tmp_path)]
    run = subprocess.run([*command, "--requests", "120", "--kills", "3"], cwd=ROOT, capture_output=True)
    assert run.stdout, run.stderr.decode()
    report = json.loads(run.stdout)
    assert report["wrong"] == []
    assert report["acknowledged"] == report["requests"] == 120
    assert report["verify_is_clean"]
    assert [strike["victim"] for strike in report["strikes"]] == [
        "web process",
        "database backend",
        "postmaster",
    ]
    assert report["landed_inside"] >= 2
    assert report["failures"]
