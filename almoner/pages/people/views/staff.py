"""The staff, and one person of it."""

from __future__ import annotations

from uuid import UUID

from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.contrib.sessions.models import Session
from django.db.models import Exists, OuterRef
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from almoner.identity.operations import PERMISSION_MANAGE
from almoner.identity.queries import Member, open_invitations, read_audit, read_members, roles_of
from almoner.identity.staff import (
    change_member,
    end_sessions,
    reactivate_member,
    reset_second_factor,
    suspend_member,
)
from almoner.kernel.errors import NotFound
from almoner.kernel.tenancy import transaction
from almoner.pages.answers import done, go_to
from almoner.pages.forms import sent
from almoner.pages.people.forms import AccessForm, department_choices
from almoner.pages.people.presenting import audit_line, invitation_line, member_line
from almoner.pages.staff import HospitalRequest, hospital_view

RECENT_RECORDS = 8


@require_safe
@hospital_view(PERMISSION_MANAGE)
def staff(request: HospitalRequest) -> HttpResponse:
    """``/people/``: everybody who works here, and who is invited."""
    roles, departments = roles_of(request.hospital.id), dict(department_choices())
    members = [
        member_line(member, roles, departments, request.formats, today=request.today, own_id=request.user.id)
        for member in read_members(request.hospital.id, at=request.at)
    ]
    invited = [
        invitation_line(one, roles, request.formats, at=request.at, today=request.today)
        for one in open_invitations()
    ]
    return render(request, "people/staff.html", {"members": members, "invited": invited})


@require_http_methods(["GET", "POST"])
@hospital_view(PERMISSION_MANAGE)
def person(request: HospitalRequest, user_id: UUID) -> HttpResponse:
    """``/people/ID/``: as what somebody works; the form changes it."""
    with transaction(request.hospital.id):
        member = _read(request, user_id)
        roles, departments = roles_of(request.hospital.id), department_choices()
    form = AccessForm(
        sent(request),
        roles=roles,
        departments=departments,
        initial={"roles": member.roles, "departments": member.departments},
    )
    context = {"form": form, "user_id": user_id, "is_self": request.user.id == user_id}
    if request.method == "POST":
        changed = form.attempt(
            lambda: change_member(
                request.hospital.id,
                user_id,
                roles=form.cleaned_data["roles"],
                departments=form.cleaned_data["departments"],
                actor=request.actor,
                at=request.at,
            )
        )
        if changed is None:
            return render(request, "people/access_form.html", context, status=422)
        messages.success(request, _("Saved. It holds from their next page on."))
        return go_to(request.path)
    line = member_line(
        member, roles, dict(departments), request.formats, today=request.today, own_id=request.user.id
    )
    records = read_audit(subject_id=user_id, limit=RECENT_RECORDS)
    context |= {
        "is_suspended": member.suspended_at is not None,
        "line": line,
        "sessions": _session_lines(request, user_id),
        "records": [audit_line(one, roles, request.formats, today=request.today) for one in records],
    }
    return render(request, "people/person.html", context)


@require_POST
@hospital_view(PERMISSION_MANAGE)
def suspend(request: HospitalRequest, user_id: UUID) -> HttpResponse:
    """Let somebody in no more."""
    suspend_member(request.hospital.id, user_id, actor=request.actor, at=request.at)
    return go_to(request.path.removesuffix("suspend/"))


@require_POST
@hospital_view(PERMISSION_MANAGE)
def reactivate(request: HospitalRequest, user_id: UUID) -> HttpResponse:
    """Let somebody in again."""
    reactivate_member(request.hospital.id, user_id, actor=request.actor, at=request.at)
    return go_to(request.path.removesuffix("reactivate/"))


@require_POST
@hospital_view(PERMISSION_MANAGE)
def log_out(request: HospitalRequest, user_id: UUID) -> HttpResponse:
    """End every session of somebody."""
    number = end_sessions(request.hospital.id, user_id, actor=request.actor, at=request.at)
    said = ngettext("%(number)d session ended.", "%(number)d sessions ended.", number) % {"number": number}
    return done(
        said, render(request, "people/sessions.html", {"sessions": [], "user_id": user_id, "is_self": False})
    )


@require_POST
@hospital_view(PERMISSION_MANAGE)
def reset(request: HospitalRequest, user_id: UUID) -> HttpResponse:
    """Forget the second factor that somebody has lost."""
    reset_second_factor(request.hospital.id, user_id, actor=request.actor, at=request.at)
    return go_to(request.path.removesuffix("second-factor/reset/"))


def _read(request: HospitalRequest, user_id: UUID) -> Member:
    found = read_members(request.hospital.id, at=request.at, user_id=user_id)
    if not found:
        raise NotFound(_("Nobody on the staff has this id."), field="user", code="unknown_user")
    return found[0]


def _session_lines(request: HospitalRequest, user_id: UUID) -> list[dict[str, str]]:
    """Where somebody is logged in, the newest first."""
    kept = Session.objects.filter(session_key=OuterRef("session_key"), expire_date__gt=request.at)
    sessions = UserSession.objects.filter(Exists(kept), user_id=user_id).order_by("-created_at")
    return [
        {
            "since": request.formats.moment(one.created_at, today=request.today),
            "ip": str(one.ip),
            "browser": one.user_agent,
        }
        for one in sessions
    ]
