"""Check-in (section 1.1): a visit begins, and its department's fees are captured with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from almoner.charging.operations import Captured, capture
from almoner.charging.rules import Event
from almoner.kernel.actor import Actor
from almoner.kernel.idempotency import check_key
from almoner.kernel.tenancy import transaction
from almoner.orders.referrals import follow_referral
from almoner.patients.models import Encounter
from almoner.patients.operations import open_encounter, surviving
from almoner.scheduling.appointments import arrive
from almoner.scheduling.models import QueueToken
from almoner.scheduling.operations import issue_token


@dataclass(frozen=True, slots=True)
class CheckedIn:
    """The visit, what it charged, and the number to wait with (none for emergencies and inpatients)."""

    encounter: Encounter
    captured: Captured
    token: QueueToken | None = None


def check_in(
    hospital_id: UUID,
    *,
    patient_id: UUID,
    department: str,
    idempotency_key: str,
    actor: Actor,
    at: datetime,
    encounter_class: str = Encounter.Class.AMBULATORY,
    triage_level: int | None = None,
    visit_type: str = "first",
    reason: str = "",
    appointment_id: UUID | None = None,
    referral_id: UUID | None = None,
) -> CheckedIn:
    """Check a patient in to a department (its code). Never held: arriving costs nothing to allow.

    The charges are billable, undelivered and unpaid (the specification's PENDING). Repeating the key
    returns the first visit. ``triage_level`` is the ESI level, 1 to 5. ``appointment_id``,
    ``referral_id``: what the patient comes for; it becomes this visit. Raises ``Conflict`` when it was called off or became another visit.
    """
    check_key(idempotency_key)
    with transaction(hospital_id):
        encounter = open_encounter(
            hospital_id,
            patient_id=surviving(patient_id).id,
            department=department,
            actor=actor,
            at=at,
            encounter_class=encounter_class,
            triage_level=triage_level,
            visit_type=visit_type,
            reason=reason,
            encounter_id=uuid5(hospital_id, f"check_in:{idempotency_key}"),
        )
        if appointment_id is not None:
            arrive(appointment_id, encounter)
        if referral_id is not None:
            follow_referral(referral_id, encounter)
        captured = capture(
            hospital_id,
            Event(
                kind="patient.checked_in",
                idempotency_key=idempotency_key,
                encounter_id=encounter.id,
                request_type=visit_type,
                body={
                    "patient_id": str(patient_id),
                    "department": department,
                    "reason": reason,
                    "encounter_class": encounter_class,
                    "triage_level": triage_level,
                    **({"appointment_id": str(appointment_id)} if appointment_id else {}),
                    **({"referral_id": str(referral_id)} if referral_id else {}),
                },
            ),
            actor=actor,
            at=at,
        )
        waits = encounter.encounter_class == Encounter.Class.AMBULATORY
        return CheckedIn(encounter, captured, issue_token(encounter, at=at) if waits else None)
