"""Changing what somebody on the staff may do, and whether. Nobody does it to themselves.

Section 3 of the specification leaves people to the hospital: its administrators decide, and each decision is in
the audit trail with what was before and after.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.db import connection
from django.utils.translation import gettext

from almoner.identity import audit
from almoner.identity.models import Membership, StaffMember, User
from almoner.identity.operations import PERMISSION_MANAGE, check_roles, find_user, write_roles
from almoner.identity.roles import ROLES
from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict, DomainError, NotFound
from almoner.kernel.tenancy import transaction


def change_member(
    hospital_id: UUID,
    user_id: UUID,
    *,
    roles: Iterable[str],
    departments: Iterable[str] = (),
    actor: Actor,
    at: datetime,
) -> User:
    """Give a member exactly ``roles`` and ``departments`` (codes); the same again changes nothing.

    Raises ``NotFound`` for who is not on the staff, ``Conflict`` for oneself and the last administrator,
    ``DomainError`` at ``role`` when it is none, unknown, or may do more than ``actor``: what one may not give, one
    may not take away either.
    """
    actor.require(PERMISSION_MANAGE)
    with transaction(hospital_id):
        user, held = _lock_member(hospital_id, user_id, actor)
        wanted = check_roles(hospital_id, roles, actor, held=held)
        if not wanted:
            raise DomainError(
                gettext("Choose at least one role, or suspend the person."), field="role", code="no_role"
            )
        check_roles(hospital_id, set(held) - set(wanted), actor)
        if not _administers(wanted):
            _keep_an_administrator(hospital_id, user, held)
        staff, _ = StaffMember.objects.get_or_create(hospital_id=hospital_id, user=user)
        before = {"roles": held, "departments": staff.departments}
        after = {"roles": wanted, "departments": sorted(set(departments))}
        if after == before:
            return user
        write_roles(hospital_id, user, wanted)
        staff.departments = after["departments"]
        staff.save(update_fields=["departments"])
        _record("user.access_changed", user, actor, at, before=before, after=after)
        return user


def suspend_member(hospital_id: UUID, user_id: UUID, *, actor: Actor, at: datetime) -> User:
    """Let a member in no more, from the next request on; what they may is kept for when they come back.

    Raises ``NotFound``, ``Conflict`` for oneself, the last administrator and who is suspended already.
    """
    actor.require(PERMISSION_MANAGE)
    with transaction(hospital_id):
        user, held = _lock_member(hospital_id, user_id, actor)
        check_roles(hospital_id, held, actor)
        _keep_an_administrator(hospital_id, user, held)
        staff, _ = StaffMember.objects.get_or_create(hospital_id=hospital_id, user=user)
        if staff.suspended_at is not None:
            raise Conflict(
                gettext("%(user)s is suspended already.") % {"user": user}, code="already_suspended"
            )
        staff.suspended_at = at
        staff.save(update_fields=["suspended_at"])
        _record("user.suspended", user, actor, at, roles=held)
        return user


def reactivate_member(hospital_id: UUID, user_id: UUID, *, actor: Actor, at: datetime) -> User:
    """Let a suspended member in again, as what they were. Raises ``NotFound``, ``Conflict``."""
    actor.require(PERMISSION_MANAGE)
    with transaction(hospital_id):
        user, held = _lock_member(hospital_id, user_id, actor)
        check_roles(hospital_id, held, actor)
        staff = StaffMember.objects.filter(hospital_id=hospital_id, user=user).first()
        if staff is None or staff.suspended_at is None:
            raise Conflict(gettext("%(user)s is not suspended.") % {"user": user}, code="not_suspended")
        staff.suspended_at = None
        staff.save(update_fields=["suspended_at"])
        _record("user.reactivated", user, actor, at, roles=held)
        return user


def end_sessions(hospital_id: UUID, user_id: UUID, *, actor: Actor, at: datetime) -> int:
    """Log a member out everywhere; returns how many sessions ended. Raises ``NotFound``, ``Conflict`` for oneself,
    who ends them on the page of the own account."""
    actor.require(PERMISSION_MANAGE)
    with transaction(hospital_id):
        user, _ = _lock_member(hospital_id, user_id, actor)
        sessions = list(UserSession.objects.filter(user=user))
        for session in sessions:
            session.end()
        _record("user.sessions_ended", user, actor, at, sessions=len(sessions))
        return len(sessions)


def reset_second_factor(hospital_id: UUID, user_id: UUID, *, actor: Actor, at: datetime) -> User:
    """Forget the authenticator app, the passkeys and the recovery codes of a member who has lost them all.

    The password lets them in then, and a hospital that asks for a second factor has them set one up anew. Raises
    ``NotFound``, ``Conflict`` for oneself, for who has none, and for who works at another hospital too: that is for
    whoever runs the server (``almoner user reset-second-factor``).
    """
    actor.require(PERMISSION_MANAGE)
    with transaction(hospital_id):
        user, held = _lock_member(hospital_id, user_id, actor)
        check_roles(hospital_id, held, actor)
        if user.memberships.exclude(hospital_id=hospital_id).exists():
            raise Conflict(
                gettext("%(user)s works at another hospital too: ask whoever runs the server.")
                % {"user": user},
                code="works_elsewhere",
            )
        kinds = _forget_second_factor(user)
        _record("user.second_factor_reset", user, actor, at, kinds=kinds)
        return user


def reset_second_factor_everywhere(email: str, *, actor: Actor, at: datetime) -> User:
    """The same for whoever runs the server, wherever the person works. Raises ``NotFound``, ``Conflict``."""
    actor.require(PERMISSION_MANAGE)
    user = find_user(email)
    kinds = _forget_second_factor(user)
    for hospital_id in sorted(set(user.memberships.values_list("hospital_id", flat=True))):
        with transaction(hospital_id):
            _record("user.second_factor_reset", user, actor, at, kinds=kinds)
    return user


def _forget_second_factor(user: User) -> list[str]:
    """Which kinds there were. Raises ``Conflict`` when there was none."""
    found = Authenticator.objects.filter(user=user)
    kinds = sorted(set(found.values_list("type", flat=True)))
    if not kinds:
        raise Conflict(gettext("%(user)s has no second factor.") % {"user": user}, code="no_second_factor")
    found.delete()
    return kinds


def lock_staff(hospital_id: UUID) -> None:
    """One change of a hospital's staff at a time: two administrators must not remove each other."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"almoner.staff.{hospital_id}"]
        )


