"""Consultation (section 1.2), the use of equipment, and any other service provided."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid5

from django.utils.translation import gettext

from almoner.charging.operations import Captured, capture
from almoner.charging.rules import Event, EventLine
from almoner.enforcement.facts import Subject
from almoner.enforcement.gate import guarded
from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict, DomainError, IdempotencyMismatch, NotFound
from almoner.kernel.idempotency import check_key
from almoner.kernel.tenancy import transaction
from almoner.scheduling.operations import mark_called
from almoner.service_points.consultation.models import Consultation, ConsultationNote

PERMISSION_CONSULT = "consultation.start"
MAXIMUM_NOTE = 4000


@guarded("consultation.start", Subject)
def start(hospital_id: UUID, encounter_id: UUID, *, actor: Actor, at: datetime) -> Consultation:
    """Begin the consultation; its fees are delivered. Starting it again returns the first."""
    actor.require(PERMISSION_CONSULT)
    consultation, _ = Consultation.objects.get_or_create(
        encounter_id=encounter_id,
        defaults={"hospital_id": hospital_id, "started_at": at, "started_by": actor.name},
    )
    mark_called(encounter_id, actor=actor, at=at)
    capture(
        hospital_id,
        Event(
            kind="consultation.started",
            idempotency_key=f"consultation.started:{encounter_id}",
            encounter_id=encounter_id,
        ),
        actor=actor,
        at=at,
    )
    return consultation


def write_note(
    hospital_id: UUID, encounter_id: UUID, *, text: str, idempotency_key: str, actor: Actor, at: datetime
) -> ConsultationNote:
    """Write a note into a consultation that was started. The same key again returns the first note.

    Raises ``DomainError`` for an empty or too long text, ``NotFound`` before the start, ``IdempotencyMismatch``.
    """
    actor.require(PERMISSION_CONSULT)
    text = _note_text(text)
    with transaction(hospital_id):
        consultation = _started(encounter_id)
        return _keep_note(consultation, None, text, idempotency_key, actor, at)


def correct_note(
    hospital_id: UUID, note_id: UUID, *, text: str, idempotency_key: str, actor: Actor, at: datetime
) -> ConsultationNote:
    """Write a further version of a note; the one before stays as it was. The same key again returns that version.

    Raises ``DomainError`` for an empty, too long or unchanged text, ``NotFound``, ``Conflict`` when the note was
    corrected meanwhile, ``IdempotencyMismatch``.
    """
    actor.require(PERMISSION_CONSULT)
    text = _note_text(text)
    with transaction(hospital_id):
        before = find_note(note_id)
        Consultation.objects.select_for_update(no_key=True).get(id=before.consultation_id)
        later = ConsultationNote.objects.filter(replaces=before).first()
        if later is not None and later.id != _note_id(hospital_id, idempotency_key):
            raise Conflict(
                gettext("The note was corrected meanwhile. Open the latest version."),
                field="text",
                code="note_corrected",
            )
        if text == before.text:
            raise DomainError(gettext("Nothing was changed."), field="text", code="unchanged_note")
        return _keep_note(before.consultation, before, text, idempotency_key, actor, at)


def find_note(note_id: UUID) -> ConsultationNote:
    """A version of a note, with its consultation. Raises ``NotFound``."""
    note = ConsultationNote.objects.select_related("consultation").filter(id=note_id).first()
    if note is None:
        raise NotFound(
            gettext("There is no such note at this hospital."), field="note_id", code="unknown_note"
        )
    return note


def _note_text(text: str) -> str:
    if not text.strip() or len(text) > MAXIMUM_NOTE:
        raise DomainError(
            gettext("A note has 1 to %(maximum_note)s characters.") % {"maximum_note": MAXIMUM_NOTE},
            field="text",
            code="invalid_note",
        )
    return text.strip()


def _note_id(hospital_id: UUID, idempotency_key: str) -> UUID:
    return uuid5(hospital_id, f"note:{check_key(idempotency_key)}")


def _keep_note(
    consultation: Consultation,
    replaces: ConsultationNote | None,
    text: str,
    idempotency_key: str,
    actor: Actor,
    at: datetime,
) -> ConsultationNote:
    note, _ = ConsultationNote.objects.get_or_create(
        id=_note_id(consultation.hospital_id, idempotency_key),
        defaults={
            "hospital_id": consultation.hospital_id,
            "consultation": consultation,
            "replaces": replaces,
            "text": text,
            "written_at": at,
            "written_by": actor.name,
        },
    )
    replaced_id = replaces.id if replaces else None
    if (note.consultation_id, note.replaces_id, note.text) != (consultation.id, replaced_id, text):
        raise IdempotencyMismatch(idempotency_key)
    return note


def _started(encounter_id: UUID) -> Consultation:
    consultation = Consultation.objects.filter(encounter_id=encounter_id).first()
    if consultation is None:
        raise NotFound(
            gettext("The consultation was not started."),
            field="encounter_id",
            code="consultation_not_started",
        )
    return consultation


def finish(hospital_id: UUID, encounter_id: UUID, *, actor: Actor, at: datetime) -> Consultation:
    """End the consultation; ending it again changes nothing. Raises ``NotFound`` before it was started."""
    actor.require(PERMISSION_CONSULT)
    with transaction(hospital_id):
        consultation = _started(encounter_id)
        if consultation.ended_at is None:
            consultation.ended_at = at
            consultation.save(update_fields=["ended_at"])
            capture(
                hospital_id,
                Event(
                    kind="consultation.ended",
                    idempotency_key=f"consultation.ended:{encounter_id}",
                    encounter_id=encounter_id,
                ),
                actor=actor,
                at=at,
            )
        return consultation


@guarded("equipment.use", Subject)
def use_equipment(hospital_id: UUID, encounter_id: UUID, *, actor: Actor, at: datetime) -> Captured:
    """Use the department's equipment; its fee, captured at check-in, is delivered."""
    actor.require(PERMISSION_CONSULT)
    return capture(
        hospital_id,
        Event(
            kind="equipment.used",
            idempotency_key=f"equipment.used:{encounter_id}",
            encounter_id=encounter_id,
        ),
        actor=actor,
        at=at,
    )


def provide_services(
    hospital_id: UUID,
    *,
    encounter_id: UUID,
    lines: Sequence[EventLine],
    idempotency_key: str,
    actor: Actor,
    at: datetime,
) -> Captured:
    """Record services that were provided (section 7.1 ServiceProvided): charged and delivered at once."""
    if not lines:
        raise DomainError(gettext("Name at least one service."), field="lines", code="invalid_lines")
    return capture(
        hospital_id,
        Event(
            kind="service.provided",
            idempotency_key=idempotency_key,
            encounter_id=encounter_id,
            lines=tuple(lines),
        ),
        actor=actor,
        at=at,
    )
