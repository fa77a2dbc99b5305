"""/consultation: the doctor's time, equipment, and any other service provided."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from django.http import HttpResponse
from ninja import Router
from pydantic import Field

from almoner.charging.operations import PERMISSION_CAPTURE
from almoner.charging.wire import (
    MAXIMUM_LINES,
    CapturedResource,
    ServiceLine,
    captured_fields,
    event_lines,
)
from almoner.enforcement.wire import Passed, passed
from almoner.hospitals.callers import ApiRequest, needs
from almoner.kernel.wire import IdempotencyKey, Input, Resource, answer
from almoner.service_points.consultation import operations
from almoner.service_points.consultation.models import Consultation
from almoner.service_points.consultation.notes_api import router as notes_router

router = Router(tags=["Consultation"])
router.add_router("", notes_router)


class ConsultationResource(Resource):
    id: UUID
    encounter_id: UUID
    started_at: datetime
    started_by: str
    ended_at: datetime | None


class ConsultationPassed(Passed[ConsultationResource]):
    """The gate's decision, and the consultation unless it was held."""


class EquipmentPassed(Passed[CapturedResource]):
    """The gate's decision, and the event unless it was held."""


class ProvidedServices(Input):
    """Services that were provided, by their codes."""

    lines: Annotated[list[ServiceLine], Field(min_length=1, max_length=MAXIMUM_LINES)]


def _consultation(row: Consultation) -> ConsultationResource:
    return ConsultationResource(
        id=row.id,
        encounter_id=row.encounter_id,
        started_at=row.started_at,
        started_by=row.started_by,
        ended_at=row.ended_at,
    )


@router.post(
    "/encounters/{encounter_id}/start",
    auth=needs(operations.PERMISSION_CONSULT),
    response={200: ConsultationPassed},
)
def start_consultation(request: ApiRequest, encounter_id: UUID) -> HttpResponse:
    """Start the consultation, if its gate lets it. Held is an answer: `result` is null, nothing began."""
    caller = request.auth
    passage = operations.start(caller.hospital_id, encounter_id, actor=caller.actor, at=caller.at)
    return answer(passed(ConsultationPassed, passage, _consultation, caller.actor))


@router.post(
    "/encounters/{encounter_id}/finish",
    auth=needs(operations.PERMISSION_CONSULT),
    response={200: ConsultationResource},
)
def finish_consultation(request: ApiRequest, encounter_id: UUID) -> HttpResponse:
    """End the consultation; ending it again changes nothing."""
    caller = request.auth
    row = operations.finish(caller.hospital_id, encounter_id, actor=caller.actor, at=caller.at)
    return answer(_consultation(row))


@router.post(
    "/encounters/{encounter_id}/equipment-use",
    auth=needs(operations.PERMISSION_CONSULT),
    response={200: EquipmentPassed},
)
def use_equipment(request: ApiRequest, encounter_id: UUID) -> HttpResponse:
    """Use the department's equipment, if its gate lets it. Using it again changes nothing."""
    caller = request.auth
    passage = operations.use_equipment(caller.hospital_id, encounter_id, actor=caller.actor, at=caller.at)
    resource = passed(
        EquipmentPassed,
        passage,
        lambda captured: CapturedResource(**captured_fields(captured, caller.currency)),
        caller.actor,
    )
    return answer(resource)


@router.post(
    "/encounters/{encounter_id}/services",
    auth=needs(PERMISSION_CAPTURE),
    response={201: CapturedResource},
)
def provide_services(
    request: ApiRequest, encounter_id: UUID, body: ProvidedServices, idempotency_key: IdempotencyKey
) -> HttpResponse:
    """Record services that were provided: charged and delivered at once."""
    caller = request.auth
    captured = operations.provide_services(
        caller.hospital_id,
        encounter_id=encounter_id,
        lines=event_lines(body.lines),
        idempotency_key=idempotency_key,
        actor=caller.actor,
        at=caller.at,
    )
    resource = CapturedResource(**captured_fields(captured, caller.currency))
    return answer(resource, 201, replayed=captured.replayed)
