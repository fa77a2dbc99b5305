"""/ward/admissions/ID/corrections: when a patient really came or left, and what that changes."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from django.http import HttpResponse
from ninja import Router
from pydantic import Field

from almoner.charging.models import ChargeItem
from almoner.charging.operations import item_as_row
from almoner.charging.wire import ChargeItemResource, charge_item_resource
from almoner.hospitals.callers import ApiRequest, needs
from almoner.kernel.tenancy import transaction
from almoner.kernel.wire import IdempotencyKey, Input, Instant, Resource, answer
from almoner.orders.models import Admission
from almoner.orders.operations import find_order
from almoner.service_points.ward import corrections
from almoner.service_points.ward.models import StayCorrection
from almoner.service_points.ward.queries import stay_corrections

router = Router(tags=["Ward"])


class StayTimes(Input):
    """When the patient came into the first bed and left the last one; what is left out stays as recorded."""

    came_at: Instant | None = None
    left_at: Instant | None = None


class NewStayCorrection(StayTimes):
    reason: Annotated[
        str, Field(min_length=1, max_length=corrections.MAXIMUM_REASON_LENGTH, pattern=r"^[^\x00]*$")
    ]


class StayCorrectionResource(Resource):
    """What was recorded before, and instead; ``left_at`` null: the patient lies there."""

    id: UUID
    admission_id: UUID
    came_at_before: datetime
    came_at: datetime
    left_at_before: datetime | None
    left_at: datetime | None
    reason: str
    corrected_at: datetime
    corrected_by: str


class StayCorrections(Resource):
    """The corrections of a stay, the first one first."""

    items: list[StayCorrectionResource]


class StayCorrectionPreview(Resource):
    """What a correction would change; amounts in minor units of ``currency``.

    ``kept``: what does not hold any more and stays, because a payer settled it.
    """

    currency: str
    taken_back: list[ChargeItemResource]
    charged: list[ChargeItemResource]
    kept: list[ChargeItemResource]
    outstanding_before_minor: int
    outstanding_minor: int
    available_credit_before_minor: int
    available_credit_minor: int


def _correction(row: StayCorrection) -> StayCorrectionResource:
    return StayCorrectionResource(
        id=row.id,
        admission_id=row.admission_id,
        came_at_before=row.came_at_before,
        came_at=row.came_at,
        left_at_before=row.left_at_before,
        left_at=row.left_at,
        reason=row.reason,
        corrected_at=row.corrected_at,
        corrected_by=row.corrected_by,
    )


def _charges(items: list[ChargeItem]) -> list[ChargeItemResource]:
    return [charge_item_resource(item_as_row(item)) for item in items]


@router.get(
    "/admissions/{admission_id}/corrections",
    auth=needs(corrections.PERMISSION_CORRECT_STAY),
    response=StayCorrections,
)
def list_stay_corrections(request: ApiRequest, admission_id: UUID) -> HttpResponse:
    """Every correction of when the patient came or left."""
    with transaction(request.auth.hospital_id):
        find_order(Admission, admission_id)
        rows = stay_corrections(admission_id)
        return answer(StayCorrections(items=[_correction(row) for row in rows]))


@router.post(
    "/admissions/{admission_id}/corrections",
    auth=needs(corrections.PERMISSION_CORRECT_STAY),
    response={201: StayCorrectionResource},
)
def correct_stay(
    request: ApiRequest, admission_id: UUID, body: NewStayCorrection, idempotency_key: IdempotencyKey
) -> HttpResponse:
    """Record when the patient really came or left; the time charges follow, what was overpaid becomes credit."""
    caller = request.auth
    corrected = corrections.correct_stay(
        caller.hospital_id,
        admission_id,
        came_at=body.came_at,
        left_at=body.left_at,
        reason=body.reason,
        idempotency_key=idempotency_key,
        actor=caller.actor,
        at=caller.at,
    )
    return answer(_correction(corrected.correction), 201, replayed=corrected.replayed)


@router.post(
    "/admissions/{admission_id}/corrections/preview",
    auth=needs(corrections.PERMISSION_CORRECT_STAY),
    response=StayCorrectionPreview,
)
def preview_stay_correction(request: ApiRequest, admission_id: UUID, body: StayTimes) -> HttpResponse:
    """What a correction would take back and charge, and what the patient would owe; nothing is written."""
    caller = request.auth
    effect = corrections.preview_correction(
        caller.hospital_id,
        admission_id,
        came_at=body.came_at,
        left_at=body.left_at,
        actor=caller.actor,
        at=caller.at,
    )
    return answer(
        StayCorrectionPreview(
            currency=effect.after.currency,
            taken_back=_charges(effect.taken_back),
            charged=_charges(effect.charged),
            kept=_charges(effect.kept),
            outstanding_before_minor=effect.before.outstanding_minor,
            outstanding_minor=effect.after.outstanding_minor,
            available_credit_before_minor=effect.before.available_credit_minor,
            available_credit_minor=effect.after.available_credit_minor,
        )
    )
