"""One run: a site, a client that asks, and kills spread over its work."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from benchmarks.faults.client import THREADS, read_journal
from benchmarks.faults.comparison import compare
from benchmarks.faults.plan import make_plan, write_plan
from benchmarks.faults.site import CHECKOUT, Site, parse_json, prepare_hospital
from benchmarks.faults.strikes import VICTIMS, Strike, read_outcomes, strike

PATIENTS = 25


@dataclass
class Report:
    """What a run came to. ``wrong`` is empty when every promise was kept."""

    requests: int
    what: str = "requests"
    seconds: float = 0.0
    strikes: list[Strike] = field(default_factory=list)
    acknowledged: int = 0
    replayed: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    verified: dict[str, Any] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    @property
    def landed_inside(self) -> int:
        return sum(strike.landed_inside for strike in self.strikes)


def run(
    data_dir: Path, *, requests: int, kills: int, seed: int = 1, tell: Callable[[str], None] = print
) -> Report:
    """Play ``requests`` captures and payments with ``kills`` kills in between, and judge what is left."""
    report = Report(requests)
    plan_file, journal_file = data_dir / "plan.json", data_dir / "journal.jsonl"
    with Site(data_dir, web_threads=THREADS) as site:
        hospital, people, key = _prepared(site)
        plan = make_plan(requests, [(person.id, person.account_id) for person in people], seed)
        write_plan(plan_file, plan)
        started = time.monotonic()
        client = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.faults.client", plan_file, journal_file, str(site.port), key],
            cwd=CHECKOUT,
        )
        try:
            _strike_now_and_then(site, client, journal_file, report, kills, tell)
            while client.poll() is None:
                site.check_alive()
                time.sleep(0.05)
            if client.returncode:
                report.wrong.append(f"the client ended with exit code {client.returncode}")
        finally:
            client.kill()
            client.wait()
        report.seconds = time.monotonic() - started
        site.await_ready()
        read_outcomes(site, report.strikes)
        journal = read_journal(journal_file)
        for promise, keys in compare(hospital, plan, journal).items():
            report.wrong += [f"{promise}: {key}" for key in keys]
        disconnect()
    report.wrong += [f"left behind: {process}" for process in site.left_behind()]
    _judge(site, report, journal)
    return report


def _prepared(site: Site) -> tuple[Any, list[Any], str]:
    connect(site)
    prepared = prepare_hospital(site, PATIENTS)
    disconnect()
    return prepared


def connect(site: Site) -> None:
    """Django in this process, on the site's database, without holding its server."""
    os.environ |= {
        "ALMONER_DATA_DIR": str(site.data_dir),
        "DATABASE_URL": site.server.get_uri("almoner", "almoner_app"),
        "DATABASE_MIGRATION_URL": site.server.get_uri("almoner", "almoner_owner"),
        "DJANGO_SETTINGS_MODULE": "almoner.shell.settings",
    }
    import django

    django.setup()


def disconnect() -> None:
    from django.db import connections

    connections.close_all()


def _strike_now_and_then(
    site: Site,
    client: subprocess.Popen[bytes],
    journal: Path,
    report: Report,
    kills: int,
    tell: Callable[[str], None],
) -> None:
    for number, victim in enumerate(islice(cycle(VICTIMS), kills), start=1):
        due = report.requests * number // (kills + 1)
        while client.poll() is None and len(read_journal(journal)) < due:
            site.check_alive()
            time.sleep(0.005)
        if client.poll() is not None:
            report.wrong.append(f"the client was done before kill {number} of {kills}")
            return
        hit = strike(site, victim)
        report.strikes.append(hit)
        where = "inside an open transaction" if hit.landed_inside else "outside any transaction"
        tell(f"{number:2d}. {victim} killed after {len(read_journal(journal))} acknowledgements, {where}")


def _judge(site: Site, report: Report, journal: list[dict[str, Any]]) -> None:
    report.acknowledged = len(journal)
    report.replayed = sum(acknowledgement["replayed"] for acknowledgement in journal)
    for acknowledgement in journal:
        report.failures.update(acknowledgement["failures"])
    judge_books(site, report)


def judge_books(site: Site, report: Report) -> None:
    """Whether ``almoner verify`` is clean, and enough kills landed where they should."""
    checked = site.run("verify", "--json")
    if checked.returncode not in (0, 1):
        report.wrong.append(f"almoner verify failed: {checked.stderr.decode()}")
        return
    report.verified = parse_json(checked.stdout)
    for hospital in report.verified["hospitals"]:
        for check in hospital["checks"]:
            report.wrong += [f"{check['check']}: {row['row']}: {row['detail']}" for row in check["rows"]]
    if 2 * report.landed_inside < len(report.strikes):
        report.wrong.append(f"only {report.landed_inside} kills landed inside an open transaction")