def _lock_member(hospital_id: UUID, user_id: UUID, actor: Actor) -> tuple[User, list[str]]:
    """The member and the roles they hold. Raises ``NotFound``, ``Conflict`` for the actor's own self."""
    lock_staff(hospital_id)
    held = sorted(
        Membership.objects.filter(hospital_id=hospital_id, user_id=user_id).values_list("role", flat=True)
    )
    if not held:
        raise NotFound(gettext("Nobody on the staff has this id."), field="user", code="unknown_user")
    if actor.user_id == user_id:
        raise Conflict(
            gettext("Nobody changes their own access: ask another administrator."),
            field="role",
            code="own_access",
        )
    return User.objects.get(id=user_id), held


def _administers(roles: Iterable[str]) -> bool:
    return any(code in ROLES and ROLES[code].everything for code in roles)


def _keep_an_administrator(hospital_id: UUID, user: User, held: list[str]) -> None:
    """Raise ``Conflict`` when ``user`` is the last one who may everything there."""
    if not _administers(held):
        return
    suspended = StaffMember.objects.filter(hospital_id=hospital_id).exclude(suspended_at=None)
    others = Membership.objects.filter(
        hospital_id=hospital_id,
        role__in=[code for code, role in ROLES.items() if role.everything],
        user__is_active=True,
    ).exclude(user_id__in=[user.id, *suspended.values_list("user_id", flat=True)])
    if not others.exists():
        raise Conflict(
            gettext("%(user)s is the last administrator: make somebody else one first.") % {"user": user},
            field="role",
            code="last_administrator",
        )


def _record(action: str, user: User, actor: Actor, at: datetime, **data: object) -> None:
    audit.record(
        action, actor=actor, at=at, subject_kind="user", subject_id=user.id, email=user.email, **data
    )
