"""/ward: beds, daily charges, discharge."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from django.http import HttpResponse
from ninja import Query, Router
from pydantic import Field

from almoner.charging.wire import ChargeItemResource, charge_item_resources
from almoner.enforcement.wire import Passed, passed
from almoner.hospitals.callers import ApiRequest, needs
from almoner.hospitals.models import Bed
from almoner.kernel.tenancy import transaction
from almoner.kernel.wire import IdempotencyKey, Input, Instant, Reason, Resource, answer
from almoner.orders.models import Admission
from almoner.orders.operations import find_order
from almoner.service_points.ward import operations, transfers
from almoner.service_points.ward.accrual import settle
from almoner.service_points.ward.correction_api import router as correction_router
from almoner.service_points.ward.models import BedStay

router = Router(tags=["Ward"])
router.add_router("", correction_router)


class BedAssignment(Input):
    bed_id: UUID


class BedStayResource(Resource):
    id: UUID
    admission_id: UUID
    bed_id: UUID
    started_at: datetime
    ended_at: datetime | None
    assigned_by: str
    bed: str
    ward: str
    reason: str


class Transfer(Input):
    """``moved_at``: when it happened, if earlier; needs the permission to backdate."""

    bed_id: UUID
    moved_at: Instant | None = None
    reason: Annotated[str, Field(max_length=transfers.MAXIMUM_REASON_LENGTH, pattern=r"^[^\x00]*$")] = ""


class BedStays(Resource):
    """The beds that a patient lay in, one after the other."""

    items: list[BedStayResource]


class BedStayPassed(Passed[BedStayResource]):
    """The gate's decision, and the bed unless it was held."""


class Discharge(Input):
    """``exception``: why the patient leaves without an arrangement; recorded for review and audited."""

    exception: Reason | None = None


class DischargeResource(Resource):
    admission_id: UUID
    number: str
    encounter_id: UUID
    discharged_at: datetime | None


class DischargePassed(Passed[DischargeResource]):
    """The gate's decision, and the discharge unless it was held."""


class Accrued(Resource):
    """The time charges that were made now; empty when everything was charged before."""

    charge_items: list[ChargeItemResource]


class BedBoardEntry(Resource):
    """A bed and who lies in it; ``admission_id`` null: it is free."""

    bed_id: UUID
    bed: str
    ward: str
    admission_id: UUID | None
    patient_id: UUID | None
    patient_name: str
    since: datetime | None


class BedBoard(Resource):
    items: list[BedBoardEntry]


def _stay(row: BedStay) -> BedStayResource:
    return BedStayResource(
        id=row.id,
        admission_id=row.admission_id,
        bed_id=row.bed_id,
        started_at=row.started_at,
        ended_at=row.ended_at,
        assigned_by=row.assigned_by,
        bed=row.bed.code,
        ward=row.bed.ward.code,
        reason=row.reason,
    )


def _discharge(row: Admission) -> DischargeResource:
    return DischargeResource(
        admission_id=row.id,
        number=row.number,
        encounter_id=row.encounter_id,
        discharged_at=row.discharged_at,
    )


@router.get("/beds", auth=needs(operations.PERMISSION_WARD), response=BedBoard)
def list_beds(
    request: ApiRequest, ward: Annotated[str, Query("", max_length=80, description="A ward's code.")]
) -> HttpResponse:
    """Every bed in use and who lies in it."""
    with transaction(request.auth.hospital_id):
        beds = Bed.objects.select_related("ward").filter(is_active=True).order_by("ward__code", "code")
        if ward:
            beds = beds.filter(ward__code=ward)
        stays = {
            stay.bed_id: stay
            for stay in BedStay.objects.select_related("admission__patient").filter(ended_at=None)
        }
        entries = []
        for bed in beds:
            stay = stays.get(bed.id)
            entries.append(
                BedBoardEntry(
                    bed_id=bed.id,
                    bed=bed.code,
                    ward=bed.ward.code,
                    admission_id=stay.admission_id if stay else None,
                    patient_id=stay.admission.patient_id if stay else None,
                    patient_name=stay.admission.patient.name if stay else "",
                    since=stay.started_at if stay else None,
                )
            )
    return answer(BedBoard(items=entries))


@router.post(
    "/admissions/{admission_id}/bed",
    auth=needs(operations.PERMISSION_WARD),
    response={200: BedStayPassed},
)
def assign_bed(request: ApiRequest, admission_id: UUID, body: BedAssignment) -> HttpResponse:
    """Give an admitted patient a bed, if the gate lets it: daily charges begin, the advance pays them."""
    caller = request.auth
    passage = operations.assign_bed(
        caller.hospital_id, admission_id, bed_id=body.bed_id, actor=caller.actor, at=caller.at
    )
    return answer(passed(BedStayPassed, passage, _stay, caller.actor))


@router.get("/admissions/{admission_id}/beds", auth=needs(operations.PERMISSION_WARD), response=BedStays)
def list_beds_of_admission(request: ApiRequest, admission_id: UUID) -> HttpResponse:
    """The beds that the patient lay in, the first one first."""
    with transaction(request.auth.hospital_id):
        find_order(Admission, admission_id)
        rows = BedStay.objects.select_related("bed__ward").filter(admission_id=admission_id)
        return answer(BedStays(items=[_stay(row) for row in rows.order_by("started_at", "id")]))


@router.post(
    "/admissions/{admission_id}/transfer",
    auth=needs(operations.PERMISSION_WARD),
    response={201: BedStayResource},
)
def transfer(
    request: ApiRequest, admission_id: UUID, body: Transfer, idempotency_key: IdempotencyKey
) -> HttpResponse:
    """Move the patient to another bed of any ward; the occupancy of the bed before ends at that moment."""
    caller = request.auth
    transferred = transfers.transfer(
        caller.hospital_id,
        admission_id,
        bed_id=body.bed_id,
        moved_at=body.moved_at,
        reason=body.reason,
        idempotency_key=idempotency_key,
        actor=caller.actor,
        at=caller.at,
    )
    return answer(_stay(transferred.stay), 201, replayed=transferred.captured.replayed)


@router.post(
    "/admissions/{admission_id}/accrual",
    auth=needs(operations.PERMISSION_WARD),
    response={200: Accrued},
)
def accrue_daily_charges(request: ApiRequest, admission_id: UUID) -> HttpResponse:
    """Charge the time in bed up to now that was not charged yet; each day and hour is charged once."""
    caller = request.auth
    with transaction(caller.hospital_id):
        find_order(Admission, admission_id)
        made = settle(caller.hospital_id, admission_id, actor=caller.actor, at=caller.at)
        return answer(Accrued(charge_items=charge_item_resources(made)))


@router.post(
    "/admissions/{admission_id}/discharge",
    auth=needs(operations.PERMISSION_WARD),
    response={200: DischargePassed},
)
def discharge(request: ApiRequest, admission_id: UUID, body: Discharge) -> HttpResponse:
    """End the stay once what is owed is paid or arranged, or with an exception: nobody is kept."""
    caller = request.auth
    if body.exception is None:
        passage = operations.discharge(caller.hospital_id, admission_id, actor=caller.actor, at=caller.at)
    else:
        passage = operations.discharge_with_exception(
            caller.hospital_id,
            admission_id,
            exception=body.exception,
            actor=caller.actor,
            at=caller.at,
        )
    return answer(passed(DischargePassed, passage, _discharge, caller.actor))
