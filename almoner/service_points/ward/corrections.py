"""Putting right when a patient came or left: what was charged follows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid5

from django.db.transaction import atomic, set_rollback
from django.utils.translation import gettext as _

from almoner.charging.accrual.comparison import LIVE, compare
from almoner.charging.models import ChargeItem
from almoner.charging.operations import PERMISSION_CAPTURE
from almoner.charging.queries import book_in_force
from almoner.enforcement.queries import BillingStatus, billing_status
from almoner.hospitals.models import Bed
from almoner.identity import audit
from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict, DomainError, IdempotencyMismatch
from almoner.kernel.idempotency import check_key
from almoner.kernel.tenancy import transaction
from almoner.orders.models import Admission
from almoner.orders.operations import find_order
from almoner.patients.models import Encounter
from almoner.service_points.ward.accrual import settle
from almoner.service_points.ward.models import BedStay, StayCorrection
from almoner.service_points.ward.stays import lock_admissions, read_stays

PERMISSION_CORRECT_STAY = "ward.correct_stay"
MAXIMUM_REASON_LENGTH = 300
FARTHEST = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Corrected:
    """The correction that was recorded; ``replayed``: by an earlier request with the same key."""

    correction: StayCorrection
    replayed: bool


@dataclass(frozen=True, slots=True)
class CorrectionEffect:
    """What a correction would do to the charges of the stay, and to how the patient stands.

    ``taken_back`` and ``charged`` are charge items with their services, in order of time. ``kept`` does not
    hold any more and stays all the same, because a payer settled it.
    """

    taken_back: list[ChargeItem]
    charged: list[ChargeItem]
    kept: list[ChargeItem]
    before: BillingStatus
    after: BillingStatus


def correct_stay(
    hospital_id: UUID,
    admission_id: UUID,
    *,
    reason: str,
    idempotency_key: str,
    actor: Actor,
    at: datetime,
    came_at: datetime | None = None,
    left_at: datetime | None = None,
) -> Corrected:
    """Record that the patient came into the first bed, or left the last one, at another time (UTC).

    The time charges become those of the beds as they now stand, by reversal; what was paid for a day that is
    taken back is used for the rest of the stay, and what is left of it is the patient's credit.

    Raises ``DomainError`` at ``came_at`` or ``left_at`` for a time that cannot be or is recorded already,
    ``Conflict`` when somebody else lay in the bed then, the patient lay in another, or never had one;
    ``IdempotencyMismatch`` when the key came with something else.
    """
    actor.require(PERMISSION_CORRECT_STAY)
    reason = reason.strip()[:MAXIMUM_REASON_LENGTH]
    if not reason:
        raise DomainError(_("Say why the times are corrected."), field="reason", code="reason_missing")
    correction_id = uuid5(hospital_id, f"stay_correction:{check_key(idempotency_key)}")
    with transaction(hospital_id):
        lock_admissions([admission_id])
        known = StayCorrection.objects.filter(id=correction_id).first()
        if known is not None:
            wanted = (admission_id, came_at or known.came_at_before, left_at or known.left_at_before, reason)
            if wanted != (known.admission_id, known.came_at, known.left_at, known.reason):
                raise IdempotencyMismatch(idempotency_key)
            return Corrected(known, replayed=True)
        before, after = _move(hospital_id, admission_id, came_at, left_at, actor, at)
        correction = StayCorrection.objects.create(
            id=correction_id,
            hospital_id=hospital_id,
            admission_id=admission_id,
            came_at_before=before[0],
            came_at=after[0],
            left_at_before=before[1],
            left_at=after[1],
            reason=reason,
            corrected_at=at,
            corrected_by=actor.name,
        )
        audit.record(
            "stay.corrected",
            actor=actor,
            at=at,
            subject_kind="admission",
            subject_id=admission_id,
            reason=reason,
            came_at=[instant.isoformat() for instant in (before[0], after[0])],
            left_at=[instant.isoformat() if instant else None for instant in (before[1], after[1])],
        )
        return Corrected(correction, replayed=False)


def preview_correction(
    hospital_id: UUID,
    admission_id: UUID,
    *,
    actor: Actor,
    at: datetime,
    came_at: datetime | None = None,
    left_at: datetime | None = None,
) -> CorrectionEffect:
    """What ``correct_stay`` would do: it is done, looked at, and undone. Refuses what it would refuse."""
    actor.require(PERMISSION_CORRECT_STAY)
    with transaction(hospital_id):
        patient_id = find_order(Admission, admission_id).patient_id
        before, standing = _live_charges(admission_id), billing_status(hospital_id, patient_id, at=at)
        with atomic():
            _move(hospital_id, admission_id, came_at, left_at, actor, at)
            after = _live_charges(admission_id)
            [stay] = read_stays([admission_id])
            effect = CorrectionEffect(
                taken_back=[item for item in before.values() if item.id not in after],
                charged=[item for item in after.values() if item.id not in before],
                kept=compare(stay, book_in_force(hospital_id), until=at).outdated,
                before=standing,
                after=billing_status(hospital_id, patient_id, at=at),
            )
            set_rollback(True)
        return effect


def _live_charges(admission_id: UUID) -> dict[UUID, ChargeItem]:
    items = ChargeItem.objects.select_related("service").filter(order_id=admission_id, status__in=LIVE)
    return {item.id: item for item in items.order_by("service_date", "service_period", "id")}


_Times = tuple[datetime, datetime | None]


def _move(
    hospital_id: UUID,
    admission_id: UUID,
    came_at: datetime | None,
    left_at: datetime | None,
    actor: Actor,
    at: datetime,
) -> tuple[_Times, _Times]:
    """Move the ends of the stay and let its charges follow; returns its times before and after."""
    admission = find_order(Admission, admission_id)
    stays = list(BedStay.objects.filter(admission=admission).order_by("started_at", "id"))
    if not stays:
        raise Conflict(_("The patient never had a bed."), field="admission_id", code="no_bed")
    first, last = stays[0], stays[-1]
    before = (first.started_at, last.ended_at)
    came, left = after = (came_at or before[0], left_at or before[1])
    if after == before:
        raise DomainError(
            _("This is what is recorded already. Give another time."),
            field="left_at" if left_at and not came_at else "came_at",
            code="nothing_to_correct",
        )
    if came != first.started_at:
        _check_start(admission, first, came, left if first is last else first.ended_at, at)
    if left is not None and left != last.ended_at:
        _check_end(admission, last, left, came if first is last else last.started_at, at)
    first.started_at, last.ended_at = after
    for stay in {first.id: first, last.id: last}.values():
        stay.save(update_fields=["started_at", "ended_at"])
    if left != before[1]:
        admission.discharged_at = left
        admission.save(update_fields=["discharged_at"])
        Encounter.objects.filter(id=admission.encounter_id).update(ended_at=left)
    settle(hospital_id, admission_id, actor=actor.also(PERMISSION_CAPTURE), at=at)
    return before, after


def _check_start(
    admission: Admission, first: BedStay, came: datetime, until: datetime | None, at: datetime
) -> None:
    """The patient may have come into the ``first`` bed at ``came``, and lain there up to ``until``."""
    _check_time(came, first.started_at, "came_at", at)
    if until is not None and came >= until:
        raise DomainError(
            _("The patient had left this bed by then. Give an earlier time."),
            field="came_at",
            code="after_the_stay",
        )
    _check_free(admission, first, came, first.started_at, "came_at")


def _check_end(admission: Admission, last: BedStay, left: datetime, since: datetime, at: datetime) -> None:
    """The patient may have left the ``last`` bed at ``left``, having lain there ``since`` then."""
    if last.ended_at is None:
        raise Conflict(_("The patient was not discharged yet."), field="left_at", code="not_discharged")
    _check_time(left, last.ended_at, "left_at", at)
    if left <= since:
        raise DomainError(
            _("The patient came into this bed later than that. Give a time after it."),
            field="left_at",
            code="before_the_stay",
        )
    _check_free(admission, last, last.ended_at, left, "left_at")


def _check_time(given: datetime, recorded: datetime, field: str, at: datetime) -> None:
    if given > at:
        raise DomainError(_("This time lies in the future."), field=field, code="in_the_future")
    if abs(given - recorded) > FARTHEST:
        raise DomainError(
            _("This is more than a year from what is recorded. Look at the year."),
            field=field,
            code="too_far",
        )


def _check_free(admission: Admission, stay: BedStay, start: datetime, end: datetime, field: str) -> None:
    """From ``start`` to ``end`` nobody else may have lain in the bed, nor the patient in another."""
    if start >= end:
        return
    Bed.objects.select_for_update(no_key=True).get(id=stay.bed_id)
    others = BedStay.objects.filter(started_at__lt=end).exclude(ended_at__lte=start)
    if others.filter(bed=stay.bed_id).exclude(id=stay.id).exists():
        raise Conflict(_("Somebody else lay in this bed at that time."), field=field, code="bed_taken")
    elsewhere = others.filter(admission__patient=admission.patient_id).exclude(admission=admission)
    other = elsewhere.select_related("bed", "admission").first()
    if other is not None:
        raise Conflict(
            _("The patient lay in bed %(bed)s at that time (%(number)s).")
            % {"bed": other.bed.code, "number": other.admission.number},
            field=field,
            code="patient_elsewhere",
        )
