"""Whose records a user sees as their own, who sees a patient's, and ending that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from uuid import UUID

from django.utils.translation import gettext as _

from almoner.hospitals.models import Hospital
from almoner.identity import audit
from almoner.identity.models import User
from almoner.kernel.actor import Actor
from almoner.kernel.errors import NotFound
from almoner.kernel.tenancy import transaction
from almoner.patients.merging import records_of
from almoner.patients.models import Patient
from almoner.patients.operations import PERMISSION_REGISTER, surviving
from almoner.portal.models import PatientInvitation, PatientLogin


@dataclass(frozen=True, slots=True)
class OwnLogin:
    """A record of a patient at a hospital that somebody sees as their own; it may have been merged since."""

    id: UUID
    hospital: Hospital
    patient_id: UUID


@dataclass(frozen=True, slots=True)
class OwnRecord:
    """What ``OwnLogin`` leads to: the surviving record."""

    login: OwnLogin
    patient: Patient


_LOGINS = """
SELECT hospital.*, login.id AS login_id, login.patient_id
FROM portal_patientlogin AS login
JOIN hospitals_hospital AS hospital ON hospital.id = login.hospital_id
WHERE login.user_id = %s
ORDER BY hospital.name, hospital.id, login.id
"""


def logins_of(user: User) -> list[OwnLogin]:
    """What ``user`` sees as their own, by hospital; one statement."""
    return [OwnLogin(row.login_id, row, row.patient_id) for row in Hospital.objects.raw(_LOGINS, [user.id])]  # type: ignore[attr-defined]


def records_behind(logins: Sequence[OwnLogin]) -> list[OwnRecord]:
    """The records that ``logins`` lead to, each once; a transaction for each hospital, so none may be open."""
    found: dict[UUID, OwnRecord] = {}
    for hospital_id, at_hospital in groupby(logins, key=lambda login: login.hospital.id):
        with transaction(hospital_id):
            for login in at_hospital:
                patient = surviving(login.patient_id)
                found.setdefault(patient.id, OwnRecord(login, patient))
    return list(found.values())


@dataclass(frozen=True, slots=True)
class Access:
    """Who sees a patient's record as their own, and who was asked to and has not answered."""

    logins: tuple[PatientLogin, ...]
    invitations: tuple[PatientInvitation, ...]


def read_access(hospital_id: UUID, patient_id: UUID, *, at: datetime) -> Access:
    """Who sees the (merged or surviving) record; two statements. Needs the transaction."""
    logins = PatientLogin.objects.filter(hospital_id=hospital_id, patient_id__in=records_of(patient_id))
    invitations = PatientInvitation.objects.filter(
        patient__in=records_of(patient_id), accepted_at=None, withdrawn_at=None, expires_at__gt=at
    )
    people = {login.user_id: login for login in logins.select_related("user").order_by("created_at", "id")}
    return Access(tuple(people.values()), tuple(invitations.order_by("-invited_at", "-id")))


def end_access(hospital_id: UUID, patient_id: UUID, user_id: UUID, *, actor: Actor, at: datetime) -> None:
    """Let ``user_id`` see the patient's record no more, from the next request on.

    Raises ``NotFound`` for who does not see it.
    """
    actor.require(PERMISSION_REGISTER)
    with transaction(hospital_id):
        patient = surviving(patient_id, lock=True)
        logins = PatientLogin.objects.filter(
            hospital_id=hospital_id, patient_id__in=records_of(patient.id), user_id=user_id
        )
        person = User.objects.filter(id=user_id).first()
        if person is None or not logins.delete()[0]:
            raise NotFound(
                _("This person does not see the patient's record."), field="user", code="unknown_user"
            )
        audit.record(
            "patient_access.ended",
            actor=actor,
            at=at,
            subject_kind="patient",
            subject_id=patient.id,
            email=person.email,
        )
