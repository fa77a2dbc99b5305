"""``python -m benchmarks``: measure, print one table, write ``results.json``, prove the books."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import warnings
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from benchmarks import floor, page_suites
from benchmarks.clients import Client, together
from benchmarks.databases import CHECKOUT, Server, environment_for, fingerprint
from benchmarks.measure import Result
from benchmarks.suites import FULL, QUICK, SIZES, SUITES, Bench

RESULTS = Path(__file__).with_name("results.json")
EXIT_MISSED = 1
console = Console(width=None if sys.stdout.isatty() else 150)


def prepare(server: Server, sizes: tuple[str, ...]) -> None:
    """A database to work on for every size: a copy of a loaded one, which is loaded if there is none."""
    known = server.names()
    before = ""
    for size in sizes:
        template = f"loaded_{fingerprint()}_{size}"
        if template not in known:
            with console.status(f"Loading {SIZES[size]:,} postings (once; later runs start with a copy)"):
                _load(server, template, before, SIZES[size])
        before = template
    for name in known - {f"loaded_{fingerprint()}_{size}" for size in (*SIZES, page_suites.BUSY)}:
        if name.startswith(("loaded_", "bench_")):
            server.drop(name)
    for size in sizes:
        server.copy(f"loaded_{fingerprint()}_{size}", f"bench_{size}")


def _load(server: Server, template: str, before: str, postings: int) -> None:
    """Load ``template``, going on from the smaller database ``before``, one client for each hospital."""
    work = f"bench_load_{os.getpid()}"
    if before:
        server.copy(before, work)
    else:
        server.create(work)
    environment = environment_for(server.urls(work))
    with Client("tasks", 0, environment) as north, Client("tasks", 1, environment) as south:
        if not before:
            north.call("make_hospitals")
        together([north, south], "load", postings)
    server.analyse(work)
    server.rename(work, template)


def verify(server: Server, database: str) -> bool:
    """Run ``almoner verify`` on the books that the benchmark leaves behind; what it says in one line, or,
    when something is off, all of it."""
    environment = {**os.environ, **environment_for(server.urls(database))}
    command = [str(Path(sys.executable).with_name("almoner")), "verify"]
    done = subprocess.run(command, env=environment, cwd=CHECKOUT, check=False, capture_output=True, text=True)
    said = done.stdout.strip()
    console.print(
        "almoner verify:", said.splitlines()[-1] if said and done.returncode == 0 else said + done.stderr
    )
    return done.returncode == 0


def render(results: list[Result]) -> Table:
    """The one table."""
    table = Table(title="Ours against the floor of the same run")
    for name, justify in (
        ("name", "left"),
        ("unit", "left"),
        ("ours", "right"),
        ("floor", "right"),
        ("ratio", "right"),
        ("target", "left"),
        ("p50 ms", "right"),
        ("p99 ms", "right"),
    ):
        table.add_column(name, justify="left" if justify == "left" else "right", no_wrap=True)
    for result in results:
        colour = {True: "green", False: "red", None: ""}[result.met]
        numbers = [f"{value:,.2f}" if value is not None else "" for value in (result.p50_ms, result.p99_ms)]
        decimals = 2 if result.unit.startswith("ms") else 1
        table.add_row(
            result.name,
            result.unit,
            f"{result.ours:,.{decimals}f}",
            f"{result.floor:,.{decimals}f}" if result.floor is not None else "",
            f"{result.ratio:.2f}" if result.ratio is not None else "",
            f"{result.target} {'✓' if result.met else '✗'}" if result.met is not None else "",
            *numbers,
            style=colour,
        )
    return table


def _concerns(wanted: str, suite: str) -> bool:
    """Whether ``wanted`` (``capture``, ``visit.http.4``) names ``suite``, a part of it, or what it belongs to."""
    return f"{wanted}.".startswith(f"{suite}.") or f"{suite}.".startswith(f"{wanted}.")


def print_floor() -> None:
    """The floor's SQL, word for word."""
    for name in ("capture", "capture_batch", "payment", "status", "capture_bare"):
        console.rule(f"floor: {name}")
        console.print(floor.statement(name), markup=False, highlight=False, soft_wrap=True)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--quick", is_flag=True, help="Fewer rounds, and 100 thousand postings instead of a million.")
@click.option(
    "--only", "only", multiple=True, metavar="NAME", help=f"Only these: {', '.join(SUITES)}. May be repeated."
)
@click.option("--without-verify", is_flag=True, help="Do not prove the books afterwards.")
def main(quick: bool, only: tuple[str, ...], without_verify: bool) -> None:
    """Measure Almoner against hand-written SQL in the same run. Exit code 1: a target was missed, or the
    books do not hold."""
    for name in only:
        if not any(_concerns(name, suite) for suite in SUITES):
            raise click.BadParameter(f"{name!r} is none of {', '.join(SUITES)}.", param_hint="--only")
    started = time.monotonic()
    plan = QUICK if quick else FULL
    server = Server()
    print_floor()
    prepare(server, plan.sizes)
    bench = Bench(server, plan)
    console.print(f"{server.durability()}; {os.cpu_count()} processors; {SIZES[plan.largest]:,} postings")
    results: list[Result] = []
    for name, suite in SUITES.items():
        if only and not any(_concerns(wanted, name) for wanted in only):
            continue
        with console.status(f"Measuring {name}"):
            for result in suite(bench):
                results.append(result)
                console.print(f"{result.name}: {result.ours:,.2f} {result.unit}", highlight=False)
    console.print(render(results))
    for result in results:
        console.print(f"{result.name}: {result.note}", style="dim", highlight=False)
    RESULTS.write_text(json.dumps([result.as_data() for result in results], indent=1) + "\n")
    databases = [bench.database(size) for size in plan.sizes]
    if page_suites.DATABASE in server.names():
        databases.append(page_suites.DATABASE)
    proved = {bench.database(), page_suites.DATABASE}.intersection(databases)
    verdicts = [without_verify or verify(server, name) for name in sorted(proved)]
    for name in databases:
        server.drop(name)
    console.print(f"Took {time.monotonic() - started:.0f} s; the figures are in {RESULTS.name}.")
    if not all(verdicts) or any(result.met is False for result in results):
        sys.exit(EXIT_MISSED)


if __name__ == "__main__":
    warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR")
    main()
