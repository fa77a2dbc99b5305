"""Choosing where to work."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from almoner.pages.staff import SESSION_KEY, workplaces_of
from almoner.portal.logins import logins_of


@login_required
@require_http_methods(["GET", "POST"])
def choose_hospital(request: HttpRequest) -> HttpResponse:
    """Where to work, for who works at several hospitals. Who works at none is a patient, or is told what to do."""
    workplaces = workplaces_of(request.user)  # type: ignore[arg-type]
    if request.method == "POST":
        wanted = _as_uuid(request.POST.get("hospital", ""))
        if any(place.hospital.id == wanted for place in workplaces):
            request.session[SESSION_KEY] = str(wanted)
            return redirect("day")
    is_patient = bool(logins_of(request.user))  # type: ignore[arg-type]
    if is_patient and not workplaces:
        return redirect("portal:me")
    return render(request, "choose_hospital.html", {"choices": workplaces, "is_patient": is_patient})


def _as_uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
