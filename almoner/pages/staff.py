"""Which hospital a member of staff works at in this request, and what they may do there."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import date, datetime
from functools import wraps
from typing import Any, Concatenate, ParamSpec
from uuid import UUID

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _
from django_htmx.http import reswap, retarget
from django_htmx.middleware import HtmxDetails

from almoner.hospitals.models import Hospital
from almoner.identity.models import User
from almoner.identity.permissions import needs_second_factor
from almoner.identity.roles import RoleChange, actor_for, hospital_roles
from almoner.kernel.actor import Actor, Role
from almoner.kernel.clock import local_date, now
from almoner.kernel.errors import DomainError, NotFound, PermissionRefused
from almoner.kernel.tenancy import transaction
from almoner.pages.amounts import amounts_as
from almoner.pages.presenters import Formats

SESSION_KEY = "hospital_id"
SAFE_METHODS = ("GET", "HEAD")
SESSION_ENDED = 401
Parameters = ParamSpec("Parameters")


class PlacedRequest(HttpRequest):
    """A request of somebody who is logged in at a hospital, at the instant ``at``, which is ``today`` there."""

    user: User
    htmx: HtmxDetails
    hospital: Hospital
    at: datetime
    today: date
    formats: Formats


class HospitalRequest(PlacedRequest):
    """A request of a member of staff. ``departments`` are the codes of those that the member belongs to."""

    actor: Actor
    workplaces: list[Workplace]
    departments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Workplace:
    """A hospital where somebody works, and as what: ``held`` are codes of its ``roles``.

    ``departments`` are the codes of theirs; ``needs_second_factor``: the hospital asks for one, the roles move
    money or override, and there is none.
    """

    hospital: Hospital
    held: tuple[str, ...]
    roles: dict[str, Role]
    departments: tuple[str, ...]
    has_second_factor: bool

    @property
    def role_titles(self) -> str:
        return ", ".join(self.roles[code].name for code in self.held if code in self.roles)

    def actor(self, user: User) -> Actor:
        return actor_for(user, self.held, self.roles)

    def needs_second_factor(self, actor: Actor) -> bool:
        required = self.hospital.second_factor == Hospital.SecondFactor.REQUIRED
        return required and not self.has_second_factor and needs_second_factor(actor)


_WORKPLACES = """
SELECT hospital.*, membership.role, coalesce(staff.departments, '{}') AS my_departments,
       EXISTS (SELECT FROM mfa_authenticator AS factor
               WHERE factor.user_id = membership.user_id AND factor.type IN ('totp', 'webauthn'))
         AS has_second_factor,
       (SELECT coalesce(jsonb_agg(jsonb_build_array(changed.code, changed.title, changed.granted, changed.withdrawn)), '[]')
        FROM identity_hospitalrole AS changed WHERE changed.hospital_id = hospital.id) AS role_changes
FROM identity_membership AS membership
JOIN hospitals_hospital AS hospital ON hospital.id = membership.hospital_id
LEFT JOIN identity_staffmember AS staff
  ON staff.hospital_id = membership.hospital_id AND staff.user_id = membership.user_id
WHERE membership.user_id = %s AND staff.suspended_at IS NULL
ORDER BY hospital.name, hospital.id, membership.role
"""


def workplaces_of(user: User) -> list[Workplace]:
    """The hospitals where ``user`` is a member and not suspended, by name; one statement."""
    held: dict[UUID, list[str]] = {}
    rows: dict[UUID, Any] = {}
    for row in Hospital.objects.raw(_WORKPLACES, [user.id]):
        rows.setdefault(row.id, row)
        held.setdefault(row.id, []).append(row.role)  # type: ignore[attr-defined]
    return [
        Workplace(
            hospital=row,
            held=tuple(held[id]),
            roles=hospital_roles(
                RoleChange(code, title, frozenset(granted), frozenset(withdrawn))
                for code, title, granted, withdrawn in _as_list(row.role_changes)
            ),
            departments=tuple(row.my_departments),
            has_second_factor=row.has_second_factor,
        )
        for id, row in rows.items()
    ]


def _as_list(value: Any) -> list[Any]:
    """A JSON column of a raw statement, which Django leaves as text."""
    return list(json.loads(value) if isinstance(value, str) else value)


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

    ``request`` gets ``hospital``, ``actor``, ``workplaces``, ``departments``, ``at``, ``today`` and ``formats``. Who is not logged
    in is sent to the log-in page, who works at several hospitals chooses one first, and who needs a second factor is
    led to where one is set up. A page is read inside the
    hospital's transaction; for a POST the operation opens the only one, and what is read to show the outcome
    opens its own. A ``DomainError`` that the view lets through becomes the page for not found, not allowed,
    or the sentence of the refusal (a notice, when a piece of a page was asked for). No cache keeps the answer,
    unless the view says how it may be kept.
    """

    def decorate(
        view: Callable[Concatenate[HospitalRequest, Parameters], HttpResponse],
    ) -> Callable[Concatenate[HttpRequest, Parameters], HttpResponse]:
        @wraps(view)
        def wrapper(
            request: HospitalRequest, *args: Parameters.args, **kwargs: Parameters.kwargs
        ) -> HttpResponse:
            response = _enter(request, permissions) or _run(request, view, *args, **kwargs)
            if not response.has_header("Cache-Control"):
                add_never_cache_headers(response)
            return response

        return wrapper  # type: ignore[return-value]

    return decorate


