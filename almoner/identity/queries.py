"""Who works at a hospital and as what, who is invited, and what was done about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Q

from almoner.identity.models import AuditRecord, HospitalRole, Invitation, Membership
from almoner.identity.roles import RoleChange, hospital_roles
from almoner.kernel.actor import Role
from almoner.kernel.tenancy import require_transaction

AUDIT_LIMIT = 200


def roles_of(hospital_id: UUID) -> dict[str, Role]:
    """The hospital's roles by code, the standard ones first; one statement."""
    rows = HospitalRole.objects.filter(hospital_id=hospital_id)
    return hospital_roles(
        RoleChange(row.code, row.title, frozenset(row.granted), frozenset(row.withdrawn)) for row in rows
    )


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody on a hospital's staff. ``is_open`` is false when the account is closed everywhere."""

    user_id: UUID
    name: str
    email: str
    roles: tuple[str, ...]
    departments: tuple[str, ...]
    suspended_at: datetime | None
    is_open: bool
    last_login: datetime | None
    has_second_factor: bool
    sessions: int


_MEMBERS = """
SELECT person.id, person.name, person.email, array_agg(membership.role ORDER BY membership.role),
       coalesce(staff.departments, '{}'), staff.suspended_at, person.is_active, person.last_login,
       EXISTS (SELECT FROM mfa_authenticator AS factor
               WHERE factor.user_id = person.id AND factor.type IN ('totp', 'webauthn')),
       (SELECT count(*) FROM usersessions_usersession AS used JOIN django_session AS kept USING (session_key)
        WHERE used.user_id = person.id AND kept.expire_date > %(at)s)
FROM identity_membership AS membership
JOIN identity_user AS person ON person.id = membership.user_id
LEFT JOIN identity_staffmember AS staff
  ON staff.hospital_id = membership.hospital_id AND staff.user_id = membership.user_id
WHERE membership.hospital_id = %(hospital_id)s AND (%(user_id)s::uuid IS NULL OR person.id = %(user_id)s)
GROUP BY person.id, staff.id
ORDER BY lower(person.name), person.email
"""


def read_members(hospital_id: UUID, *, at: datetime, user_id: UUID | None = None) -> list[Member]:
    """Everybody on the staff by name, or ``user_id`` alone; one statement. ``at`` decides which sessions live."""
    with connection.cursor() as cursor:
        cursor.execute(_MEMBERS, {"hospital_id": hospital_id, "user_id": user_id, "at": at})
        return [
            Member(row[0], row[1], row[2], tuple(row[3]), tuple(row[4]), *row[5:])
            for row in cursor.fetchall()
        ]


def names_of_members(hospital_id: UUID) -> dict[str, str]:
    """What everybody who ever was given a role there is called, by email; one statement."""
    rows = Membership.objects.filter(hospital_id=hospital_id).exclude(user__name="")
    return dict(rows.values_list("user__email", "user__name"))


def open_invitations() -> list[Invitation]:
    """Those of the open transaction's hospital that nobody answered, the newest first."""
    return list(Invitation.objects.filter(accepted_at=None, withdrawn_at=None).order_by("-invited_at"))


def read_audit(
    *,
    actor: str = "",
    action: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    subject_id: UUID | None = None,
    limit: int = AUDIT_LIMIT,
) -> list[AuditRecord]:
    """What was done at the open transaction's hospital, the newest first; one statement, two with ``actor``.

    ``actor`` is a part of the person's name or of what the records say, ``action`` the beginning of one; ``since`` counts, ``until``
    no longer does.
    """
    wanted = Q()
    conditions: Mapping[str, Any] = {
        "action__startswith": action,
        "at__gte": since,
        "at__lt": until,
        "subject_id": subject_id,
    }
    for condition, value in conditions.items():
        if value:
            wanted &= Q(**{condition: value})
    if actor:
        members = names_of_members(require_transaction()).items()
        named = [f"user:{email}" for email, name in members if actor.casefold() in name.casefold()]
        wanted &= Q(actor__icontains=actor) | Q(actor__in=named)
    return list(AuditRecord.objects.filter(wanted).order_by("-at", "-id")[:limit])
