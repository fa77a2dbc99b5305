"""The ward, phase 2 (section 1.5): a bed once it is paid for or arranged, daily charges, discharge."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext as _

from almoner.charging.operations import PERMISSION_CAPTURE, capture
from almoner.charging.rules import Event
from almoner.enforcement.gate import Passage, guarded
from almoner.enforcement.operations import record_exception
from almoner.hospitals.models import Bed
from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict, NotFound
from almoner.kernel.tenancy import transaction
from almoner.orders.models import Admission
from almoner.orders.operations import find_order, subject_of
from almoner.patients.operations import PERMISSION_REGISTER, close_encounter
from almoner.service_points.ward.accrual import settle
from almoner.service_points.ward.models import BedStay

PERMISSION_WARD = "ward.assign_bed"


@guarded("bed.assign", subject_of(Admission))
def assign_bed(hospital_id: UUID, admission_id: UUID, *, bed_id: UUID, actor: Actor, at: datetime) -> BedStay:
    """Give an admitted patient a bed: the foreseen daily charges begin, the advance is applied to them.

    Raises ``NotFound`` for an unknown bed, ``Conflict`` when the bed is taken or the patient has one.
    """
    actor.require(PERMISSION_WARD)
    admission = find_order(Admission, admission_id)
    if admission.discharged_at is not None:
        raise Conflict(_("The patient was discharged."), field="admission_id", code="discharged")
    beds = Bed.objects.select_for_update(no_key=True, of=("self",)).select_related("ward")
    bed = beds.filter(id=bed_id, is_active=True).first()
    if bed is None:
        raise NotFound(_("There is no such bed at this hospital."), field="bed_id", code="unknown_bed")
    if bed.ward_id != admission.ward_id:
        raise Conflict(_("The bed is in another ward than the admission."), field="bed_id", code="other_ward")
    stays = BedStay.objects.filter(ended_at=None)
    if stays.filter(admission=admission).exists():
        raise Conflict(_("The patient has a bed already."), field="admission_id", code="bed_assigned")
    if stays.filter(bed=bed).exists():
        raise Conflict(
            _("The bed was taken meanwhile. Choose another one."), field="bed_id", code="bed_taken"
        )
    stay = BedStay.objects.create(
        hospital_id=hospital_id, admission=admission, bed=bed, started_at=at, assigned_by=actor.name
    )
    settle(hospital_id, admission_id, actor=actor, at=at)
    capture(
        hospital_id,
        Event(
            kind="bed.assigned",
            idempotency_key=f"bed.assigned:{stay.id}",
            encounter_id=admission.encounter_id,
            order_id=admission_id,
            body={"bed": bed.code},
        ),
        actor=actor,
        at=at,
    )
    return stay


def discharge(hospital_id: UUID, admission_id: UUID, *, actor: Actor, at: datetime) -> Passage[Admission]:
    """End the stay, once what is owed is paid or arranged; discharging again changes nothing.

    What the stay costs up to ``at`` is charged first, so that the gate asks for all of it.
    """
    actor.require(PERMISSION_WARD)
    with transaction(hospital_id):
        if find_order(Admission, admission_id).discharged_at is None:
            settle(hospital_id, admission_id, actor=actor.also(PERMISSION_CAPTURE), at=at)
        return end_stay(hospital_id, admission_id, actor=actor, at=at)


@guarded("ward.discharge", subject_of(Admission))
def end_stay(hospital_id: UUID, admission_id: UUID, *, actor: Actor, at: datetime) -> Admission:
    """Free the bed, close the visit, and charge what only the end of the stay decides."""
    admission = find_order(Admission, admission_id)
    if admission.discharged_at is None:
        admission.discharged_at = at
        admission.save(update_fields=["discharged_at"])
        BedStay.objects.filter(admission=admission, ended_at=None).update(ended_at=at)
        settle(hospital_id, admission_id, actor=actor.also(PERMISSION_CAPTURE), at=at)
        close_encounter(hospital_id, admission.encounter_id, actor=actor.also(PERMISSION_REGISTER), at=at)
    return admission


def discharge_with_exception(
    hospital_id: UUID, admission_id: UUID, *, exception: str, actor: Actor, at: datetime
) -> Passage[Admission]:
    """Discharge a patient who leaves without an arrangement: nobody is kept against their will.

    ``exception`` says why; it is recorded for review and audited. Raises ``Conflict`` when the patient was
    discharged before, so that sending it twice records one exception.
    """
    actor.require(PERMISSION_WARD)
    with transaction(hospital_id):
        if find_order(Admission, admission_id).discharged_at is not None:
            raise Conflict(_("The patient was discharged already."), field="admission_id", code="discharged")
        subject = subject_of(Admission)(admission_id)
        record_exception(step="ward.discharge", subject=subject, reason=exception, actor=actor, at=at)
        return discharge(hospital_id, admission_id, actor=actor, at=at)
