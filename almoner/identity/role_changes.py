"""Changing what a hospital's roles may do. Whoever holds a role has the change at the next request."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext

from almoner.identity import audit
from almoner.identity.models import HospitalRole, Membership
from almoner.identity.operations import PERMISSION_MANAGE
from almoner.identity.permissions import PERMISSIONS
from almoner.identity.queries import roles_of
from almoner.identity.roles import ROLES
from almoner.identity.staff import lock_staff
from almoner.kernel.actor import Actor, Role
from almoner.kernel.errors import Conflict, DomainError, NotFound
from almoner.kernel.tenancy import transaction

_CODE_LENGTH = 40


def add_role(hospital_id: UUID, *, title: str, permissions: Iterable[str], actor: Actor, at: datetime) -> str:
    """A role of the hospital's own; returns its code, which follows from ``title``.

    Raises ``DomainError`` at ``title`` or ``permissions``, ``Conflict`` at ``title`` when there is one so called.
    """
    actor.require(PERMISSION_MANAGE)
    with transaction(hospital_id):
        lock_staff(hospital_id)
        roles = roles_of(hospital_id)
        title = _check_title(title, roles)
        code = re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")[:_CODE_LENGTH] or "role"
        if code in roles:
            raise Conflict(gettext("There is such a role already."), field="title", code="role_exists")
        wanted = _check_permissions(permissions, frozenset(), actor)
        row = HospitalRole.objects.create(
            hospital_id=hospital_id, code=code, title=title, granted=sorted(wanted)
        )
        _record("role.added", row, actor, at, title=title, after=sorted(wanted))
        return code


def change_role(
    hospital_id: UUID, code: str, *, title: str, permissions: Iterable[str], actor: Actor, at: datetime
) -> str:
    """Let a role be called ``title`` and have exactly ``permissions``; returns its code. The same again changes nothing.

    Raises ``NotFound``, ``Conflict`` for a role that may everything and for one that ``actor`` holds (who may not
    everything), ``DomainError`` at ``title`` or ``permissions``: nobody gives or takes what they lack.
    """
    actor.require(PERMISSION_MANAGE)
    with transaction(hospital_id):
        lock_staff(hospital_id)
        roles = roles_of(hospital_id)
        role = roles.get(code)
        if role is None:
            raise NotFound(gettext("The hospital has no such role."), field="role", code="unknown_role")
        if role.everything:
            raise Conflict(
                gettext("%(role)s may everything, always.") % {"role": role.name},
                field="permissions",
                code="fixed_role",
            )
        _refuse_own(hospital_id, code, actor)
        title = _check_title(title, {other: one for other, one in roles.items() if other != code})
        wanted = _check_permissions(permissions, role.permissions, actor)
        if (title, wanted) == (role.title, role.permissions):
            return code
        standard = ROLES.get(code, Role(""))
        row, _ = HospitalRole.objects.update_or_create(
            hospital_id=hospital_id,
            code=code,
            defaults={
                "title": "" if title == standard.title else title,
                "granted": sorted(wanted - standard.permissions),
                "withdrawn": sorted(standard.permissions - wanted),
            },
        )
        _record(
            "role.changed",
            row,
            actor,
            at,
            before={"title": role.title, "permissions": sorted(role.permissions)},
            after={"title": title, "permissions": sorted(wanted)},
        )
        return code


def remove_role(hospital_id: UUID, code: str, *, actor: Actor, at: datetime) -> None:
    """Take away a role of the hospital's own that nobody holds; a standard one becomes what it was.

    Raises ``NotFound`` when there is nothing to take back, ``Conflict`` while somebody holds an own role or is
    invited to it.
    """
    actor.require(PERMISSION_MANAGE)
    with transaction(hospital_id):
        lock_staff(hospital_id)
        row = HospitalRole.objects.filter(hospital_id=hospital_id, code=code).first()
        if row is None:
            raise NotFound(
                gettext("The hospital changed nothing about this role."), field="role", code="unknown_role"
            )
        _refuse_own(hospital_id, code, actor)
        if code not in ROLES and Membership.objects.filter(hospital_id=hospital_id, role=code).exists():
            raise Conflict(
                gettext("Somebody has this role: give them another one first."),
                field="role",
                code="role_held",
            )
        standard = ROLES.get(code, Role(""))
        _check_permissions(standard.permissions, roles_of(hospital_id)[code].permissions, actor)
        _record("role.removed" if code not in ROLES else "role.reset", row, actor, at, before=row.granted)
        row.delete()


def _refuse_own(hospital_id: UUID, code: str, actor: Actor) -> None:
    """Whoever may not everything does not change what they may themselves."""
    if actor.everything or actor.user_id is None:
        return
    if Membership.objects.filter(hospital_id=hospital_id, user_id=actor.user_id, role=code).exists():
        raise Conflict(
            gettext("Nobody changes a role of their own: ask an administrator."),
            field="role",
            code="own_access",
        )


def _check_title(title: str, others: dict[str, Role]) -> str:
    title = " ".join(title.split())
    if not 1 <= len(title) <= 60 or not title.isprintable():
        raise DomainError(gettext("A title has 1 to 60 characters."), field="title", code="invalid_title")
    if title.lower() in {one.title.lower() for one in others.values()}:
        raise Conflict(gettext("There is such a role already."), field="title", code="role_exists")
    return title


def _check_permissions(wanted: Iterable[str], before: frozenset[str], actor: Actor) -> frozenset[str]:
    permissions = frozenset(wanted)
    for code in sorted(permissions ^ before):
        known = PERMISSIONS.get(code)
        if known is None and code not in before:
            raise DomainError(
                gettext("Unknown permission %(code)r.") % {"code": code},
                field="permissions",
                code="unknown_permission",
            )
        if not actor.may(code):
            raise DomainError(
                gettext("“%(known)s” is more than you may: nobody gives or takes what they lack.")
                % {"known": known.title if known else code},
                field="permissions",
                code="more_than_own",
            )
    return permissions


def _record(action: str, row: HospitalRole, actor: Actor, at: datetime, **data: object) -> None:
    audit.record(action, actor=actor, at=at, subject_kind="role", subject_id=row.id, role=row.code, **data)
