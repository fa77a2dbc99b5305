"""The nightly run, killed again and again: every period of every stay is charged in the end, and once."""

from __future__ import annotations

import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from datetime import datetime, timedelta
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import psutil

from almoner.kernel.clock import now
from benchmarks.faults.run import Report, connect, disconnect, judge_books
from benchmarks.faults.site import CHECKOUT, READY_TIMEOUT_SECONDS, Site, parse_json
from benchmarks.faults.strikes import (
    APPLICATION_NAMES,
    NIGHT_VICTIMS,
    NIGHTLY_RUN,
    WORKER,
    Strike,
    open_transactions,
    read_outcomes,
    strike,
)

DAILY_DEFINITIONS = 8
NIGHTS = 3
ATTEMPTS = 10
CHARGING = "charging_accrue"
"""The statement that writes the charges of some stays."""


def run_nights(data_dir: Path, *, stays: int, kills: int, tell: Callable[[str], None] = print) -> Report:
    """Charge ``stays`` for three nights of downtime, with ``kills`` kills on the way, and judge what is left.

    Before each kill its share of the stays is there to be charged: by ``almoner accrue``, by the background worker,
    or by both at once.
    """
    report = Report(stays, what="stays")
    with Site(data_dir, web_threads=1) as site:
        connect(site)
        start = now().replace(minute=0, second=0, microsecond=0) - timedelta(days=NIGHTS)
        place = _hospital()
        started = time.monotonic()
        for number, victim in enumerate(islice(cycle(NIGHT_VICTIMS), kills), start=1):
            with _worker_resting(site) if victim == NIGHTLY_RUN else nullcontext():
                for patient in range(stays * (number - 1) // kills, stays * number // kills):
                    _admit(place, start, f"Patient {patient}")
                hit = _strike_a_night(site, place, victim)
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


def _strike_a_night(site: Site, place: Any, victim: str) -> Strike:
    """Have the stays charged, by the run, the worker or both, and kill ``victim`` at it."""
    if victim != NIGHTLY_RUN:
        _have_the_worker_charge()
    disconnect()
    night = _start(site, place) if victim != WORKER else None
    try:
        target = psutil.Process(night.pid) if night is not None and victim == NIGHTLY_RUN else None
        return strike(site, victim, target, doing=CHARGING)
    finally:
        if night is not None:
            night.kill()
            night.wait()


@contextmanager
def _worker_resting(site: Site) -> Iterator[None]:
    """Let the worker stand still, between two transactions of its own."""
    worker = site.worker_process()
    if worker is None:
        raise RuntimeError("there is no worker")
    with site.look() as observer:
        worker.suspend()
        while open_transactions(observer, WORKER):
            worker.resume()
            time.sleep(0.1)
            worker.suspend()
    try:
        yield
    finally:
        worker.resume()


def _admit(place: Any, start: datetime, name: str) -> None:
    """A patient in a bed since ``start``; a database that is just coming back is waited for."""
    from django.db import InterfaceError, OperationalError

    deadline = time.monotonic() + READY_TIMEOUT_SECONDS
    while True:
        try:
            place.admit("general", start, name=name)
            return
        except (InterfaceError, OperationalError):
            disconnect()
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _hospital() -> Any:
    """A hospital that charges for days and hours in bed, without patients yet."""
    from tests.support.ward import make_ward_hospital

    place = make_ward_hospital()
    for number in range(1, DAILY_DEFINITIONS + 1):
        place.define(f"day_{number}", "daily", rate_minor=1000 * number)
    place.define("hour", "hourly", rate_minor=4500)
    return place


def _have_the_worker_charge() -> None:
    from procrastinate.exceptions import AlreadyEnqueued

    from almoner.shell.tasks import charge_ward_time

    with suppress(AlreadyEnqueued):
        charge_ward_time.defer()


def _start(site: Site, place: Any) -> subprocess.Popen[bytes]:
    command = [*site.almoner, "accrue", "--hospital", place.hospital.slug]
    return subprocess.Popen(
        command,
        env={**site.environment, "PGAPPNAME": APPLICATION_NAMES[NIGHTLY_RUN]},
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
