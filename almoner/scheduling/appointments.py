"""Booking, moving and calling off appointments, and what becomes of them when the patient comes."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID, uuid5

from django.db import IntegrityError
from django.db.transaction import atomic
from django.utils.translation import gettext as _

from almoner.identity import audit
from almoner.identity.models import Membership, User
from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict, DomainError, IdempotencyMismatch, NotFound
from almoner.kernel.idempotency import check_key, content_hash
from almoner.kernel.tenancy import require_transaction, transaction
from almoner.patients.models import Encounter
from almoner.patients.operations import find_department, surviving
from almoner.scheduling.models import Appointment

PERMISSION_BOOK = "scheduling.book"
SHORTEST_MINUTES, LONGEST_MINUTES = 5, 480
FURTHEST = timedelta(days=730)
PRACTITIONER_ROLE = "doctor"


def practitioners(hospital_id: UUID) -> list[tuple[UUID, str]]:
    """Whom patients can be booked with: the hospital's doctors by name; one statement."""
    doctors = User.objects.filter(
        memberships__hospital_id=hospital_id, memberships__role=PRACTITIONER_ROLE, is_active=True
    )
    return [(user.id, user.name or user.email) for user in doctors.order_by("name", "email").distinct()]


def book(
    hospital_id: UUID,
    *,
    patient_id: UUID,
    department: str,
    starts_at: datetime,
    idempotency_key: str,
    actor: Actor,
    at: datetime,
    minutes: int = 20,
    practitioner_id: UUID | None = None,
    reason: str = "",
) -> Appointment:
    """Book the (surviving) patient at ``department`` (its code), with a doctor or with whoever is there.

    ``starts_at`` is UTC and lies ahead. The same key again returns the first appointment. Raises ``DomainError``
    naming the field, ``NotFound``, ``Conflict`` at ``starts_at`` when the doctor has another appointment then,
    ``IdempotencyMismatch``.
    """
    actor.require(PERMISSION_BOOK)
    asked = content_hash([patient_id, department, starts_at, minutes, practitioner_id, reason])
    appointment_id = uuid5(hospital_id, f"appointment:{check_key(idempotency_key)}")
    with transaction(hospital_id):
        known = Appointment.objects.select_related("department", "patient").filter(id=appointment_id).first()
        if known is not None:
            if known.content_hash != asked:
                raise IdempotencyMismatch(idempotency_key)
            return known
        _check_time(starts_at, minutes, at)
        appointment = Appointment(
            id=appointment_id,
            hospital_id=hospital_id,
            patient=surviving(patient_id, lock=True),
            department=find_department(department),
            practitioner_id=practitioner_id,
            practitioner=_name_of(hospital_id, practitioner_id),
            starts_at=starts_at,
            ends_at=starts_at + timedelta(minutes=minutes),
            reason=reason.strip()[:300],
            booked_at=at,
            booked_by=actor.name,
            content_hash=asked,
        )
        _save(appointment, is_new=True)
        _record("appointment.booked", appointment, actor, at)
        return appointment


def move(
    hospital_id: UUID,
    appointment_id: UUID,
    *,
    starts_at: datetime,
    minutes: int,
    practitioner_id: UUID | None,
    actor: Actor,
    at: datetime,
) -> Appointment:
    """Move a booked appointment to another time or doctor; moving it to where it is changes nothing."""
    actor.require(PERMISSION_BOOK)
    with transaction(hospital_id):
        appointment = _locked(appointment_id)
        ends_at = starts_at + timedelta(minutes=minutes)
        if (appointment.starts_at, appointment.ends_at, appointment.practitioner_id) == (
            starts_at,
            ends_at,
            practitioner_id,
        ):
            return appointment
        _check_open(appointment)
        _check_time(starts_at, minutes, at)
        before = appointment.starts_at
        appointment.starts_at, appointment.ends_at = starts_at, ends_at
        appointment.practitioner_id = practitioner_id
        appointment.practitioner = _name_of(hospital_id, practitioner_id)
        _save(appointment)
        _record("appointment.moved", appointment, actor, at, before=before.isoformat())
        return appointment


