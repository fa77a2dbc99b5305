"""What the front end is built from, and what comes out."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FRONTEND = ROOT / "frontend"
BUILT = ROOT / "almoner" / "shell" / "static" / "dist"
BUDGET_BYTES = 150_000


@pytest.fixture(scope="module", autouse=True)
def _built() -> None:
    subprocess.run([sys.executable, str(FRONTEND / "build.py")], check=True, capture_output=True)


def test_the_lock_file_pins_versions_and_names_no_registry() -> None:
    lock = json.loads((FRONTEND / "package-lock.json").read_text())
    packages = {name: package for name, package in lock["packages"].items() if name}
    assert len(packages) > 10
    for name, package in packages.items():
        assert "integrity" in package and "version" in package, name
        assert "resolved" not in package, name


def test_dependencies_are_exact_versions() -> None:
    package = json.loads((FRONTEND / "package.json").read_text())
    for name, version in (package["dependencies"] | package["devDependencies"]).items():
        assert version[0].isdigit(), f"{name} {version}"


@pytest.mark.parametrize("style", ["app.css", "app.rtl.css"])
def test_a_first_load_stays_within_the_budget(style: str) -> None:
    sizes = [len(gzip.compress((BUILT / name).read_bytes())) for name in (style, "app.js", "theme.js")]
    assert min(sizes) > 0
    assert sum(sizes) < BUDGET_BYTES


def test_our_own_rules_survive_and_unused_ones_of_the_kit_do_not() -> None:
    css = (BUILT / "app.css").read_text()
    assert ".status-overdue" in css and ".btn-primary" in css
    assert ".carousel" not in css


def test_a_second_build_has_nothing_to_do() -> None:
    done = subprocess.run(
        [sys.executable, str(FRONTEND / "build.py")], check=True, capture_output=True, text=True
    )
    assert done.stdout == "Front end is up to date.\n"
