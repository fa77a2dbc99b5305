"""Whose record a patient sees in this request."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _

from almoner.kernel.actor import Actor
from almoner.kernel.errors import NotFound
from almoner.kernel.tenancy import transaction
from almoner.pages.staff import PlacedRequest, place_at, to_login
from almoner.patients.models import Patient
from almoner.patients.operations import surviving
from almoner.portal.logins import OwnLogin, logins_of

SESSION_KEY = "patient_login_id"
Parameters = ParamSpec("Parameters")


class PatientRequest(PlacedRequest):
    """A request of somebody about a record of their own, ``patient``, which is the surviving one.

    ``reader`` may do nothing: what is concealed from such an actor is concealed from the patient. ``logins`` is
    everything that they see as their own.
    """

    patient: Patient
    reader: Actor
    logins: list[OwnLogin]


def patient_view(
    view: Callable[Concatenate[PatientRequest, Parameters], HttpResponse],
) -> Callable[Concatenate[HttpRequest, Parameters], HttpResponse]:
    """A page for who sees a patient's record as their own: about that record alone.

    ``request`` gets ``hospital``, ``patient``, ``reader``, ``logins``, ``at``, ``today`` and ``formats``, and the
    view runs in the hospital's transaction. Who is not logged in is sent to the log-in page, who has several
    records chooses one first, anybody else is refused, the staff included. No cache keeps the answer.
    """

    @wraps(view)
    def wrapper(request: PatientRequest, *args: Parameters.args, **kwargs: Parameters.kwargs) -> HttpResponse:
        response = _enter(request, view, *args, **kwargs)
        add_never_cache_headers(response)
        return response

    return wrapper  # type: ignore[return-value]


def _enter(
    request: PatientRequest,
    view: Callable[Concatenate[PatientRequest, Parameters], HttpResponse],
    *args: Parameters.args,
    **kwargs: Parameters.kwargs,
) -> HttpResponse:
    if not request.user.is_authenticated:
        return to_login(request)
    request.logins = logins_of(request.user)
    if not request.logins:
        raise PermissionDenied(_("This page is for patients: the hospital's reception lets them in."))
    login = _chosen(request)
    if login is None:
        return redirect("portal:choose")
    place_at(request, login.hospital)
    request.reader = Actor(name=f"user:{request.user.email}", user_id=request.user.id)
    try:
        with transaction(login.hospital.id):
            request.patient = surviving(login.patient_id)
            return view(request, *args, **kwargs)
    except NotFound as error:
        raise Http404(error.message) from error


def _chosen(request: PatientRequest) -> OwnLogin | None:
    if len(request.logins) == 1:
        return request.logins[0]
    wanted = request.session.get(SESSION_KEY)
    return next((login for login in request.logins if str(login.id) == wanted), None)
