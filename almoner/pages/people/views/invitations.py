"""Inviting people, and the page that the letter's link opens."""

from __future__ import annotations

from uuid import UUID

from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from almoner.hospitals.models import Hospital
from almoner.identity import invitations
from almoner.identity.models import Invitation, User
from almoner.identity.operations import PERMISSION_MANAGE
from almoner.identity.queries import roles_of
from almoner.kernel.clock import now
from almoner.kernel.errors import DomainError, NotFound
from almoner.kernel.tenancy import transaction
from almoner.pages.answers import done, go_to
from almoner.pages.forms import sent
from almoner.pages.people.forms import InviteForm, JoinForm, department_choices
from almoner.pages.people.letters import send_invitation
from almoner.pages.staff import SESSION_KEY, HospitalRequest, hospital_view


@require_http_methods(["GET", "POST"])
@hospital_view(PERMISSION_MANAGE)
def invite(request: HospitalRequest) -> HttpResponse:
    """A dialog: whom to ask, and as what."""
    with transaction(request.hospital.id):
        form = InviteForm(
            sent(request), roles=roles_of(request.hospital.id), departments=department_choices()
        )
    if request.method == "POST":
        invitation = form.attempt(
            lambda: invitations.invite(
                request.hospital.id,
                email=form.cleaned_data["email"],
                roles=form.cleaned_data["roles"],
                departments=form.cleaned_data["departments"],
                idempotency_key=form.key,
                actor=request.actor,
                at=request.at,
            )
        )
        if invitation is not None:
            return _sent(request, invitation)
    return render(
        request, "people/invite.html", {"form": form}, status=422 if request.method == "POST" else 200
    )


@require_POST
@hospital_view(PERMISSION_MANAGE)
def send_again(request: HospitalRequest, invitation_id: UUID) -> HttpResponse:
    """Another letter, with a week from now."""
    return _sent(
        request, invitations.renew(request.hospital.id, invitation_id, actor=request.actor, at=request.at)
    )


@require_POST
@hospital_view(PERMISSION_MANAGE)
def withdraw(request: HospitalRequest, invitation_id: UUID) -> HttpResponse:
    """The link in the letter leads nowhere from now on."""
    invitations.withdraw(request.hospital.id, invitation_id, actor=request.actor, at=request.at)
    return go_to(reverse("people:staff"))


def _sent(request: HospitalRequest, invitation: Invitation) -> HttpResponse:
    if send_invitation(request, invitation):
        messages.success(request, _("The letter to %(email)s is on its way.") % {"email": invitation.email})
        return go_to(reverse("people:staff"))
    return done(_("The invitation is kept, but the letter could not be sent. Send it again in a while."))


@require_http_methods(["GET", "POST"])
def join(request: HttpRequest, token: str) -> HttpResponse:
    """``/people/join/TOKEN/``: what the letter's link opens; whoever joins is logged in there."""
    try:
        invitation = invitations.read_invitation(token, at=now())
    except NotFound as error:
        return render(request, "people/join_closed.html", {"message": error.message}, status=404)
    form = JoinForm(sent(request))
    known = request.user if isinstance(request.user, User) else None
    problem = ""
    if request.method == "POST" and (invitation.has_account or form.is_valid()):
        try:
            user = invitations.accept(
                token,
                name=form.cleaned_data["name"] if form.is_valid() else "",
                password=form.cleaned_data["password"] if form.is_valid() else "",
                user=known if invitation.has_account else None,
                at=now(),
            )
        except NotFound as error:
            return render(request, "people/join_closed.html", {"message": error.message}, status=404)
        except DomainError as error:
            problem = error.message if error.field not in form.fields else ""
            if not problem:
                form.add_error(error.field, error.message)
        else:
            if known != user:
                login(request, user)
                UserSession.objects.create_from_request(request)
            request.session[SESSION_KEY] = str(invitation.hospital_id)
            return redirect("day")
    response = render(
        request,
        "people/join.html",
        {
            "form": form,
            "problem": problem,
            "invitation": invitation,
            "hospital": Hospital.objects.get(id=invitation.hospital_id),
            "is_theirs": known is not None and known.email == invitation.email,
            "here": request.path,
        },
    )
    add_never_cache_headers(response)
    return response
