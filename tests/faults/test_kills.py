"""A few of the kills of ``make faults``: web process, database backend and postmaster, once each."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a run of 120 requests and three kills came to."""
    folder = tmp_path_factory.mktemp("faults")
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.faults", "--json", "--keep", str(folder)]
    run = subprocess.run([*command, "--requests", "120", "--kills", "3"], cwd=ROOT, capture_output=True)
    assert run.stdout, run.stderr.decode()
    document: dict[str, Any] = json.loads(run.stdout)
    return document


@pytest.mark.faults
def test_nothing_acknowledged_is_lost_and_nothing_doubled(report: dict[str, Any]) -> None:
    assert report["wrong"] == []
    assert report["acknowledged"] == report["requests"] == 120
    assert report["verify_is_clean"]


@pytest.mark.faults
def test_each_kind_of_process_was_killed_most_inside_an_open_transaction(report: dict[str, Any]) -> None:
    victims = [strike["victim"] for strike in report["strikes"]]
    assert victims == ["web process", "database backend", "postmaster"]
    assert report["landed_inside"] >= 2
    assert report["failures"]
