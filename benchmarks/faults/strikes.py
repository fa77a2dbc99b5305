"""``kill -9``, at a moment when a transaction has written something and not yet ended.

Who is to be killed is first stopped, then it is looked whether the transaction is still open, and only
then is the kill sent: so it is known, and not guessed, where it landed.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import psutil
import psycopg

from benchmarks.faults.site import Site

WEB_PROCESS, NIGHTLY_RUN, WORKER = "web process", "nightly run", "worker"
VICTIMS = (WEB_PROCESS, "database backend", "postmaster")
NIGHT_VICTIMS = (NIGHTLY_RUN, "database backend", WORKER, "postmaster")
APPLICATION_NAMES = {
    WEB_PROCESS: "almoner web server",
    NIGHTLY_RUN: "almoner nightly run",
    WORKER: "almoner background worker",
}
"""Who works in transactions, as PostgreSQL knows their connections; nobody else's are theirs."""
PATIENCE_SECONDS = 10.0
# A process stopped while it holds one of PostgreSQL's internal locks would stop the observer too.
LONGEST_STOP_SECONDS = 0.5
_OPEN = """
    SELECT pid, backend_xid::text FROM pg_stat_activity
    WHERE usename = 'almoner_app' AND backend_xid IS NOT NULL AND xact_start IS NOT NULL
      AND (application_name = %(name)s OR %(name)s = '') AND position(%(doing)s IN query) > 0
    -- Rather in the middle of the work than while the commit is being written.
    ORDER BY query = 'COMMIT' OR coalesce(wait_event, '') IN ('WalSync', 'WALWrite'), xact_start DESC
"""


@dataclass
class Strike:
    """A kill: of whom, whether it landed inside an open transaction, and how that transaction ended."""

    victim: str
    transaction: str | None
    outcome: str = ""

    @property
    def landed_inside(self) -> bool:
        return self.transaction is not None


def strike(site: Site, victim: str, target: psutil.Process | None = None, doing: str = "") -> Strike:
    """Kill ``victim`` inside an open transaction, or after ``PATIENCE_SECONDS`` wherever it stands.

    ``target`` is its process when it is none of the site's own; the statement that is run contains ``doing``.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    # Found beforehand: looking through the processes takes longer than a transaction.
    target = target or _target(site, victim)
    with suppress(psycopg.OperationalError), site.look() as observer:
        while time.monotonic() < deadline:
            for backend, transaction in open_transactions(observer, victim, doing):
                aim = target or psutil.Process(backend)
                with suppress(psutil.NoSuchProcess, ProcessLookupError):
                    if _kill_within(aim, victim, doing, observer, backend, transaction):
                        return Strike(victim, transaction)
    if target is not None:
        target.kill()
    return Strike(victim, None)


def open_transactions(
    observer: psycopg.Connection[Any], victim: str, doing: str = ""
) -> list[tuple[int, str]]:
    """Backend and transaction of those that would be hit, and that have written something."""
    return observer.execute(_OPEN, {"name": APPLICATION_NAMES.get(victim, ""), "doing": doing}).fetchall()


def _target(site: Site, victim: str) -> psutil.Process | None:
    """The process to kill; None for a backend, which is chosen by its transaction."""
    if victim == "database backend":
        return None
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        target = {WEB_PROCESS: site.web_process, WORKER: site.worker_process}.get(victim, site.postmaster)()
        if target is not None:
            return target
        time.sleep(0.05)
    raise RuntimeError(f"there is no {victim} to kill")


def _kill_within(
    target: psutil.Process,
    victim: str,
    doing: str,
    observer: psycopg.Connection[Any],
    backend: int,
    transaction: str,
) -> bool:
    """Kill if ``transaction`` is still open once its process stands still; whether that was so."""
    # A postmaster does no work of its own: what must stand still is the backend.
    with _standing_still(target.pid if victim in APPLICATION_NAMES else backend):
        still_open = (backend, transaction) in open_transactions(observer, victim, doing)
        if still_open:
            target.kill()
    return still_open


@contextmanager
def _standing_still(process: int) -> Iterator[None]:
    def go_on() -> None:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGCONT)

    timer = threading.Timer(LONGEST_STOP_SECONDS, go_on)
    timer.start()
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        timer.cancel()
        go_on()


def read_outcomes(site: Site, strikes: list[Strike]) -> None:
    """Ask PostgreSQL what became of the transactions that were hit: ``committed`` or ``aborted``."""
    with site.look() as observer:
        for each in strikes:
            if each.transaction is not None:
                row = observer.execute("SELECT pg_xact_status(%s::text::xid8)", [each.transaction]).fetchone()
                each.outcome = row[0] if row and row[0] else "forgotten"
