"""The page that the letter's link opens."""

from __future__ import annotations

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_http_methods

from almoner.hospitals.models import Hospital
from almoner.identity.models import User
from almoner.kernel.clock import now
from almoner.kernel.errors import DomainError, NotFound
from almoner.portal import invitations
from almoner.portal.entry import SESSION_KEY
from almoner.portal.forms import AccountForm

INVALID = 422


@require_http_methods(["GET", "POST"])
def join(request: HttpRequest, token: str) -> HttpResponse:
    """``/me/join/TOKEN/``. A stranger chooses a password (or has one) and logs in; then it is accepted here."""
    try:
        response = _answer(request, token)
    except NotFound as error:
        response = render(request, "people/join_closed.html", {"message": error.message}, status=404)
    add_never_cache_headers(response)
    return response


def _answer(request: HttpRequest, token: str) -> HttpResponse:
    at = now()
    invitation = invitations.read_invitation(token, at=at)
    known = request.user if isinstance(request.user, User) else None
    is_theirs = known is not None and known.email == invitation.email
    form = AccountForm(request.POST or None)
    if request.method == "POST" and known is not None and is_theirs:
        login = invitations.accept(token, user=known, at=at)
        request.session[SESSION_KEY] = str(login.id)
        return redirect("portal:me")
    if request.method == "POST" and known is None and form.is_valid():
        try:
            invitations.open_account(token, **form.cleaned_data, at=at)
        except NotFound:
            raise
        except DomainError as error:
            form.add_error(error.field if error.field in form.fields else None, error.message)
        else:
            return redirect_to_login(request.path)
    context = {
        "form": form,
        "email": invitation.email,
        "known": known,
        "is_theirs": is_theirs,
        "hospital": Hospital.objects.get(id=invitation.hospital_id),
        "here": request.path,
    }
    return render(request, "portal/join.html", context, status=INVALID if form.errors else 200)
