"""Registering people, opening and closing their visits, recording who covers them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.utils.translation import gettext

from almoner.hospitals.models import Department, Hospital
from almoner.identity import audit
from almoner.kernel.actor import Actor
from almoner.kernel.errors import DomainError, NotFound
from almoner.kernel.models import next_number
from almoner.kernel.tenancy import transaction
from almoner.patients.models import Coverage, Encounter, Patient, PatientAccount, Payer

PERMISSION_REGISTER = "patients.register"
SEXES = ("female", "male", "other", "unknown")
VISIT_TYPES = ("first", "follow_up", "maintenance", "elective")


@dataclass(frozen=True, slots=True)
class Registered:
    """A patient's record and account."""

    patient: Patient
    account: PatientAccount


def register_patient(
    hospital_id: UUID,
    *,
    name: str,
    actor: Actor,
    at: datetime,
    birth_date: date | None = None,
    sex: str = "unknown",
    phone: str = "",
    category: str = "general",
    source_id: str = "",
) -> Registered:
    """Make a patient's record with the next MRN, and an account in the hospital's currency.

    ``source_id`` is the patient's id in another system; registering it again returns the first record.
    """
    actor.require(PERMISSION_REGISTER)
    if not name.strip() or len(name) > 200:
        raise DomainError(gettext("A name has 1 to 200 characters."), field="name", code="invalid_name")
    if birth_date is not None and birth_date > at.date():
        raise DomainError(
            gettext("The birth date lies in the future."), field="birth_date", code="invalid_birth_date"
        )
    if sex not in SEXES:
        raise DomainError(
            gettext("Expected one of %(sexes)s.") % {"sexes": ", ".join(SEXES)},
            field="sex",
            code="invalid_sex",
        )
    with transaction(hospital_id):
        if source_id:
            known = Patient.objects.filter(source_id=source_id).first()
            if known is not None:
                return Registered(known, PatientAccount.objects.filter(patient=known).earliest("id"))
        hospital = Hospital.objects.get(id=hospital_id)
        patient = Patient.objects.create(
            hospital_id=hospital_id,
            mrn=f"MRN{next_number('mrn', 0):07d}",
            name=name.strip(),
            birth_date=birth_date,
            sex=sex,
            phone=phone.strip(),
            category=category,
            registered_at=at,
            source_id=source_id,
        )
        account = PatientAccount.objects.create(
            hospital_id=hospital_id, patient=patient, currency=hospital.currency
        )
        return Registered(patient, account)


def surviving(patient_id: UUID, *, lock: bool = False) -> Patient:
    """The patient's record, or the one it was merged into. Raises ``NotFound``.

    ``lock``: for who is about to refer to it: a merge waits, or has been seen.
    """
    patients = Patient.objects.select_related("merged_into")
    if lock:
        patients = Patient.objects.select_for_update(no_key=True)
    patient = patients.filter(id=patient_id).first()
    if patient is None:
        raise NotFound(
            gettext("There is no such patient at this hospital."), field="patient_id", code="unknown_patient"
        )
    return patient.merged_into or patient


def find_department(code: str) -> Department:
    """The active department ``code``. Raises ``NotFound``."""
    department = Department.objects.filter(code=code, is_active=True).first()
    if department is None:
        raise NotFound(
            gettext("There is no department %(code)r at this hospital.") % {"code": code},
            field="department",
            code="unknown_department",
        )
    return department


