"""Importing a population: check all, write what is missing, compare everything with the books."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TextIO

from django.db import OperationalError, connection
from django.db.transaction import atomic

from almoner.hospitals.models import Hospital
from almoner.interop.synthea import directory
from almoner.interop.synthea.ledger_rows import post_rows
from almoner.interop.synthea.report import Reconciliation, reconcile
from almoner.interop.synthea.staging import stage
from almoner.interop.synthea.statistics import Growth
from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict, DomainError
from almoner.kernel.money import is_currency

PERMISSION_IMPORT = "interop.import"
LOCK_TIMEOUT_SECONDS = 60

# Told (step, records done, records in all or 0 when that is not known yet).
Advance = Callable[[str, int, int], None]


def import_population(
    folder: Path,
    *,
    slug: str,
    name: str,
    currency: str,
    time_zone: str,
    actor: Actor,
    at: datetime,
    advance: Advance = lambda step, done, total: None,
    analyse: Callable[[], None] = lambda: None,
    table: TextIO | None = None,
) -> Reconciliation:
    """Bring the Synthea export in ``folder`` into the hospital ``slug``, and reconcile it.

    Running it again adds nothing; after a kill it goes on where the last window of rows was committed.
    ``analyse`` (``statistics.refresh_statistics``, outside a transaction) is called as the tables grow;
    ``table`` takes the balance after every row as CSV (see ``report.reconcile``). Raises ``BadFile``
    naming file, line and column (then nothing was written) and ``Conflict`` when the hospital cannot take
    the import.
    """
    actor.require(PERMISSION_IMPORT)
    if not is_currency(currency):
        raise DomainError(
            f"{currency!r} is not an ISO 4217 currency.", field="--currency", code="unknown_currency"
        )
    known = Hospital.objects.filter(slug=slug).first()
    if known is not None and known.currency != currency:
        raise Conflict(
            f"The hospital {slug!r} keeps its books in {known.currency}, not {currency}.",
            field="--currency",
            code="wrong_currency",
        )
    hospital = known or Hospital(slug=slug, name=name, currency=currency, time_zone=time_zone)
    with _one_import_at_a_time(slug):
        with atomic():
            staged = stage(
                folder,
                hospital.id,
                currency,
                at=at,
                advance=lambda file, count: advance(f"Reading {file}", count, 0),
            )
        hospital = directory.open_hospital(hospital)
        directory.import_departments(hospital)
        directory.import_payers(hospital)
        directory.import_catalog(hospital)
        directory.import_patients(
            hospital, at=at, advance=_counted("Patients", staged.records["patients"], advance)
        )
        directory.import_coverage(
            hospital, advance=_counted("Coverage", staged.records["payer_transitions"], advance)
        )
        directory.import_encounters(
            hospital,
            actor=actor,
            at=at,
            advance=_counted("Encounters", staged.records["encounters"], advance),
            growth=Growth(analyse),
        )
        posted = post_rows(
            hospital,
            actor=actor,
            at=at,
            advance=_counted("Transactions", staged.rows, advance),
            growth=Growth(analyse),
        )
        reconciliation = Reconciliation(
            hospital=slug, currency=currency, records=staged.records, posted=posted
        )
        reconcile(
            hospital, reconciliation, advance=_counted("Reconciling", staged.rows, advance), table=table
        )
    return reconciliation


def _counted(step: str, total: int, advance: Advance) -> Callable[[int], None]:
    return lambda count: advance(step, count, total)


@contextmanager
def _one_import_at_a_time(slug: str) -> Iterator[None]:
    """Hold the hospital's import lock; wait for one that is just ending (its process was killed)."""
    key = f"almoner.synthea.{slug}"
    try:
        with atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{LOCK_TIMEOUT_SECONDS}s"])
            cursor.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [key])
    except OperationalError as error:
        raise Conflict(
            f"Another import into {slug!r} is running.", field="--hospital", code="import_running"
        ) from error
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [key])
