"""Time charges of the ward: run by the clock for everybody in a bed, and settled whenever a stay changes.

A run only adds the periods that fell due since the one before. ``settle`` holds all that a stay was
charged against where the patient really lay: a transfer, a discharge or a correction of the past takes
back what it made untrue. Both do the same for the same facts, however often and in whatever order.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from uuid import UUID

from django.db.models import Q
from django.db.transaction import atomic

from almoner.charging.accrual.comparison import Comparison, compare
from almoner.charging.accrual.percentages import compare_percentages
from almoner.charging.accrual.planning import Stay, TimeCharge, plan_stay
from almoner.charging.accrual.writing import Due, Priced, StaleBook, write
from almoner.charging.book import Book
from almoner.charging.models import ChargeItem
from almoner.charging.operations import PERMISSION_CAPTURE, bill_planned, deliver, withdraw
from almoner.charging.queries import book_in_force
from almoner.identity import audit
from almoner.kernel.actor import Actor
from almoner.kernel.clock import local_date
from almoner.kernel.errors import Conflict
from almoner.kernel.tenancy import transaction
from almoner.payments.models import Payment
from almoner.payments.operations import PERMISSION_RECORD, apply_deposits, cancel_charge, release
from almoner.service_points.ward.models import BedStay
from almoner.service_points.ward.stays import lock_admissions, read_stays

BATCH = 10
"""Stays in one transaction: a payment by one of them waits until it ends."""
log = logging.getLogger(__name__)


@dataclass(slots=True)
class Run:
    """What a run came to; ``failed`` are the admissions that could not be charged, with the reason."""

    stays: int = 0
    charges: int = 0
    failed: list[tuple[UUID, str]] = field(default_factory=list)


Progress = Callable[[int], None]


def accrue_hospital(
    hospital_id: UUID,
    *,
    until: datetime,
    actor: Actor,
    at: datetime,
    batch: int = BATCH,
    progress: Progress = lambda done: None,
) -> Run:
    """Charge everybody who lies in a bed up to ``until``; ``progress`` hears how many stays are done.

    A few stays at a time, each few in a transaction of their own: an interrupted run goes on where it was,
    two runs at once do each stay once, and a stay that cannot be charged keeps no other from it.
    """
    actor.require(PERMISSION_CAPTURE)
    run = Run()
    for admissions in _chunks(open_admissions(hospital_id, until), batch):
        try:
            run.charges += _retried(hospital_id, admissions, until, actor, at)
        except Exception:
            for admission_id in admissions:
                _alone(hospital_id, admission_id, until, actor, at, run)
        run.stays += len(admissions)
        progress(run.stays)
    return run


def open_admissions(hospital_id: UUID, until: datetime) -> list[UUID]:
    """The admissions whose patient lies in a bed and was not charged up to ``until`` yet."""
    with transaction(hospital_id):
        stays = BedStay.objects.filter(Q(charged_until=None) | Q(charged_until__lt=until), ended_at=None)
        return list(stays.order_by("admission_id").values_list("admission_id", flat=True))


def _chunks(ids: list[UUID], size: int) -> Iterator[list[UUID]]:
    rest = iter(ids)
    while chunk := list(islice(rest, size)):
        yield chunk


def _alone(
    hospital_id: UUID, admission_id: UUID, until: datetime, actor: Actor, at: datetime, run: Run
) -> None:
    try:
        run.charges += _retried(hospital_id, [admission_id], until, actor, at)
    except Exception as error:
        log.exception("Admission %s could not be charged", admission_id)
        run.failed.append((admission_id, str(error) or type(error).__name__))


def _retried(hospital_id: UUID, admissions: list[UUID], until: datetime, actor: Actor, at: datetime) -> int:
    try:
        return _accrue(hospital_id, admissions, until, actor, at)
    except StaleBook:
        return _accrue(hospital_id, admissions, until, actor, at)


def _accrue(hospital_id: UUID, admissions: list[UUID], until: datetime, actor: Actor, at: datetime) -> int:
    """Charge the periods of these stays that fell due since the last run; returns how many."""
    with transaction(hospital_id):
        lock_admissions(admissions)
        book = book_in_force(hospital_id)
        stays = [stay for stay in read_stays(admissions) if not stay.has_ended]
        written = write(hospital_id, list(_due(stays, book, until)), book, actor=actor, at=at)
        for stay in stays:
            if _begins_a_day(stay, book, until):
                written += _settle_percentages(hospital_id, stay, book, until, actor, at)
        _mark([stay.admission_id for stay in stays], book, until)
        if written:
            _apply_advances(hospital_id, stays, str(written[0]), actor, at)
        return len(written)


def _due(stays: Sequence[Stay], book: Book, until: datetime) -> Iterator[Due]:
    for stay in stays:
        for charge in plan_stay(stay, book.time_rules, book.time_zone, until=until, since=stay.charged_until):
            yield Due(stay, charge)


def _mark(admissions: Sequence[UUID], book: Book, until: datetime) -> None:
    """Note up to when the present beds were charged, for the next run."""
    news = Q(charged_until=None) | Q(charged_until__lt=until) | ~Q(charged_version=book.version)
    stays = BedStay.objects.filter(news, admission_id__in=admissions, ended_at=None)
    stays.update(charged_until=until, charged_version=book.version)


def settle(hospital_id: UUID, admission_id: UUID, *, actor: Actor, at: datetime) -> list[ChargeItem]:
    """Make the time charges of a stay those of its beds as they are recorded now, up to ``at``.

    What is missing is charged, what is no longer true is taken back and charged anew; what was paid for it
    is kept for the stay. What was foreseen at admission begins with its first period. Returns what was
    charged now, in order of time. Joins the transaction of the operation that changed the stay.
    """
    actor.require(PERMISSION_CAPTURE)
    with transaction(hospital_id):
        lock_admissions([admission_id])
        [*stays] = read_stays([admission_id])
        if not stays:
            return []
        book = book_in_force(hospital_id)
        [stay] = stays
        found = compare(stay, book, until=at)
        kept = _take_back(hospital_id, found, actor, at)
        begun = _begin_foreseen(hospital_id, stay, found, actor, at)
        due = [one for one in found.due if (one.charge.rule.code, one.charge.period.key) not in kept]
        written = write(hospital_id, due, book, actor=actor, at=at)
        written += _settle_percentages(hospital_id, stay, book, at, actor, at)
        _mark([admission_id], book, at)
        if begun or written or found.outdated:
            _apply_advances(hospital_id, stays, str((begun + written + [stay.event_id])[0]), actor, at)
        items = ChargeItem.objects.select_related("service").filter(id__in=begun + written)
        return list(items.order_by("service_date", "service_period", "id"))


def _take_back(hospital_id: UUID, found: Comparison, actor: Actor, at: datetime) -> set[tuple[str, str]]:
    """Take back what is no longer true; returns rule and period of what could not be."""
    kept = set()
    for item in found.outdated:
        if not _withdrawn(hospital_id, item, actor, at):
            kept.add((item.rule_code, item.service_period))
    for item in found.unused:
        cancel_charge(hospital_id, item.id, actor=actor, at=at)
    return kept


def _withdrawn(hospital_id: UUID, item: ChargeItem, actor: Actor, at: datetime) -> bool:
    """Take a charge back, what was paid for it kept as a deposit; whether that could be done.

    A charge that a payer settled stands, for people to settle with the payer: it is audited.
    """
    try:
        with atomic():
            release(hospital_id, item.id, actor=actor, at=at)
            withdraw(item.id, actor=actor, at=at)
    except Conflict as refusal:
        audit.record(
            "charge.not_adjusted",
            actor=actor,
            at=at,
            subject_kind="charge_item",
            subject_id=item.id,
            reason=refusal.message,
        )
        return False
    return True


def _settle_percentages(
    hospital_id: UUID, stay: Stay, book: Book, until: datetime, actor: Actor, at: datetime
) -> list[UUID]:
    """Charge the percentages of the stay as their bases stand now; returns what was charged."""
    due = [
        change.due
        for change in compare_percentages(stay, book, until=until)
        if change.outdated is None or _withdrawn(hospital_id, change.outdated, actor, at)
    ]
    return write(hospital_id, [one for one in due if one is not None], book, actor=actor, at=at)


def _begins_a_day(stay: Stay, book: Book, until: datetime) -> bool:
    """Whether no run has come to the stay on this local date: percentages are reckoned once a day."""
    before = stay.charged_until
    return before is None or local_date(before, book.time_zone) != local_date(until, book.time_zone)


def _begin_foreseen(
    hospital_id: UUID, stay: Stay, found: Comparison, actor: Actor, at: datetime
) -> list[UUID]:
    begun = []
    for item, charge in found.foreseen:
        key = charge.period.key
        begun += bill_planned([item.id], service_period=key, basis=charge.basis, actor=actor, at=at)
    deliver(begun, source_id=stay.event_id, occurred_at=at, actor=actor, at=at)
    return begun


def _apply_advances(hospital_id: UUID, stays: Sequence[Stay], key: str, actor: Actor, at: datetime) -> None:
    """Give what was paid in advance to what the stays were charged."""
    accounts = [stay.patient_account_id for stay in stays]
    holding = set(
        Payment.objects.filter(
            patient_account_id__in=accounts, unallocated_minor__gt=0, payer_id=None
        ).values_list("patient_account_id", flat=True)
    )
    for stay in stays:
        if stay.patient_account_id in holding:
            items = ChargeItem.objects.filter(order_id=stay.admission_id, status="billable")
            apply_deposits(
                hospital_id,
                stay.patient_account_id,
                charge_item_ids=list(items.order_by("service_date", "id").values_list("id", flat=True)),
                idempotency_key=f"advance:{key}:{stay.admission_id}",
                actor=actor.also(PERMISSION_RECORD),
                at=at,
                reason="advance applied to ward charges",
            )


@dataclass(frozen=True, slots=True)
class Foreseen:
    """A charge that a run would make; ``net_minor`` None: no price is known."""

    admission_id: UUID
    charge: TimeCharge
    net_minor: int | None


def foresee_hospital(hospital_id: UUID, *, until: datetime, at: datetime) -> Iterator[Foreseen]:
    """What ``accrue_hospital`` would charge; nothing is locked or written.

    Periods that were charged already are left out.
    """
    for admissions in _chunks(open_admissions(hospital_id, until), BATCH):
        with transaction(hospital_id):
            book = book_in_force(hospital_id)
            stays = [stay for stay in read_stays(admissions) if not stay.has_ended]
            priced = Priced(book, at)
            known = _charged_periods(stays)
            found = [
                Foreseen(due.stay.admission_id, due.charge, cost.net_minor if cost else None)
                for due in _due(stays, book, until)
                if (due.stay.event_id, due.charge.rule.code, due.charge.period.key) not in known
                for cost in [priced.cost(due.stay, due.charge)]
            ]
        yield from found


def _charged_periods(stays: Sequence[Stay]) -> set[tuple[UUID, str, str]]:
    """Event, rule and period of what stays were charged that no run has noted under these rules."""
    events = [stay.event_id for stay in stays if stay.charged_until is None]
    items = ChargeItem.objects.filter(event_id__in=events).exclude(service_period="")
    return set(items.values_list("event_id", "rule_code", "service_period"))
