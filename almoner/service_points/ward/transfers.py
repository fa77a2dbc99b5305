"""Moving a patient to another bed or ward: one occupancy ends where the next begins."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from django.utils.translation import gettext as _

from almoner.charging.operations import Captured, capture
from almoner.charging.rules import Event
from almoner.hospitals.models import Bed
from almoner.identity import audit
from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict, DomainError, NotFound
from almoner.kernel.idempotency import check_key
from almoner.kernel.tenancy import transaction
from almoner.orders.models import Admission
from almoner.orders.operations import find_order
from almoner.patients.models import Encounter
from almoner.service_points.ward.accrual import settle
from almoner.service_points.ward.models import BedStay
from almoner.service_points.ward.operations import PERMISSION_WARD

PERMISSION_BACKDATE = "ward.backdate_transfer"
MAXIMUM_REASON_LENGTH = 300


@dataclass(frozen=True, slots=True)
class Transferred:
    """The occupancy that began, and what the event ``patient.transferred`` charged."""

    stay: BedStay
    captured: Captured


def transfer(
    hospital_id: UUID,
    admission_id: UUID,
    *,
    bed_id: UUID,
    idempotency_key: str,
    actor: Actor,
    at: datetime,
    moved_at: datetime | None = None,
    reason: str = "",
) -> Transferred:
    """Move the patient to another free bed of any ward (section 2.1, ward transfer).

    ``moved_at`` (UTC) says when it happened, if that was earlier: at some time after the patient came into
    the bed they lie in now. It takes the permission ``ward.backdate_transfer``. No gate holds a transfer: who
    needs another ward gets it; what it costs is charged by the event and by the new ward's class from then on.

    Raises ``NotFound`` for an unknown bed; ``Conflict`` when the bed was taken, the patient lies nowhere or
    in this bed already; ``DomainError`` at ``moved_at`` for a time outside of the present occupancy;
    ``IdempotencyMismatch`` when the key came with something else.
    """
    actor.require(PERMISSION_WARD)
    if moved_at is not None:
        actor.require(PERMISSION_BACKDATE)
    reason = reason.strip()[:MAXIMUM_REASON_LENGTH]
    stay_id = uuid5(hospital_id, f"transfer:{check_key(idempotency_key)}")
    with transaction(hospital_id):
        admission = find_order(Admission, admission_id)
        stay = BedStay.objects.select_related("bed__ward").filter(id=stay_id).first()
        if stay is None:
            began = moved_at or at
            left = _present_occupancy(admission)
            _check_time(began, left, at)
            bed = _free_bed(bed_id, left, began)
            left.ended_at = began
            left.save(update_fields=["ended_at"])
            stay = BedStay.objects.create(
                id=stay_id,
                hospital_id=hospital_id,
                admission=admission,
                bed=bed,
                started_at=began,
                assigned_by=actor.name,
                reason=reason,
            )
            Encounter.objects.filter(id=admission.encounter_id).update(ward_type=bed.ward.ward_type)
            _record(left, stay, backdated=moved_at is not None, actor=actor, at=at)
        event = Event(
            kind="patient.transferred",
            idempotency_key=idempotency_key,
            occurred_at=moved_at,
            encounter_id=admission.encounter_id,
            order_id=admission_id,
            body={"bed_id": str(bed_id), "reason": reason},
        )
        captured = capture(hospital_id, event, actor=actor, at=at)
        if not captured.replayed:
            settle(hospital_id, admission_id, actor=actor, at=at)
        return Transferred(stay, captured)


def _present_occupancy(admission: Admission) -> BedStay:
    """Where the patient lies now. Raises ``Conflict`` when they lie nowhere."""
    if admission.discharged_at is not None:
        raise Conflict(_("The patient was discharged."), field="admission_id", code="discharged")
    left = BedStay.objects.select_related("bed__ward").filter(admission=admission, ended_at=None).first()
    if left is None:
        raise Conflict(
            _("The patient has no bed yet. Assign one first."), field="admission_id", code="no_bed"
        )
    return left


def _free_bed(bed_id: UUID, left: BedStay, began: datetime) -> Bed:
    """The bed, locked, if nobody lies in it or lay in it since ``began``."""
    bed = (
        Bed.objects.select_for_update(no_key=True, of=("self",))
        .select_related("ward")
        .filter(id=bed_id, is_active=True, ward__is_active=True)
        .first()
    )
    if bed is None:
        raise NotFound(_("There is no such bed at this hospital."), field="bed_id", code="unknown_bed")
    if bed.id == left.bed_id:
        raise Conflict(_("The patient lies in this bed already."), field="bed_id", code="same_bed")
    others = BedStay.objects.filter(bed=bed)
    if others.filter(ended_at=None).exists():
        raise Conflict(
            _("The bed was taken meanwhile. Choose another one."), field="bed_id", code="bed_taken"
        )
    if others.filter(ended_at__gt=began).exists():
        raise Conflict(
            _("Somebody else lay in this bed at that time. Give a later time, or choose another bed."),
            field="bed_id",
            code="bed_taken",
        )
    return bed


def _check_time(began: datetime, left: BedStay, at: datetime) -> None:
    if began > at:
        raise DomainError(_("This time lies in the future."), field="moved_at", code="in_the_future")
    if began <= left.started_at:
        raise DomainError(
            _("The patient came into bed %(bed)s later than that. Give a time after it.")
            % {"bed": left.bed.code},
            field="moved_at",
            code="before_the_stay",
        )


def _record(left: BedStay, stay: BedStay, *, backdated: bool, actor: Actor, at: datetime) -> None:
    audit.record(
        "patient.transferred",
        actor=actor,
        at=at,
        subject_kind="admission",
        subject_id=stay.admission_id,
        from_ward=left.bed.ward.code,
        from_bed=left.bed.code,
        to_ward=stay.bed.ward.code,
        to_bed=stay.bed.code,
        moved_at=stay.started_at.isoformat(),
        backdated=backdated,
        reason=stay.reason,
    )
