"""/consultation/encounters/ID/notes: what the doctor wrote down, and its corrections."""

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
from almoner.patients.operations import find_encounter
from almoner.service_points.consultation import operations
from almoner.service_points.consultation.models import ConsultationNote
from almoner.service_points.consultation.operations import MAXIMUM_NOTE, PERMISSION_CONSULT

router = Router(tags=["Consultation"])


class NewNote(Input):
    text: Annotated[str, Field(min_length=1, max_length=MAXIMUM_NOTE, pattern=r"^[^\x00]*$")]


class NoteResource(Resource):
    """A version of a note. ``replaces``: the version before, which stays as it was."""

    id: UUID
    encounter_id: UUID
    replaces: UUID | None
    text: str
    written_at: datetime
    written_by: str


class Notes(Resource):
    """Every version of every note of a visit, the first one first."""

    items: list[NoteResource]


def _note(row: ConsultationNote) -> NoteResource:
    return NoteResource(
        id=row.id,
        encounter_id=row.consultation.encounter_id,
        replaces=row.replaces_id,
        text=row.text,
        written_at=row.written_at,
        written_by=row.written_by,
    )


@router.get("/encounters/{encounter_id}/notes", auth=needs(PERMISSION_CONSULT), response=Notes)
def list_notes(request: ApiRequest, encounter_id: UUID) -> HttpResponse:
    """What was written down in a visit, corrections as further versions."""
    with transaction(request.auth.hospital_id):
        find_encounter(encounter_id)
        rows = ConsultationNote.objects.select_related("consultation").filter(
            consultation__encounter=encounter_id
        )
        return answer(Notes(items=[_note(row) for row in rows.order_by("written_at", "id")]))


@router.post("/encounters/{encounter_id}/notes", auth=needs(PERMISSION_CONSULT), response={201: NoteResource})
def write_note(
    request: ApiRequest, encounter_id: UUID, body: NewNote, idempotency_key: IdempotencyKey
) -> HttpResponse:
    """Write a note into a consultation that was started."""
    caller = request.auth
    with transaction(caller.hospital_id):
        row = operations.write_note(
            caller.hospital_id,
            encounter_id,
            text=body.text,
            idempotency_key=idempotency_key,
            actor=caller.actor,
            at=caller.at,
        )
        return answer(_note(row), 201, replayed=row.written_at != caller.at)


@router.post("/notes/{note_id}/corrections", auth=needs(PERMISSION_CONSULT), response={201: NoteResource})
def correct_note(
    request: ApiRequest, note_id: UUID, body: NewNote, idempotency_key: IdempotencyKey
) -> HttpResponse:
    """Write a further version of the latest version of a note."""
    caller = request.auth
    with transaction(caller.hospital_id):
        row = operations.correct_note(
            caller.hospital_id,
            note_id,
            text=body.text,
            idempotency_key=idempotency_key,
            actor=caller.actor,
            at=caller.at,
        )
        return answer(_note(row), 201, replayed=row.written_at != caller.at)
