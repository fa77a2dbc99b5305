"""Which hospital a member of staff works at in this request, and what they may do there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Concatenate, ParamSpec
from uuid import UUID

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from almoner.hospitals.models import Hospital
from almoner.identity.models import Membership, User
from almoner.identity.roles import ROLES, actor_for
from almoner.kernel.actor import Actor
from almoner.kernel.errors import DomainError, NotFound, PermissionRefused
from almoner.kernel.tenancy import transaction

SESSION_KEY = "hospital_id"
Parameters = ParamSpec("Parameters")


class HospitalRequest(HttpRequest):
    """A request of a member of staff: the hospital's transaction is open while the view runs."""

    user: User
    htmx: HtmxDetails
    hospital: Hospital
    actor: Actor
    workplaces: list[Workplace]


@dataclass(frozen=True, slots=True)
class Workplace:
    """A hospital where somebody works, and as what."""

    hospital: Hospital
    roles: tuple[str, ...]

    @property
    def role_titles(self) -> str:
        return ", ".join(ROLES[role].title for role in self.roles if role in ROLES)


def workplaces_of(user: User) -> list[Workplace]:
    """The hospitals where ``user`` is a member, by name; two statements."""
    roles: dict[UUID, list[str]] = {}
    for membership in Membership.objects.filter(user=user).order_by("role"):
        roles.setdefault(membership.hospital_id, []).append(membership.role)
    hospitals = Hospital.objects.filter(id__in=roles).order_by("name")
    return [Workplace(hospital, tuple(roles[hospital.id])) for hospital in hospitals]


def _chosen(request: HttpRequest, workplaces: list[Workplace]) -> Workplace | None:
    if len(workplaces) == 1:
        return workplaces[0]
    wanted = request.session.get(SESSION_KEY)
    return next((place for place in workplaces if str(place.hospital.id) == wanted), None)


def hospital_view(
    view: Callable[Concatenate[HospitalRequest, Parameters], HttpResponse],
) -> Callable[Concatenate[HttpRequest, Parameters], HttpResponse]:
    """A page for members of staff: ``request`` gets ``hospital``, ``actor`` and ``workplaces``.

    Who is not logged in is sent to the log-in page, who works at several hospitals chooses one first. The
    view runs inside the hospital's transaction. A ``DomainError`` that it lets through becomes the page
    for not found, not allowed, or the sentence of the refusal.
    """

    @wraps(view)
    def wrapper(
        request: HospitalRequest, *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> HttpResponse:
        if not request.user.is_authenticated:
            return _to_login(request)
        request.workplaces = workplaces_of(request.user)
        place = _chosen(request, request.workplaces)
        if place is None:
            return redirect("choose-hospital")
        request.hospital = place.hospital
        request.actor = actor_for(request.user, place.roles)
        try:
            with transaction(place.hospital.id):
                return view(request, *args, **kwargs)
        except NotFound as error:
            raise Http404(error.message) from error
        except PermissionRefused as error:
            raise PermissionDenied(error.message) from error
        except DomainError as error:
            return render(request, "refused.html", {"message": error.message}, status=error.status)

    return wrapper  # type: ignore[return-value]


def _to_login(request: HospitalRequest) -> HttpResponse:
    """A whole page goes to the log-in page; a piece of one takes its whole page there."""
    if not request.htmx:
        return redirect_to_login(request.get_full_path())
    page = request.htmx.current_url_abs_path or "/"
    return HttpResponseClientRedirect(resolve_url(redirect_to_login(page).url))
