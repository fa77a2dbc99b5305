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

from almoner.hospitals.models import Hospital
from almoner.identity import audit
from almoner.kernel.actor import system
from almoner.kernel.clock import now
from almoner.kernel.tenancy import transaction
from almoner.service_points.ward.models import BedStay
from almoner.service_points.ward.operations import accrue_daily

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


@app.periodic(cron="5 * * * *")
@app.task(queueing_lock="charge_ward_days")
def charge_ward_days(timestamp: int = 0) -> None:
    """Every hour, since midnight comes to hospitals at different times: charge the days of those in bed."""
    _for_each(Hospital.objects.values_list("id", flat=True), charge_ward_days_of)


def charge_ward_days_of(hospital_id: UUID) -> None:
    """Charge one hospital's stays up to now; a day that was charged already is not charged again."""
    with transaction(hospital_id):
        admissions = list(
            BedStay.objects.filter(ended_at=None)
            .order_by("started_at")
            .values_list("admission_id", flat=True)
        )
    _for_each(
        admissions,
        lambda admission: accrue_daily(hospital_id, admission, actor=system("jobs"), at=now()),
    )


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
