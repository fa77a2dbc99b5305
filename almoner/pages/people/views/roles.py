"""The roles of the hospital: who may do what, and changing it."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from almoner.identity import role_changes
from almoner.identity.operations import PERMISSION_MANAGE
from almoner.identity.queries import roles_of
from almoner.identity.roles import ROLES
from almoner.kernel.actor import Role
from almoner.kernel.errors import NotFound
from almoner.pages.answers import go_to
from almoner.pages.forms import sent
from almoner.pages.people.forms import RoleForm
from almoner.pages.people.presenting import matrix_of
from almoner.pages.staff import HospitalRequest, hospital_view


@require_safe
@hospital_view(PERMISSION_MANAGE)
def matrix(request: HospitalRequest) -> HttpResponse:
    """``/people/roles/``: every permission against every role."""
    roles = roles_of(request.hospital.id)
    columns = [{"code": code, "title": role.name, "fixed": role.everything} for code, role in roles.items()]
    return render(request, "people/roles.html", {"columns": columns, "groups": matrix_of(roles)})


@require_http_methods(["GET", "POST"])
@hospital_view(PERMISSION_MANAGE)
def new_role(request: HospitalRequest) -> HttpResponse:
    """A role of the hospital's own."""
    form = RoleForm(sent(request), roles=roles_of(request.hospital.id))
    if request.method == "POST":
        code = form.attempt(
            lambda: role_changes.add_role(
                request.hospital.id,
                title=form.cleaned_data["title"],
                permissions=form.cleaned_data["permissions"],
                actor=request.actor,
                at=request.at,
            )
        )
        if code is not None:
            messages.success(request, _("Saved. It holds from everybody's next page on."))
            return go_to(reverse("people:roles"))
    return _shown(request, form, "", Role(""))


@require_http_methods(["GET", "POST"])
@hospital_view(PERMISSION_MANAGE)
def role(request: HospitalRequest, role_code: str) -> HttpResponse:
    """What one role is called and may do."""
    roles = roles_of(request.hospital.id)
    if role_code not in roles:
        raise NotFound(_("The hospital has no such role."), field="role", code="unknown_role")
    found = roles[role_code]
    form = RoleForm(
        sent(request),
        roles=roles,
        initial={"title": found.name, "permissions": sorted(found.permissions)},
    )
    if request.method == "POST":
        code = form.attempt(
            lambda: role_changes.change_role(
                request.hospital.id,
                role_code,
                title=_stored_title(form.cleaned_data["title"], found),
                permissions=form.cleaned_data["permissions"],
                actor=request.actor,
                at=request.at,
            )
        )
        if code is not None:
            messages.success(request, _("Saved. It holds from everybody's next page on."))
            return go_to(reverse("people:roles"))
    return _shown(request, form, role_code, found)


@require_POST
@hospital_view(PERMISSION_MANAGE)
def remove(request: HospitalRequest, role_code: str) -> HttpResponse:
    """Take an own role away, or make a standard one what it was at first."""
    role_changes.remove_role(request.hospital.id, role_code, actor=request.actor, at=request.at)
    return go_to(reverse("people:roles"))


def _stored_title(typed: str, role: Role) -> str:
    """A title that was left as it is in the reader's language is not a new one."""
    return role.title if typed == role.name else typed


def _shown(request: HospitalRequest, form: RoleForm, code: str, found: Role) -> HttpResponse:
    context = {
        "form": form,
        "code": code,
        "title": found.name,
        "is_fixed": found.everything,
        "is_own": bool(code) and code not in ROLES,
        "is_changed": code in ROLES and found != ROLES[code],
        "ticked": set(form["permissions"].value() or ()),
    }
    refused = request.method == "POST"
    template = "people/role_form.html" if refused and request.htmx else "people/role.html"
    return render(request, template, context, status=422 if refused else 200)
