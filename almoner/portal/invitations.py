"""Letting a patient in by a letter: the link in it is signed, bound to patient and address, expires, works once.

Neither the staff nor whoever holds the link learns whether the address has an account: everybody logs in before the
link is accepted, and who has no account yet makes one on the way.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID, uuid5

from django.contrib.auth.hashers import make_password
from django.core import signing
from django.db import IntegrityError
from django.db.transaction import atomic
from django.utils.translation import gettext as _

from almoner.identity import audit
from almoner.identity.models import User
from almoner.identity.operations import add_user, clean_email
from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict, IdempotencyMismatch, NotFound
from almoner.kernel.idempotency import check_key
from almoner.kernel.tenancy import transaction
from almoner.patients.merging import records_of
from almoner.patients.operations import PERMISSION_REGISTER, surviving
from almoner.portal.models import PatientInvitation, PatientLogin

VALID_FOR = timedelta(days=7)
_SALT = "almoner.portal.invitation"


def invite(
    hospital_id: UUID, *, patient_id: UUID, email: str, idempotency_key: str, actor: Actor, at: datetime
) -> PatientInvitation:
    """Ask ``email`` to see the (surviving) patient's record; the letter with ``token_of`` is the caller's to send.

    An open invitation of the same address to the same patient is withdrawn: the latest letter counts. The same
    key again gives the invitation of the first time. Raises ``DomainError`` at ``email``, ``Conflict`` there for
    who sees the record already, ``NotFound``, ``IdempotencyMismatch``.
    """
    actor.require(PERMISSION_REGISTER)
    email = clean_email(email)
    id = uuid5(hospital_id, f"patient invitation:{check_key(idempotency_key)}")
    with transaction(hospital_id):
        patient = surviving(patient_id, lock=True)
        if known := PatientInvitation.objects.filter(id=id).first():
            if (known.email, known.patient_id) != (email, patient.id):
                raise IdempotencyMismatch(idempotency_key)
            return known
        seen_by = PatientLogin.objects.filter(
            hospital_id=hospital_id, patient_id__in=records_of(patient.id), user__email=email
        )
        if seen_by.exists():
            raise Conflict(
                _("%(email)s sees this record already.") % {"email": email},
                field="email",
                code="already_invited",
            )
        PatientInvitation.objects.filter(
            patient=patient, email=email, accepted_at=None, withdrawn_at=None
        ).update(withdrawn_at=at)
        invitation = PatientInvitation.objects.create(
            id=id,
            hospital_id=hospital_id,
            patient=patient,
            email=email,
            invited_by=actor.name,
            invited_at=at,
            expires_at=at + VALID_FOR,
        )
        _record("patient_access.invited", invitation, actor, at)
        return invitation


def withdraw(
    hospital_id: UUID, patient_id: UUID, invitation_id: UUID, *, actor: Actor, at: datetime
) -> PatientInvitation:
    """Let the link in an open invitation's letter lead nowhere. Raises ``NotFound``."""
    actor.require(PERMISSION_REGISTER)
    with transaction(hospital_id):
        invitation = (
            PatientInvitation.objects.select_for_update(of=["self"])
            .filter(id=invitation_id, patient__in=records_of(patient_id), accepted_at=None, withdrawn_at=None)
            .first()
        )
        if invitation is None:
            raise NotFound(
                _("There is no open invitation with this id."), field="invitation", code="unknown_invitation"
            )
        invitation.withdrawn_at = at
        invitation.save(update_fields=["withdrawn_at"])
        _record("patient_access.withdrawn", invitation, actor, at)
        return invitation


def token_of(invitation: PatientInvitation) -> str:
    """What the letter's link carries: signed, names hospital and invitation, which is of one patient and address."""
    return signing.dumps([str(invitation.hospital_id), str(invitation.id)], salt=_SALT)


def read_invitation(token: str, *, at: datetime) -> PatientInvitation:
    """What a link leads to. Raises ``NotFound`` when it was used, withdrawn, has expired or was never written."""
    hospital_id, invitation_id = _parts(token)
    with transaction(hospital_id):
        return _open(PatientInvitation.objects.filter(id=invitation_id).first(), at)


def open_account(token: str, *, name: str, password: str, at: datetime) -> None:
    """Make an account for the letter's address, with which to log in and accept.

    When it has one already, that stays as it is, and nothing tells so. Raises ``NotFound`` for a link that leads
    nowhere, ``DomainError`` at ``name`` or ``password``.
    """
    hospital_id, invitation_id = _parts(token)
    with transaction(hospital_id):
        invitation = _open(PatientInvitation.objects.filter(id=invitation_id).first(), at)
        try:
            with atomic():
                add_user(email=invitation.email, name=name, password=password)
        except (Conflict, IntegrityError):
            make_password(
                password
            )  # as much work as for a new account, so that the time tells nothing either


def accept(token: str, *, user: User, at: datetime) -> PatientLogin:
    """Let ``user``, who is logged in, see the record that the letter was about; the link works no more.

    Raises ``NotFound`` for a link that leads nowhere, ``Conflict`` when the letter went to somebody else.
    """
    hospital_id, invitation_id = _parts(token)
    with transaction(hospital_id):
        invitation = _open(PatientInvitation.objects.select_for_update().filter(id=invitation_id).first(), at)
        if user.email != invitation.email:
            raise Conflict(
                _("This letter is for %(email)s.") % {"email": invitation.email},
                field="email",
                code="other_person",
            )
        patient = surviving(invitation.patient_id, lock=True)
        login, _created = PatientLogin.objects.get_or_create(
            hospital_id=hospital_id, patient_id=patient.id, user=user, defaults={"created_at": at}
        )
        invitation.accepted_at = at
        invitation.save(update_fields=["accepted_at"])
        person = Actor(name=f"user:{user.email}", user_id=user.id)
        _record("patient_access.accepted", invitation, person, at, invited_by=invitation.invited_by)
        return login


def _parts(token: str) -> tuple[UUID, UUID]:
    try:
        hospital_id, invitation_id = signing.loads(token, salt=_SALT)
    except signing.BadSignature:
        raise _leads_nowhere() from None
    return UUID(hospital_id), UUID(invitation_id)


def _open(invitation: PatientInvitation | None, at: datetime) -> PatientInvitation:
    if invitation is None or invitation.accepted_at or invitation.withdrawn_at or invitation.expires_at <= at:
        raise _leads_nowhere()
    return invitation


def _leads_nowhere() -> NotFound:
    return NotFound(
        _("This link was used, withdrawn, or is older than a week. Ask the hospital for another letter."),
        field="token",
        code="invitation_not_open",
    )


def _record(action: str, invitation: PatientInvitation, actor: Actor, at: datetime, **data: object) -> None:
    audit.record(
        action,
        actor=actor,
        at=at,
        subject_kind="patient",
        subject_id=invitation.patient_id,
        email=invitation.email,
        **data,
    )