def call_off(
    hospital_id: UUID, appointment_id: UUID, *, actor: Actor, at: datetime, no_show: bool = False
) -> Appointment:
    """Cancel an appointment, or (once its time has come) say that the patient did not come.

    Doing it again changes nothing. Raises ``Conflict`` when the patient has arrived.
    """
    actor.require(PERMISSION_BOOK)
    status = Appointment.Status.NO_SHOW if no_show else Appointment.Status.CANCELLED
    with transaction(hospital_id):
        appointment = _locked(appointment_id)
        if appointment.status == status:
            return appointment
        _check_open(appointment)
        if no_show and at < appointment.starts_at:
            raise Conflict(
                _("The patient is expected later than now."), field="appointment_id", code="not_yet_due"
            )
        appointment.status = status
        appointment.save(update_fields=["status"])
        _record(f"appointment.{'missed' if no_show else 'cancelled'}", appointment, actor, at)
        return appointment


def arrive(appointment_id: UUID, encounter: Encounter) -> Appointment:
    """The patient has come: the appointment became this visit. Needs the hospital's transaction.

    Raises ``Conflict`` when it was called off, became another visit or is another patient's.
    """
    require_transaction()
    appointment = _locked(appointment_id)
    if appointment.encounter_id == encounter.id:
        return appointment
    _check_open(appointment)
    if appointment.patient_id != encounter.patient_id:
        raise Conflict(
            _("This appointment is another patient's."), field="appointment_id", code="other_patient"
        )
    appointment.status, appointment.encounter = Appointment.Status.ARRIVED, encounter
    appointment.save(update_fields=["status", "encounter"])
    return appointment


def find_appointment(appointment_id: UUID) -> Appointment:
    """The appointment with its patient and department; one statement. Raises ``NotFound``."""
    found = Appointment.objects.select_related("patient", "department").filter(id=appointment_id).first()
    if found is None:
        raise NotFound(
            _("There is no such appointment at this hospital."),
            field="appointment_id",
            code="unknown_appointment",
        )
    return found


def _locked(appointment_id: UUID) -> Appointment:
    Appointment.objects.select_for_update(no_key=True).filter(id=appointment_id).first()
    return find_appointment(appointment_id)


def _check_open(appointment: Appointment) -> None:
    says = {
        Appointment.Status.ARRIVED: _("The patient has arrived for this appointment already."),
        Appointment.Status.CANCELLED: _("This appointment was cancelled. Book another one."),
        Appointment.Status.NO_SHOW: _("The patient did not come to this appointment. Book another one."),
    }
    if appointment.status != Appointment.Status.BOOKED:
        raise Conflict(
            says[Appointment.Status(appointment.status)],
            field="appointment_id",
            code=f"appointment_{appointment.status}",
        )


def _check_time(starts_at: datetime, minutes: int, at: datetime) -> None:
    if not SHORTEST_MINUTES <= minutes <= LONGEST_MINUTES:
        raise DomainError(
            _("An appointment takes %(shortest_minutes)s to %(longest_minutes)s minutes.")
            % {"shortest_minutes": SHORTEST_MINUTES, "longest_minutes": LONGEST_MINUTES},
            field="minutes",
            code="invalid_minutes",
        )
    if not at <= starts_at <= at + FURTHEST:
        raise DomainError(
            _("Give a time from now on, within two years."), field="starts_at", code="invalid_start"
        )


def _name_of(hospital_id: UUID, practitioner_id: UUID | None) -> str:
    if practitioner_id is None:
        return ""
    member = Membership.objects.select_related("user").filter(
        hospital_id=hospital_id, role=PRACTITIONER_ROLE, user_id=practitioner_id, user__is_active=True
    )
    found = member.first()
    if found is None:
        raise NotFound(
            _("There is no such doctor at this hospital."),
            field="practitioner_id",
            code="unknown_practitioner",
        )
    return (found.user.name or found.user.email)[:200]


def _save(appointment: Appointment, *, is_new: bool = False) -> None:
    """Write it down; the database refuses what overlaps, whoever booked it meanwhile."""
    try:
        with atomic():
            if is_new:
                appointment.save(force_insert=True)
            else:
                appointment.save(update_fields=["starts_at", "ends_at", "practitioner_id", "practitioner"])
    except IntegrityError as error:
        if "do_not_overlap" not in str(error):
            raise
        raise Conflict(
            _("%(practitioner)s has another appointment at this time. Choose another one.")
            % {"practitioner": appointment.practitioner},
            field="starts_at",
            code="practitioner_taken",
        ) from error


def _record(action: str, appointment: Appointment, actor: Actor, at: datetime, **more: str) -> None:
    audit.record(
        action,
        actor=actor,
        at=at,
        subject_kind="appointment",
        subject_id=appointment.id,
        patient=str(appointment.patient_id),
        starts_at=appointment.starts_at.isoformat(),
        **more,
    )
