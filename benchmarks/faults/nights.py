"""The nightly run, killed again and again: every period of every stay is charged in the end, and once."""

from __future__ import annotations

import subprocess
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import psutil

from almoner.kernel.clock import now
from benchmarks.faults.run import Report, connect, disconnect, judge_books
from benchmarks.faults.site import CHECKOUT, Site, parse_json
from benchmarks.faults.strikes import NIGHT_VICTIMS, read_outcomes, strike

DAILY_DEFINITIONS = 8
NIGHTS = 3
ATTEMPTS = 10


def run_nights(data_dir: Path, *, stays: int, kills: int, tell: Callable[[str], None] = print) -> Report:
    """Charge ``stays`` for three nights of downtime, with ``kills`` kills on the way, and judge what is left."""
    report = Report(stays, what="stays")
    with Site(data_dir, web_threads=1) as site:
        connect(site)
        start = now().replace(minute=0, second=0, microsecond=0) - timedelta(days=NIGHTS)
        place = _hospital(stays, start)
        disconnect()
        started = time.monotonic()
        for number, victim in enumerate(islice(cycle(NIGHT_VICTIMS), kills), start=1):
            night = _start(site, place)
            try:
                target = psutil.Process(night.pid) if victim == "nightly run" else None
                hit = strike(site, victim, target)
            finally:
                night.kill()
                night.wait()
            report.strikes.append(hit)
            where = "inside an open transaction" if hit.landed_inside else "outside any transaction"
            tell(f"{number:2d}. {victim} killed {where}")
            site.await_ready()
        for _ in range(ATTEMPTS):
            night = site.run("accrue", "--hospital", place.hospital.slug, "--json")
            if night.returncode == 0:
                break
        else:
            report.wrong.append(f"the run never came to its end: {night.stderr.decode()}")
        report.seconds = time.monotonic() - started
        read_outcomes(site, report.strikes)
        until = datetime.fromisoformat(parse_json(night.stdout)["as_of"])
        report.wrong += _misses(place, stays, start, until)
        report.acknowledged = stays
        disconnect()
    report.wrong += [f"left behind: {process}" for process in site.left_behind()]
    judge_books(site, report)
    return report


def _hospital(stays: int, start: datetime) -> Any:
    """A hospital in which ``stays`` patients came to bed at ``start``; nothing was charged since."""
    from tests.support.ward import make_ward_hospital

    place = make_ward_hospital()
    for number in range(1, DAILY_DEFINITIONS + 1):
        place.define(f"day_{number}", "daily", rate_minor=1000 * number)
    place.define("hour", "hourly", rate_minor=4500)
    for number in range(stays):
        place.admit("general", start, name=f"Patient {number}")
    return place


def _start(site: Site, place: Any) -> subprocess.Popen[bytes]:
    command = [*site.almoner, "accrue", "--hospital", place.hospital.slug]
    return subprocess.Popen(
        command,
        env=site.environment,
        cwd=CHECKOUT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _misses(place: Any, stays: int, start: datetime, until: datetime) -> list[str]:
    """Periods that were missed or charged twice."""
    from almoner.charging.models import ChargeItem

    count = (until - start) // timedelta(hours=1) + 1
    instants = [start + timedelta(hours=number) for number in range(count)]
    hours = {f"{instant:%Y-%m-%dT%H}Z" for instant in instants}
    days = {instant.date().isoformat() for instant in [*instants, until]}
    expected = {("hour", hour) for hour in hours}
    expected |= {(f"day_{number}", day) for number in range(1, DAILY_DEFINITIONS + 1) for day in days}
    with place.hospital.transaction():
        items = ChargeItem.objects.filter(charge_type__in=["daily", "hourly"], status="billable")
        charged = Counter(items.values_list("order_id", "rule_code", "service_period"))
    wrong = [f"charged {count} times: {key}" for key, count in charged.items() if count != 1]
    admissions = {order_id for order_id, _, _ in charged}
    if len(admissions) != stays:
        wrong.append(f"{len(admissions)} of {stays} stays are charged")
    for admission_id in admissions:
        mine = {(code, period) for order_id, code, period in charged if order_id == admission_id}
        wrong += [f"{admission_id}: missed {key}" for key in sorted(expected - mine)]
        wrong += [f"{admission_id}: too much {key}" for key in sorted(mine - expected)]
    return wrong
