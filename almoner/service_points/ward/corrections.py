"""Putting right when a patient came or left: what was charged follows."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext as _

from almoner.charging.operations import PERMISSION_CAPTURE
from almoner.identity import audit
from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict, DomainError
from almoner.kernel.tenancy import transaction
from almoner.orders.models import Admission
from almoner.orders.operations import find_order
from almoner.patients.models import Encounter
from almoner.service_points.ward.accrual import settle
from almoner.service_points.ward.models import BedStay
from almoner.service_points.ward.transfers import PERMISSION_BACKDATE


def correct_stay(
    hospital_id: UUID,
    admission_id: UUID,
    *,
    reason: str,
    actor: Actor,
    at: datetime,
    came_at: datetime | None = None,
    left_at: datetime | None = None,
) -> Admission:
    """Record that the patient came into the first bed, or left the last one, at another time (UTC).

    The time charges become those of the beds as they now stand; what was paid for a day that is taken back
    is kept for the stay. Saying the same again changes nothing. Raises ``DomainError`` at ``came_at`` or
    ``left_at`` for a time that cannot be, ``Conflict`` when somebody else lay in the bed then, or the
    patient never had one.
    """
    actor.require(PERMISSION_BACKDATE)
    if not reason.strip():
        raise DomainError(_("Say why the times are corrected."), field="reason", code="reason_missing")
    with transaction(hospital_id):
        admission = find_order(Admission, admission_id)
        stays = list(BedStay.objects.filter(admission=admission).order_by("started_at", "id"))
        if not stays:
            raise Conflict(_("The patient never had a bed."), field="admission_id", code="no_bed")
        before = (stays[0].started_at, stays[-1].ended_at)
        if came_at is not None:
            _move_start(stays[0], came_at, at)
        if left_at is not None:
            _move_end(admission, stays[-1], left_at, at)
        after = (stays[0].started_at, stays[-1].ended_at)
        if after != before:
            settle(hospital_id, admission_id, actor=actor.also(PERMISSION_CAPTURE), at=at)
            audit.record(
                "stay.corrected",
                actor=actor,
                at=at,
                subject_kind="admission",
                subject_id=admission_id,
                reason=reason.strip()[:300],
                came_at=[instant.isoformat() for instant in (before[0], after[0])],
                left_at=[instant.isoformat() if instant else None for instant in (before[1], after[1])],
            )
        return admission


def _move_start(first: BedStay, came_at: datetime, at: datetime) -> None:
    if came_at > at:
        raise DomainError(_("This time lies in the future."), field="came_at", code="in_the_future")
    if first.ended_at is not None and came_at >= first.ended_at:
        raise DomainError(
            _("The patient had left this bed by then. Give an earlier time."),
            field="came_at",
            code="after_the_stay",
        )
    _check_free(first, came_at, first.started_at, "came_at")
    first.started_at = came_at
    first.save(update_fields=["started_at"])


def _move_end(admission: Admission, last: BedStay, left_at: datetime, at: datetime) -> None:
    if last.ended_at is None or admission.discharged_at is None:
        raise Conflict(_("The patient was not discharged yet."), field="left_at", code="not_discharged")
    if left_at > at:
        raise DomainError(_("This time lies in the future."), field="left_at", code="in_the_future")
    if left_at <= last.started_at:
        raise DomainError(
            _("The patient came into this bed later than that. Give a time after it."),
            field="left_at",
            code="before_the_stay",
        )
    _check_free(last, last.ended_at, left_at, "left_at")
    last.ended_at = left_at
    last.save(update_fields=["ended_at"])
    admission.discharged_at = left_at
    admission.save(update_fields=["discharged_at"])
    Encounter.objects.filter(id=admission.encounter_id).update(ended_at=left_at)


def _check_free(stay: BedStay, start: datetime, end: datetime, field: str) -> None:
    """Nobody else may have lain in the bed from ``start`` to ``end``."""
    others = BedStay.objects.filter(bed=stay.bed_id, started_at__lt=end).exclude(id=stay.id)
    if others.exclude(ended_at__lte=start).exists():
        raise Conflict(
            _("Somebody else lay in this bed at that time."),
            field=field,
            code="bed_taken",
        )
