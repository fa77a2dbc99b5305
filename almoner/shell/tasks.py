"""Work that nobody waits for: what the background worker does, and when.

Procrastinate keeps the jobs in the database; a lock on each kind of work keeps a second one from being
queued while the first still waits. Work on one hospital or stay never keeps others from theirs: what
failed is told at the end, which marks the job as failed, and is tried again the next time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import TypeVar
from uuid import UUID

from procrastinate.contrib.django import app

from almoner.enforcement.late_fees import charge_late_fees, find_late_fees
from almoner.hospitals.models import Hospital
from almoner.identity import audit
from almoner.kernel.actor import system
from almoner.kernel.clock import now
from almoner.messaging.delivery import send_due
from almoner.messaging.outbox import write_reminders
from almoner.service_points.ward.accrual import accrue_hospital

Subject = TypeVar("Subject")
log = logging.getLogger(__name__)


class WorkFailed(Exception):
    """Part of a job could not be done; the log says which part and why."""


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="seal_audit_trails")
def seal_audit_trails(timestamp: int = 0) -> None:
    """Every minute: seal what was added to each hospital's audit trail."""
    _for_each(Hospital.objects.values_list("id", flat=True), seal_audit_trail)


def seal_audit_trail(hospital_id: UUID) -> None:
    """Seal everything that one hospital's audit trail holds unsealed."""
    while audit.seal(hospital_id, at=now()):
        pass


@app.periodic(cron="1 * * * *")
@app.task(queueing_lock="charge_ward_time")
def charge_ward_time(timestamp: int = 0) -> None:
    """Just after every full hour: charge the hours begun in a bed, and the days where midnight has passed.

    Midnight comes to hospitals at different times, in some zones at half past the hour: the run of the next
    full hour charges it. What fell due while nothing ran is charged by the first run afterwards.
    """
    _for_each(Hospital.objects.values_list("id", flat=True), charge_ward_time_of)


def charge_ward_time_of(hospital_id: UUID) -> None:
    """Charge one hospital's stays up to now. Raises ``WorkFailed`` when some could not be charged."""
    at = now()
    run = accrue_hospital(hospital_id, until=at, actor=system("jobs"), at=at)
    if run.failed:
        raise WorkFailed(f"{len(run.failed)} of {run.stays} stays could not be charged.")


@app.periodic(cron="21 * * * *")
@app.task(queueing_lock="charge_overdue_accounts")
def charge_overdue_accounts(timestamp: int = 0) -> None:
    """Every hour: charge the late fees that fell due; each visit bears one a period (``enforcement.late_fees``)."""
    _for_each(Hospital.objects.values_list("id", flat=True), charge_overdue_accounts_of)


def charge_overdue_accounts_of(hospital_id: UUID) -> None:
    """Charge one hospital's late fees up to now."""
    at = now()
    fees = find_late_fees(hospital_id, at=at)
    charge_late_fees(hospital_id, fees, actor=system("jobs"), at=at)


@app.periodic(cron="41 * * * *")
@app.task(queueing_lock="remind_patients")
def remind_patients(timestamp: int = 0) -> None:
    """Every hour: write the reminders that are due; each step of a thing is written once (``messaging.outbox``)."""
    _for_each(Hospital.objects.values_list("id", flat=True), remind_patients_of)


def remind_patients_of(hospital_id: UUID) -> None:
    """Write one hospital's reminders as of now."""
    write_reminders(hospital_id, at=now())


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="send_messages")
def send_messages(timestamp: int = 0) -> None:
    """Every minute: send what waits in the outboxes."""
    _for_each(Hospital.objects.values_list("id", flat=True), send_messages_of)


def send_messages_of(hospital_id: UUID) -> None:
    """Send what one hospital has waiting now."""
    send_due(hospital_id, at=now())


def _for_each(subjects: Iterable[Subject], work: Callable[[Subject], object]) -> None:
    failed = 0
    for subject in list(subjects):
        try:
            work(subject)
        except Exception:
            failed += 1
            log.exception("Work on %s failed", subject)
    if failed:
        raise WorkFailed(f"{failed} could not be done.")