def _enter(request: HospitalRequest, permissions: tuple[str, ...]) -> HttpResponse | None:
    """Give the request its hospital; an answer instead when it cannot go on."""
    if not request.user.is_authenticated:
        return to_login(request)
    request.workplaces = workplaces_of(request.user)
    place = _chosen(request, request.workplaces)
    if place is None:
        return redirect("choose-hospital")
    request.actor = place.actor(request.user)
    if place.needs_second_factor(request.actor):
        return _to(request, "mfa_index")
    place_at(request, place.hospital)
    request.departments = place.departments
    if permissions and not any(request.actor.may(permission) for permission in permissions):
        return _refuse(request, PermissionRefused(permissions[0]), permissions)
    return None


def place_at(request: PlacedRequest, hospital: Hospital) -> None:
    """Give ``request`` its hospital, the instant, and how money, dates and times are written there."""
    request.hospital = hospital
    request.at = now()
    request.today = local_date(request.at, hospital.time_zone)
    request.formats = Formats.of(hospital)


def in_frame(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """A page of one's own account, which belongs to no hospital, in the frame of the one where one works.

    ``request.second_factor_asked_by`` is the hospital that lets one in only with a second factor, or None.
    """

    @wraps(view)
    def wrapper(request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        request.second_factor_asked_by = None
        if request.user.is_authenticated:
            request.workplaces = workplaces_of(request.user)
            place = _chosen(request, request.workplaces)
            if place is not None:
                request.actor = place.actor(request.user)
                if place.needs_second_factor(request.actor):
                    request.second_factor_asked_by = place.hospital
                else:
                    request.hospital = place.hospital
        response = view(request, *args, **kwargs)
        add_never_cache_headers(response)
        return response

    return wrapper


def _to(request: HospitalRequest, name: str) -> HttpResponse:
    """On to another page, also from a piece of one."""
    if not request.htmx:
        return redirect(name)
    response = HttpResponse(status=403)
    response["HX-Redirect"] = reverse(name)
    return response


def _run(
    request: HospitalRequest,
    view: Callable[Concatenate[HospitalRequest, Parameters], HttpResponse],
    *args: Parameters.args,
    **kwargs: Parameters.kwargs,
) -> HttpResponse:
    reading = request.method in SAFE_METHODS
    try:
        with (
            amounts_as(request.hospital.locale),
            transaction(request.hospital.id) if reading else nullcontext(),
        ):
            return view(request, *args, **kwargs)
    except DomainError as error:
        return _refuse(request, error)


def _refuse(request: HospitalRequest, error: DomainError, permissions: tuple[str, ...] = ()) -> HttpResponse:
    message = error.message
    if isinstance(error, PermissionRefused):
        roles = [
            title for code in permissions or (error.permission,) for title in request.actor.who_may(code)
        ]
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


def to_login(request: PlacedRequest) -> HttpResponse:
    """A whole page goes to the log-in page. A piece of one leaves the page as it is, with what was typed
    in it, and asks to log in beside it."""
    if not request.htmx:
        return redirect_to_login(request.get_full_path() if request.method in SAFE_METHODS else "/")
    response = render(request, "session_ended.html", status=SESSION_ENDED)
    return reswap(retarget(response, "#session"), "innerHTML")
