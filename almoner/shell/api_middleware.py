"""The short way to the API: a program's request needs no session, no CSRF token, no page.

Half the time that a capture spends outside its operation went to the middleware of the pages.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from django.core.exceptions import DisallowedHost
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import resolve
from django.utils import translation

from almoner.kernel.wire import PROBLEM_TYPE
from almoner.shell.problems import problem, unknown_address

PREFIX = "/api/v1/"


class ApiMiddleware:
    """Stands first. A request under /api/v1 goes straight to its endpoint: host, address, endpoint. It is answered
    in the language of ``Accept-Language``, else in English, whatever the thread spoke before.

    The endpoint checks the key and answers every exception itself; what the framework refuses (405) becomes
    a problem here. All other requests go on to the middleware of the pages.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith(PREFIX):
            return self.get_response(request)
        with translation.override(translation.get_language_from_request(request)):
            response = _answer(request)
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Cache-Control"] = "no-store"
        return response


def _answer(request: HttpRequest) -> HttpResponse:
    try:
        request.get_host()
        match = resolve(request.path_info)
    except DisallowedHost:
        return problem(400, "unknown_host", "This server does not answer under that host name.")
    except Http404:
        return unknown_address()
    request.resolver_match = match
    response: HttpResponse = match.func(request, *match.args, **match.kwargs)
    if response.status_code >= 400 and response.headers.get("Content-Type") != PROBLEM_TYPE:
        return _as_problem(request, response)
    return response


def _as_problem(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """A refusal that the framework wrote as text."""
    status = HTTPStatus(response.status_code)
    allowed = response.headers.get("Allow", "")
    detail = f"This address knows {allowed}, not {request.method}." if allowed else status.phrase
    return problem(
        response.status_code,
        f"http_{response.status_code}",
        detail,
        headers={"Allow": allowed} if allowed else None,
    )
