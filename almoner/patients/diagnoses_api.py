"""/encounters/ID/diagnoses: what a visit found."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from django.http import HttpResponse
from ninja import Router
from pydantic import Field

from almoner.hospitals.callers import ApiRequest, needs
from almoner.kernel.tenancy import transaction
from almoner.kernel.wire import IdempotencyKey, Input, Resource, answer
from almoner.patients import diagnoses
from almoner.patients.models import Diagnosis
from almoner.patients.operations import find_encounter

router = Router(tags=["Patients"])


class NewDiagnosis(Input):
    """In words, with an ICD-10 code (``I20.9``) where there is one."""

    text: Annotated[str, Field(min_length=1, max_length=diagnoses.MAXIMUM_DIAGNOSIS, pattern=r"^[^\x00]*$")]
    code: Annotated[str, Field(pattern=r"^[A-Za-z0-9.]{0,8}$")] = ""


class DiagnosisResource(Resource):
    """``withdrawn_at``: since when it does not stand; null: it stands."""

    id: UUID
    encounter_id: UUID
    text: str
    code: str
    recorded_at: datetime
    recorded_by: str
    withdrawn_at: datetime | None
    withdrawn_by: str


class Diagnoses(Resource):
    """The diagnoses of a visit, the first one first; withdrawn ones too."""

    items: list[DiagnosisResource]


def _diagnosis(row: Diagnosis) -> DiagnosisResource:
    return DiagnosisResource(
        id=row.id,
        encounter_id=row.encounter_id,
        text=row.text,
        code=row.code,
        recorded_at=row.recorded_at,
        recorded_by=row.recorded_by,
        withdrawn_at=row.withdrawn_at,
        withdrawn_by=row.withdrawn_by,
    )


@router.get(
    "/encounters/{encounter_id}/diagnoses",
    auth=needs(diagnoses.PERMISSION_READ_DIAGNOSES),
    response=Diagnoses,
)
def list_diagnoses(request: ApiRequest, encounter_id: UUID) -> HttpResponse:
    """What the visit found."""
    with transaction(request.auth.hospital_id):
        find_encounter(encounter_id)
        rows = Diagnosis.objects.filter(encounter=encounter_id).order_by("recorded_at", "id")
        return answer(Diagnoses(items=[_diagnosis(row) for row in rows]))


@router.post(
    "/encounters/{encounter_id}/diagnoses",
    auth=needs(diagnoses.PERMISSION_DIAGNOSE),
    response={201: DiagnosisResource},
)
def record_diagnosis(
    request: ApiRequest, encounter_id: UUID, body: NewDiagnosis, idempotency_key: IdempotencyKey
) -> HttpResponse:
    """Record a diagnosis of the visit; one that the policy calls critical releases its gates."""
    caller = request.auth
    row = diagnoses.record_diagnosis(
        caller.hospital_id,
        encounter_id,
        text=body.text,
        code=body.code,
        idempotency_key=idempotency_key,
        actor=caller.actor,
        at=caller.at,
    )
    return answer(_diagnosis(row), 201, replayed=row.recorded_at != caller.at)


@router.post(
    "/diagnoses/{diagnosis_id}/withdrawal",
    auth=needs(diagnoses.PERMISSION_DIAGNOSE),
    response={201: DiagnosisResource},
)
def withdraw_diagnosis(request: ApiRequest, diagnosis_id: UUID) -> HttpResponse:
    """Say that a diagnosis does not stand; it stays readable. Again changes nothing."""
    caller = request.auth
    row = diagnoses.withdraw_diagnosis(caller.hospital_id, diagnosis_id, actor=caller.actor, at=caller.at)
    return answer(_diagnosis(row), 201)