def open_encounter(
    hospital_id: UUID,
    *,
    patient_id: UUID,
    department: str,
    actor: Actor,
    at: datetime,
    encounter_class: str = Encounter.Class.AMBULATORY,
    triage_level: int | None = None,
    visit_type: str = "first",
    reason: str = "",
    encounter_id: UUID | None = None,
) -> Encounter:
    """Open a visit of the (surviving) patient in ``department``.

    ``triage_level`` is the ESI level, 1 to 5. ``encounter_id`` may be given by a caller that must be able
    to repeat itself: the same id returns the first visit.
    """
    actor.require(PERMISSION_REGISTER)
    if encounter_class not in Encounter.Class.values:
        raise DomainError(
            gettext("Expected one of %(values)s.") % {"values": ", ".join(Encounter.Class.values)},
            field="encounter_class",
            code="invalid_encounter_class",
        )
    if triage_level is not None and not 1 <= triage_level <= 5:
        raise DomainError(
            gettext("A triage level is 1 to 5 (ESI)."), field="triage_level", code="invalid_triage_level"
        )
    if visit_type not in VISIT_TYPES:
        raise DomainError(
            gettext("Expected one of %(visit_types)s.") % {"visit_types": ", ".join(VISIT_TYPES)},
            field="visit_type",
            code="invalid_visit_type",
        )
    with transaction(hospital_id):
        if encounter_id is not None:
            known = Encounter.objects.filter(id=encounter_id).first()
            if known is not None:
                return known
        patient = surviving(patient_id, lock=True)
        more = {"id": encounter_id} if encounter_id else {}
        return Encounter.objects.create(
            hospital_id=hospital_id,
            number=f"V{next_number('encounter', 0):08d}",
            patient=patient,
            department=find_department(department),
            encounter_class=encounter_class,
            triage_level=triage_level,
            visit_type=visit_type,
            reason=reason[:300],
            started_at=at,
            **more,
        )


def find_encounter(encounter_id: UUID) -> Encounter:
    """The encounter with its patient and department. Raises ``NotFound``."""
    encounter = Encounter.objects.select_related("patient", "department").filter(id=encounter_id).first()
    if encounter is None:
        raise NotFound(
            gettext("There is no such encounter at this hospital."),
            field="encounter_id",
            code="unknown_encounter",
        )
    return encounter


def set_triage(
    hospital_id: UUID, encounter_id: UUID, *, triage_level: int, actor: Actor, at: datetime, reason: str = ""
) -> None:
    """Record the ESI triage level; a critical one releases every gate of the encounter.

    ``reason``: what triage found the patient came for, instead of what was said at check-in; it releases as well
    where the policy names it critical.
    """
    actor.require(PERMISSION_REGISTER)
    if not 1 <= triage_level <= 5:
        raise DomainError(
            gettext("A triage level is 1 to 5 (ESI)."), field="triage_level", code="invalid_triage_level"
        )
    with transaction(hospital_id):
        encounter = find_encounter(encounter_id)
        audit.record(
            "encounter.triaged",
            actor=actor,
            at=at,
            subject_kind="encounter",
            subject_id=encounter.id,
            before=encounter.triage_level,
            after=triage_level,
            **({"reason": reason} if reason else {}),
        )
        encounter.triage_level = triage_level
        encounter.reason = reason or encounter.reason
        encounter.save(update_fields=["triage_level", "reason"])


def close_encounter(hospital_id: UUID, encounter_id: UUID, *, actor: Actor, at: datetime) -> Encounter:
    """End a visit; closing it again changes nothing."""
    actor.require(PERMISSION_REGISTER)
    with transaction(hospital_id):
        encounter = find_encounter(encounter_id)
        if encounter.ended_at is None:
            encounter.ended_at = max(at, encounter.started_at)
            encounter.save(update_fields=["ended_at"])
        return encounter


def add_coverage(
    hospital_id: UUID,
    *,
    patient_id: UUID,
    payer: str,
    starts_on: date,
    actor: Actor,
    ends_on: date | None = None,
    member_id: str = "",
    priority: int = 1,
) -> Coverage:
    """Record that ``payer`` (its code) covers the patient in a period; the lowest priority pays first."""
    actor.require(PERMISSION_REGISTER)
    if ends_on is not None and ends_on < starts_on:
        raise DomainError(gettext("Coverage ends before it starts."), field="ends_on", code="invalid_period")
    with transaction(hospital_id):
        found = Payer.objects.filter(code=payer, is_active=True).first()
        if found is None:
            raise NotFound(
                gettext("There is no payer %(payer)r.") % {"payer": payer},
                field="payer",
                code="unknown_payer",
            )
        coverage, _ = Coverage.objects.get_or_create(
            patient=surviving(patient_id, lock=True),
            payer=found,
            priority=priority,
            starts_on=starts_on,
            defaults={"hospital_id": hospital_id, "ends_on": ends_on, "member_id": member_id},
        )
        return coverage
