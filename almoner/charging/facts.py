"""What conditions may ask about a patient and a visit (``charging.conditions.VARIABLES``)."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from almoner.charging.rules import Context, Event
from almoner.kernel.tenancy import transaction
from almoner.patients.models import Encounter, Patient


def age_on(birth_date: date | None, on: date) -> int | None:
    """Completed years on a date; None when the birth date is not known."""
    if birth_date is None:
        return None
    return on.year - birth_date.year - ((on.month, on.day) < (birth_date.month, birth_date.day))


def facts_of_visit(
    hospital_id: UUID, event: Event, patient_id: UUID, context: Context, on: date
) -> dict[str, Any]:
    """The facts of an event's patient and visit on the service date; None for what is not known."""
    with transaction(hospital_id):
        patient = Patient.objects.get(id=patient_id)
        encounter = Encounter.objects.filter(id=event.encounter_id).first() if event.encounter_id else None
    return {
        "patient_age": age_on(patient.birth_date, on),
        "patient_sex": patient.sex,
        "patient_category": patient.category,
        "payer": context.payer,
        "encounter_class": context.encounter_class,
        "visit_type": encounter.visit_type if encounter else None,
        "triage_level": encounter.triage_level if encounter else None,
        "priority": event.priority,
        "department": context.department,
        "ward_type": context.ward_type,
    }
