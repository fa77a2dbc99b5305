"""Which hospital a member of staff works at in this request, and what they may do there."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import date, datetime
from functools import wraps
from typing import Concatenate, ParamSpec
from uuid import UUID

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _
from django_htmx.http import reswap, retarget
from django_htmx.middleware import HtmxDetails

from almoner.hospitals.models import Hospital
from almoner.identity.models import User
from almoner.identity.roles import ROLES, actor_for, titles_with
from almoner.kernel.actor import Actor
from almoner.kernel.clock import local_date, now
from almoner.kernel.errors import DomainError, NotFound, PermissionRefused
from almoner.kernel.tenancy import transaction
from almoner.pages.presenters import Formats

SESSION_KEY = "hospital_id"
SAFE_METHODS = ("GET", "HEAD")
SESSION_ENDED = 401
Parameters = ParamSpec("Parameters")


class HospitalRequest(HttpRequest):
    """A request of a member of staff, at the instant ``at``, which is ``today`` at the hospital."""

    user: User
    htmx: HtmxDetails
    hospital: Hospital
    actor: Actor
    workplaces: list[Workplace]
    at: datetime
    today: date
    formats: Formats


@dataclass(frozen=True, slots=True)
class Workplace:
    """A hospital where somebody works, and as what."""

    hospital: Hospital
    roles: tuple[str, ...]

    @property
    def role_titles(self) -> str:
        return ", ".join(ROLES[role].title for role in self.roles if role in ROLES)


_WORKPLACES = """
SELECT hospital.*, membership.role
FROM identity_membership AS membership
JOIN hospitals_hospital AS hospital ON hospital.id = membership.hospital_id
WHERE membership.user_id = %s
ORDER BY hospital.name, hospital.id, membership.role
"""


def workplaces_of(user: User) -> list[Workplace]:
    """The hospitals where ``user`` is a member, by name; one statement."""
    roles: dict[UUID, list[str]] = {}
    hospitals: dict[UUID, Hospital] = {}
    for hospital in Hospital.objects.raw(_WORKPLACES, [user.id]):
        hospitals.setdefault(hospital.id, hospital)
        roles.setdefault(hospital.id, []).append(hospital.role)  # type: ignore[attr-defined]
    return [Workplace(hospital, tuple(roles[key])) for key, hospital in hospitals.items()]


def _chosen(request: HttpRequest, workplaces: list[Workplace]) -> Workplace | None:
    if len(workplaces) == 1:
        return workplaces[0]
    wanted = request.session.get(SESSION_KEY)
    return next((place for place in workplaces if str(place.hospital.id) == wanted), None)


def hospital_view(
    *permissions: str,
) -> Callable[
    [Callable[Concatenate[HospitalRequest, Parameters], HttpResponse]],
    Callable[Concatenate[HttpRequest, Parameters], HttpResponse],
]:
    """A page for members of staff who have any of ``permissions`` (all of them when none is named).

    ``request`` gets ``hospital``, ``actor``, ``workplaces``, ``at``, ``today`` and ``formats``. Who is not logged
    in is sent to the log-in page, who works at several hospitals chooses one first. A page is read inside the
    hospital's transaction; for a POST the operation opens the only one, and what is read to show the outcome
    opens its own. A ``DomainError`` that the view lets through becomes the page for not found, not allowed,
    or the sentence of the refusal (a notice, when a piece of a page was asked for). No cache keeps the answer.
    """

    def decorate(
        view: Callable[Concatenate[HospitalRequest, Parameters], HttpResponse],
    ) -> Callable[Concatenate[HttpRequest, Parameters], HttpResponse]:
        @wraps(view)
        def wrapper(
            request: HospitalRequest, *args: Parameters.args, **kwargs: Parameters.kwargs
        ) -> HttpResponse:
            response = _enter(request, permissions) or _run(request, view, *args, **kwargs)
            add_never_cache_headers(response)
            return response

        return wrapper  # type: ignore[return-value]

    return decorate


def _enter(request: HospitalRequest, permissions: tuple[str, ...]) -> HttpResponse | None:
    """Give the request its hospital; an answer instead when it cannot go on."""
    if not request.user.is_authenticated:
        return _to_login(request)
    request.workplaces = workplaces_of(request.user)
    place = _chosen(request, request.workplaces)
    if place is None:
        return redirect("choose-hospital")
    request.hospital = place.hospital
    request.actor = actor_for(request.user, place.roles)
    request.at = now()
    request.today = local_date(request.at, place.hospital.time_zone)
    request.formats = Formats.of(place.hospital)
    if permissions and not any(request.actor.may(permission) for permission in permissions):
        return _refuse(request, PermissionRefused(permissions[0]), permissions)
    return None


def _run(
    request: HospitalRequest,
    view: Callable[Concatenate[HospitalRequest, Parameters], HttpResponse],
    *args: Parameters.args,
    **kwargs: Parameters.kwargs,
) -> HttpResponse:
    reading = request.method in SAFE_METHODS
    try:
        with transaction(request.hospital.id) if reading else nullcontext():
            return view(request, *args, **kwargs)
    except DomainError as error:
        return _refuse(request, error)


def _refuse(request: HospitalRequest, error: DomainError, permissions: tuple[str, ...] = ()) -> HttpResponse:
    message = error.message
    if isinstance(error, PermissionRefused):
        roles = [title for code in permissions or (error.permission,) for title in titles_with(code)]
        message = _("This is done by: %(roles)s.") % {"roles": ", ".join(dict.fromkeys(roles))}
    if request.htmx:
        response = HttpResponse(status=error.status)
        response["HX-Trigger"] = json.dumps({"almoner:refused": {"message": message}})
        return reswap(response, "none")
    if isinstance(error, NotFound):
        raise Http404(message) from error
    if isinstance(error, PermissionRefused):
        raise PermissionDenied(message) from error
    return render(request, "refused.html", {"message": message}, status=error.status)


def _to_login(request: HospitalRequest) -> HttpResponse:
    """A whole page goes to the log-in page. A piece of one leaves the page as it is, with what was typed
    in it, and asks to log in beside it."""
    if not request.htmx:
        return redirect_to_login(request.get_full_path() if request.method in SAFE_METHODS else "/")
    response = render(request, "session_ended.html", status=SESSION_ENDED)
    return reswap(retarget(response, "#session"), "innerHTML")
