"""Letting people and programs in, and keeping them out again. Every change is audited at the hospital."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db.transaction import atomic
from django.utils.translation import gettext as _

from almoner.identity import audit
from almoner.identity.models import ApiKey, Membership, User
from almoner.identity.queries import roles_of
from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict, DomainError, NotFound
from almoner.kernel.tenancy import transaction

PERMISSION_MANAGE = "identity.manage"


def create_user(
    hospital_id: UUID,
    *,
    email: str,
    name: str,
    password: str,
    roles: Iterable[str],
    actor: Actor,
    at: datetime,
) -> User:
    """Let a person log in and work at the hospital in ``roles`` (codes of ``identity.roles``).

    Raises ``DomainError`` naming the field for an address, a password or a role that cannot be used,
    ``Conflict`` when the address has a user already.
    """
    actor.require(PERMISSION_MANAGE)
    wanted = check_roles(hospital_id, roles, actor)
    with transaction(hospital_id):
        user = add_user(email=email, name=name, password=password)
        write_roles(hospital_id, user, wanted)
        audit.record(
            "user.created", actor=actor, at=at, subject_kind="user", subject_id=user.id, roles=wanted
        )
        return user


def set_roles(hospital_id: UUID, email: str, *, roles: Iterable[str], actor: Actor, at: datetime) -> User:
    """Give a user exactly ``roles`` at the hospital; with none of them they no longer work there."""
    actor.require(PERMISSION_MANAGE)
    wanted = check_roles(hospital_id, roles, actor)
    with transaction(hospital_id):
        user = find_user(email)
        before = write_roles(hospital_id, user, wanted)
        audit.record(
            "user.roles_set",
            actor=actor,
            at=at,
            subject_kind="user",
            subject_id=user.id,
            before=before,
            after=wanted,
        )
        return user


def set_active(email: str, *, active: bool, actor: Actor, at: datetime) -> User:
    """Close a user's account everywhere, or open it again. A closed one is out at the next request."""
    actor.require(PERMISSION_MANAGE)
    with atomic():
        user = find_user(email)
        user.is_active = active
        user.save(update_fields=["is_active"])
        hospital_ids = sorted(set(user.memberships.values_list("hospital_id", flat=True)))
    for hospital_id in hospital_ids:
        with transaction(hospital_id):
            audit.record(
                "user.enabled" if active else "user.disabled",
                actor=actor,
                at=at,
                subject_kind="user",
                subject_id=user.id,
            )
    return user


def find_user(email: str) -> User:
    """The user with this address. Raises ``NotFound``."""
    user = User.objects.filter(email=email.strip().lower()).first()
    if user is None:
        raise NotFound(
            _("There is no user %(email)r.") % {"email": email}, field="email", code="unknown_user"
        )
    return user


def issue_key(
    hospital_id: UUID,
    *,
    name: str,
    scopes: Iterable[str],
    actor: Actor,
    at: datetime,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """A new key of the hospital and its secret, which is shown once and cannot be read again."""
    actor.require(PERMISSION_MANAGE)
    wanted = sorted(set(scopes))
    if not name.strip() or len(name) > 100 or not name.isprintable():
        raise DomainError(_("A name has 1 to 100 characters."), field="name", code="invalid_name")
    if not wanted:
        raise DomainError(_("A key needs at least one scope."), field="scope", code="no_scopes")
    if expires_at is not None and expires_at <= at:
        raise DomainError(_("The key would be expired already."), field="expires_at", code="invalid_expiry")
    with transaction(hospital_id):
        key, secret = ApiKey.issue(hospital_id=hospital_id, name=name.strip(), scopes=wanted)
        if expires_at is not None:
            key.expires_at = expires_at
            key.save(update_fields=["expires_at"])
        audit.record(
            "api_key.issued",
            actor=actor,
            at=at,
            subject_kind="api_key",
            subject_id=key.id,
            name=key.name,
            scopes=wanted,
        )
        return key, secret


def revoke_key(key_id: UUID, *, actor: Actor, at: datetime) -> ApiKey:
    """Refuse a key from now on (a process may remember it for two seconds). Raises ``NotFound``, ``Conflict``."""
    actor.require(PERMISSION_MANAGE)
    key = ApiKey.objects.filter(id=key_id).first()
    if key is None:
        raise NotFound(_("There is no such key."), field="key", code="unknown_key")
    with transaction(key.hospital_id):
        key = ApiKey.objects.select_for_update().get(id=key_id)
        if key.revoked_at is not None:
            raise Conflict(_("The key was revoked already."), field="key", code="already_revoked")
        key.revoked_at = at
        key.save(update_fields=["revoked_at"])
        audit.record(
            "api_key.revoked", actor=actor, at=at, subject_kind="api_key", subject_id=key.id, name=key.name
        )
        return key


def clean_email(email: str) -> str:
    """``email`` as it is kept. Raises ``DomainError`` at ``email``."""
    try:
        validate_email(email := email.strip().lower())
    except ValidationError as error:
        raise DomainError(
            _("Expected an address such as name@hospital.org."), field="email", code="invalid_email"
        ) from error
    return email


def add_user(*, email: str, name: str, password: str) -> User:
    """A new user. Raises ``DomainError`` naming the field, ``Conflict`` when the address has a user already."""
    email = clean_email(email)
    if not name.strip() or len(name) > 200:
        raise DomainError(_("A name has 1 to 200 characters."), field="name", code="invalid_name")
    try:
        validate_password(password, User(email=email, name=name))
    except ValidationError as error:
        raise DomainError(" ".join(error.messages), field="password", code="invalid_password") from error
    if User.objects.filter(email=email).exists():
        raise Conflict(
            _("%(email)s has a user already.") % {"email": email}, field="email", code="user_exists"
        )
    return User.objects.create_user(email, password, name=name.strip())


def check_roles(
    hospital_id: UUID, roles: Iterable[str], actor: Actor, *, held: Iterable[str] = ()
) -> list[str]:
    """The codes of ``roles``, each once. Raises ``DomainError`` at ``role`` for one that the hospital has not,
    and for one, besides those ``held`` already, that may do more than ``actor``: nobody gives what they lack."""
    known = roles_of(hospital_id)
    wanted = sorted(set(roles))
    for code in wanted:
        if code not in known:
            raise DomainError(
                _("Unknown role %(code)r. Known roles: %(known)s.")
                % {"code": code, "known": ", ".join(known)},
                field="role",
                code="unknown_role",
            )
        role = known[code]
        more = role.everything or any(not actor.may(one) for one in role.permissions)
        if code not in held and more and not actor.everything:
            raise DomainError(
                _("%(role)s may do more than you: somebody who may do it has to give this role.")
                % {"role": role.title},
                field="role",
                code="more_than_own",
            )
    return wanted


def write_roles(hospital_id: UUID, user: User, wanted: list[str]) -> list[str]:
    """Make ``wanted`` the user's roles at the hospital, inside of its transaction; returns those of before."""
    here = Membership.objects.filter(hospital_id=hospital_id, user=user)
    before = sorted(here.values_list("role", flat=True))
    here.exclude(role__in=wanted).delete()
    Membership.objects.bulk_create(
        [Membership(hospital_id=hospital_id, user=user, role=role) for role in wanted if role not in before]
    )
    return before
