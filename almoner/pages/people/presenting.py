"""People, roles and what was done about them, as pages show it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from almoner.identity.models import AuditRecord, Invitation
from almoner.identity.permissions import PERMISSIONS, grouped
from almoner.identity.queries import Member
from almoner.kernel.actor import Role
from almoner.pages.presenters import Formats

ACTIONS = {
    "user.created": gettext_lazy("Account made"),
    "user.roles_set": gettext_lazy("Roles set"),
    "user.access_changed": gettext_lazy("Access changed"),
    "user.suspended": gettext_lazy("Suspended"),
    "user.reactivated": gettext_lazy("Let in again"),
    "user.sessions_ended": gettext_lazy("Logged out everywhere"),
    "user.second_factor_reset": gettext_lazy("Second factor reset"),
    "user.enabled": gettext_lazy("Account opened"),
    "user.disabled": gettext_lazy("Account closed"),
    "invitation.sent": gettext_lazy("Invited"),
    "invitation.sent_again": gettext_lazy("Invited again"),
    "invitation.withdrawn": gettext_lazy("Invitation withdrawn"),
    "invitation.accepted": gettext_lazy("Joined"),
    "role.added": gettext_lazy("Role added"),
    "role.changed": gettext_lazy("Role changed"),
    "role.removed": gettext_lazy("Role removed"),
    "role.reset": gettext_lazy("Role as it was at first"),
    "api_key.issued": gettext_lazy("API key issued"),
    "api_key.revoked": gettext_lazy("API key revoked"),
    "patient.photo_taken": gettext_lazy("Photo of a patient taken"),
    "patient.photo_removed": gettext_lazy("Photo of a patient removed"),
}
_NAMES = ("email", "role", "name", "title")


@dataclass(frozen=True, slots=True)
class MemberLine:
    """A row of the staff list. ``status`` with its ``tone`` is empty for who simply works."""

    user_id: UUID
    name: str
    email: str
    roles: str
    departments: str
    second_factor: bool
    last_login: str
    status: str
    is_self: bool


@dataclass(frozen=True, slots=True)
class InvitationLine:
    """A letter that nobody answered yet."""

    id: UUID
    email: str
    roles: str
    invited_by: str
    when: str
    expired: bool


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """A permission, and for each role in the order of the columns whether it has it."""

    title: str
    cells: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class MatrixGroup:
    """The rows under one heading."""

    title: str
    rows: tuple[MatrixRow, ...]


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One record: who did what when, about whom, and what changed."""

    when: str
    who: str
    account: str
    what: str
    about: str
    details: tuple[str, ...]


def titles_of(codes: Iterable[str], titles: Mapping[str, str]) -> str:
    """Titles of ``codes`` in one line; a code that is not known stands for itself."""
    return ", ".join(titles.get(code, code) for code in codes)


def member_line(
    member: Member,
    roles: Mapping[str, Role],
    departments: Mapping[str, str],
    formats: Formats,
    *,
    today: date,
    own_id: UUID,
) -> MemberLine:
    return MemberLine(
        user_id=member.user_id,
        name=member.name,
        email=member.email,
        roles=titles_of(member.roles, {code: role.name for code, role in roles.items()}),
        departments=titles_of(member.departments, departments),
        second_factor=member.has_second_factor,
        last_login=formats.moment(member.last_login, today=today) if member.last_login else _("never"),
        status=_("Account closed") if not member.is_open else _("Suspended") if member.suspended_at else "",
        is_self=member.user_id == own_id,
    )


def invitation_line(
    invitation: Invitation, roles: Mapping[str, Role], formats: Formats, *, at: datetime, today: date
) -> InvitationLine:
    return InvitationLine(
        id=invitation.id,
        email=invitation.email,
        roles=titles_of(invitation.roles, {code: role.name for code, role in roles.items()}),
        invited_by=formats.person(invitation.invited_by),
        when=formats.moment(invitation.invited_at, today=today),
        expired=invitation.expires_at <= at,
    )


def matrix_of(roles: Mapping[str, Role]) -> tuple[MatrixGroup, ...]:
    """Every permission against every role."""
    codes = {code for role in roles.values() for code in role.permissions}
    return tuple(
        MatrixGroup(
            group.title,
            tuple(
                MatrixRow(title, tuple(role.may(code) for role in roles.values()))
                for code, title in group.permissions
            ),
        )
        for group in grouped(codes)
    )


def audit_line(record: AuditRecord, roles: Mapping[str, Role], formats: Formats, *, today: date) -> AuditLine:
    data: dict[str, Any] = dict(record.data)
    about = next((str(data.pop(name)) for name in _NAMES if data.get(name)), "")
    if record.subject_kind == "role" and about in roles:
        about = roles[about].name
    day = "" if formats.local_date(record.at) == today else f"{formats.day(formats.local_date(record.at))} "
    return AuditLine(
        when=f"{day}{formats.time(record.at)}",
        who=formats.person(record.actor),
        account=_account(record.actor),
        what=str(ACTIONS.get(record.action, record.action)),
        about=about,
        details=tuple(_details(data, roles)),
    )


def _account(actor: str) -> str:
    """The address by which ``user:ada@example.org`` logs in; empty for a program."""
    kind, _colon, name = actor.partition(":")
    return name if kind == "user" else ""


def _details(data: dict[str, Any], roles: Mapping[str, Role]) -> Iterable[str]:
    before, after = data.pop("before", None), data.pop("after", None)
    if isinstance(before, dict) and isinstance(after, dict):
        for name in after:
            if before.get(name) != after[name]:
                yield f"{(before.get(name) and _value(before[name], roles)) or '–'} → {_value(after[name], roles) or '–'}"
    elif before is not None or after is not None:
        yield f"{_value(before, roles) or '–'} → {_value(after, roles) or '–'}"
    for name, value in data.items():
        if value not in (None, "", []):
            yield f"{name.replace('_', ' ')}: {_value(value, roles)}"


def _value(value: Any, roles: Mapping[str, Role]) -> str:
    if isinstance(value, list):
        return ", ".join(_value(one, roles) for one in value)
    text = str(value if value is not None else "")
    if text in roles:
        return roles[text].name
    return str(PERMISSIONS[text].title) if text in PERMISSIONS else text
