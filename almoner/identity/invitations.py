"""Joining a hospital's staff by a letter: the link in it is signed, expires, and works once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid5

from django.core import signing
from django.db import IntegrityError
from django.db.transaction import atomic
from django.utils.translation import gettext as _

from almoner.identity import audit
from almoner.identity.models import Invitation, Membership, StaffMember, User
from almoner.identity.operations import PERMISSION_MANAGE, add_user, check_roles, clean_email, write_roles
from almoner.identity.queries import roles_of
from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict, DomainError, IdempotencyMismatch, NotFound
from almoner.kernel.idempotency import check_key
from almoner.kernel.tenancy import transaction

VALID_FOR = timedelta(days=7)
_SALT = "almoner.identity.invitation"


@dataclass(frozen=True, slots=True)
class OpenInvitation:
    """What a valid link leads to; ``has_account``: the address has a user, who has to log in to accept."""

    hospital_id: UUID
    id: UUID
    email: str
    role_titles: tuple[str, ...]
    has_account: bool


def invite(
    hospital_id: UUID,
    *,
    email: str,
    roles: Iterable[str],
    departments: Iterable[str] = (),
    idempotency_key: str,
    actor: Actor,
    at: datetime,
) -> Invitation:
    """Ask ``email`` to join the staff in ``roles``; the letter with ``token_of`` is the caller's to send.

    The same key again gives the invitation of the first time. Raises ``DomainError`` at ``email`` or ``role``,
    ``Conflict`` at ``email`` for who works there or is invited already.
    """
    actor.require(PERMISSION_MANAGE)
    email = clean_email(email)
    id = uuid5(hospital_id, f"invitation:{check_key(idempotency_key)}")
    with transaction(hospital_id):
        if known := Invitation.objects.filter(id=id).first():
            if known.email != email:
                raise IdempotencyMismatch(idempotency_key)
            return known
        wanted = check_roles(hospital_id, roles, actor)
        if not wanted:
            raise DomainError(_("Choose at least one role."), field="role", code="no_role")
        if Membership.objects.filter(hospital_id=hospital_id, user__email=email).exists():
            raise Conflict(
                _("%(email)s is on the staff already.") % {"email": email},
                field="email",
                code="already_member",
            )
        try:
            with atomic():
                invitation = Invitation.objects.create(
                    id=id,
                    hospital_id=hospital_id,
                    email=email,
                    roles=wanted,
                    departments=sorted(set(departments)),
                    invited_by=actor.name,
                    invited_at=at,
                    expires_at=at + VALID_FOR,
                )
        except IntegrityError as error:
            raise Conflict(
                _("%(email)s is invited already: send that letter again, or withdraw it.") % {"email": email},
                field="email",
                code="already_invited",
            ) from error
        _record("invitation.sent", invitation, actor, at, roles=wanted, departments=invitation.departments)
        return invitation


def renew(hospital_id: UUID, invitation_id: UUID, *, actor: Actor, at: datetime) -> Invitation:
    """Let an open invitation hold from now on, for another letter. Raises ``NotFound``."""
    actor.require(PERMISSION_MANAGE)
    with transaction(hospital_id):
        invitation = _lock_open(invitation_id)
        check_roles(hospital_id, invitation.roles, actor)
        invitation.expires_at = at + VALID_FOR
        invitation.save(update_fields=["expires_at"])
        _record("invitation.sent_again", invitation, actor, at, roles=invitation.roles)
        return invitation


def withdraw(hospital_id: UUID, invitation_id: UUID, *, actor: Actor, at: datetime) -> Invitation:
    """Let the link in an open invitation's letter lead nowhere. Raises ``NotFound``."""
    actor.require(PERMISSION_MANAGE)
    with transaction(hospital_id):
        invitation = _lock_open(invitation_id)
        invitation.withdrawn_at = at
        invitation.save(update_fields=["withdrawn_at"])
        _record("invitation.withdrawn", invitation, actor, at)
        return invitation


def token_of(invitation: Invitation) -> str:
    """What the link in the letter ends with."""
    return signing.dumps([str(invitation.hospital_id), str(invitation.id)], salt=_SALT)


def read_invitation(token: str, *, at: datetime) -> OpenInvitation:
    """What ``token`` leads to. Raises ``NotFound`` for one that was changed or whose invitation is no longer open."""
    hospital_id, invitation_id = _parts(token)
    with transaction(hospital_id):
        invitation = _valid(Invitation.objects.filter(id=invitation_id).first(), at)
        roles = roles_of(hospital_id)
        return OpenInvitation(
            hospital_id=hospital_id,
            id=invitation.id,
            email=invitation.email,
            role_titles=tuple(roles[code].name for code in invitation.roles if code in roles),
            has_account=User.objects.filter(email=invitation.email).exists(),
        )


def accept(token: str, *, name: str = "", password: str = "", user: User | None = None, at: datetime) -> User:
    """Join the staff: as a new user with ``name`` and ``password``, or as ``user`` who is logged in.

    Raises ``NotFound`` for a link that leads nowhere, ``Conflict`` when the address has an account that is not
    ``user``'s, ``DomainError`` at ``name`` or ``password``.
    """
    hospital_id, invitation_id = _parts(token)
    with transaction(hospital_id):
        invitation = _valid(Invitation.objects.select_for_update().filter(id=invitation_id).first(), at)
        if user is None:
            user = add_user(email=invitation.email, name=name, password=password)
        elif user.email != invitation.email:
            raise Conflict(
                _("This invitation is for %(email)s.") % {"email": invitation.email},
                field="email",
                code="other_person",
            )
        known = roles_of(hospital_id)
        held = Membership.objects.filter(hospital_id=hospital_id, user=user).values_list("role", flat=True)
        roles = sorted({*held, *(code for code in invitation.roles if code in known)})
        write_roles(hospital_id, user, roles)
        StaffMember.objects.update_or_create(
            hospital_id=hospital_id, user=user, defaults={"departments": invitation.departments}
        )
        invitation.accepted_at = at
        invitation.save(update_fields=["accepted_at"])
        _record(
            "invitation.accepted",
            invitation,
            Actor(name=f"user:{user.email}", user_id=user.id),
            at,
            roles=roles,
            departments=invitation.departments,
            invited_by=invitation.invited_by,
        )
        return user


def _parts(token: str) -> tuple[UUID, UUID]:
    try:
        hospital_id, invitation_id = signing.loads(token, salt=_SALT)
    except signing.BadSignature:
        raise _leads_nowhere() from None
    return UUID(hospital_id), UUID(invitation_id)


def _valid(invitation: Invitation | None, at: datetime) -> Invitation:
    if invitation is None or invitation.accepted_at or invitation.withdrawn_at or invitation.expires_at <= at:
        raise _leads_nowhere()
    return invitation


def _leads_nowhere() -> NotFound:
    return NotFound(
        _("This invitation was used, withdrawn, or is older than a week. Ask for another one."),
        field="token",
        code="invitation_not_open",
    )


def _lock_open(invitation_id: UUID) -> Invitation:
    found = Invitation.objects.select_for_update().filter(
        id=invitation_id, accepted_at=None, withdrawn_at=None
    )
    invitation = found.first()
    if invitation is None:
        raise NotFound(
            _("There is no open invitation with this id."), field="invitation", code="unknown_invitation"
        )
    return invitation


def _record(action: str, invitation: Invitation, actor: Actor, at: datetime, **data: object) -> None:
    audit.record(
        action,
        actor=actor,
        at=at,
        subject_kind="invitation",
        subject_id=invitation.id,
        email=invitation.email,
        **data,
    )
