"""/check-in: a patient arrives."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from django.http import HttpResponse
from ninja import Router
from pydantic import Field

from almoner.charging.operations import PERMISSION_CAPTURE
from almoner.charging.wire import ChargeItemResource, charge_item_resource
from almoner.hospitals.callers import ApiRequest, needs
from almoner.kernel.tenancy import transaction
from almoner.kernel.wire import Code, IdempotencyKey, Input, Resource, answer
from almoner.patients.api import (
    EncounterClass,
    EncounterResource,
    TriageLevel,
    VisitType,
    encounter_resource,
)
from almoner.patients.operations import PERMISSION_REGISTER
from almoner.service_points.checkin.operations import check_in

router = Router(tags=["Check-in"])


class NewCheckIn(Input):
    """A patient who arrives at a department (its code). ``triage_level`` is the ESI level, 1 to 5.

    ``appointment_id``: the appointment that becomes this visit.
    """

    patient_id: UUID
    department: Code
    encounter_class: EncounterClass = "ambulatory"
    triage_level: TriageLevel | None = None
    visit_type: VisitType = "first"
    reason: Annotated[str, Field(max_length=300, pattern=r"^[^\x00]*$")] = ""
    appointment_id: UUID | None = None


class CheckedInResource(Resource):
    """The visit and the fees it charged. Amounts in minor units of ``currency``."""

    encounter: EncounterResource
    event_id: UUID
    patient_account_id: UUID
    currency: str
    total_minor: int
    charge_items: list[ChargeItemResource]


@router.post("", auth=needs(PERMISSION_REGISTER, PERMISSION_CAPTURE), response={201: CheckedInResource})
def check_in_patient(request: ApiRequest, body: NewCheckIn, idempotency_key: IdempotencyKey) -> HttpResponse:
    """Check a patient in: a visit begins, and the fees of its department are captured. Never held."""
    caller = request.auth
    with transaction(caller.hospital_id):
        checked_in = check_in(
            caller.hospital_id,
            patient_id=body.patient_id,
            department=body.department,
            encounter_class=body.encounter_class,
            triage_level=body.triage_level,
            visit_type=body.visit_type,
            reason=body.reason,
            appointment_id=body.appointment_id,
            idempotency_key=idempotency_key,
            actor=caller.actor,
            at=caller.at,
        )
        captured = checked_in.captured
        resource = CheckedInResource(
            encounter=encounter_resource(checked_in.encounter, checked_in.encounter.department.code),
            event_id=captured.event_id,
            patient_account_id=captured.patient_account_id,
            currency=caller.currency,
            total_minor=captured.total_minor,
            charge_items=[charge_item_resource(item) for item in captured.items],
        )
        return answer(resource, 201, replayed=captured.replayed)
