"""Pages that wait: has anything happened in this hospital since I looked?

An open page asks every second or so. The question is answered before Django's middleware, costs no session, no
user and, most of the time, no statement: a process asks the database once in ``FRESH_SECONDS`` per hospital,
however many pages are open (docs/decisions/0014-pages-ask-whether-anything-changed.md).
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterable
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.core import signing
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.http import require_safe

from almoner.hospitals.models import Hospital
from almoner.pages.staff import HospitalRequest

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

FRESH_SECONDS = 0.4
TICKET_SECONDS = 24 * 60 * 60
UNCHANGED = HTTPStatus.NO_CONTENT
_PATH = "/changes/"
_QUERY = "marker="
_SALT = "almoner.pages.live"

_known: dict[UUID, tuple[float, str]] = {}
_asking: dict[UUID, threading.Lock] = {}


def changes_url(hospital: Hospital) -> str:
    """Where a page of ``hospital`` asks; the ticket in it tells nothing but the hospital, for a day."""
    ends_at = int(time.time()) + TICKET_SECONDS
    return reverse("changes", args=[signing.dumps([str(hospital.id), ends_at], salt=_SALT)])


def change_marker(hospital_id: UUID) -> str:
    """A word that differs once something was committed for the hospital; at most ``FRESH_SECONDS`` old."""
    lock = _asking.setdefault(hospital_id, threading.Lock())
    with lock:
        marker = _fresh_marker(hospital_id)
        if not marker:
            asked_at = time.monotonic()
            with connection.cursor() as cursor:
                cursor.execute("SELECT coalesce(pages_change_marker(%s), 'nothing')", [hospital_id])
                marker = str(cursor.fetchone()[0])
            _known[hospital_id] = (asked_at, marker)
        return marker


def _fresh_marker(hospital_id: UUID) -> str:
    """The marker that this process read less than ``FRESH_SECONDS`` ago, else nothing."""
    read_at, marker = _known.get(hospital_id, (0.0, ""))
    return marker if time.monotonic() - read_at <= FRESH_SECONDS else ""


@lru_cache(maxsize=4096)
def _read(ticket: str) -> tuple[UUID, int]:
    """The hospital of a ticket, and when the ticket ends (seconds since 1970). Raises ``BadSignature``."""
    hospital_id, ends_at = signing.loads(ticket, salt=_SALT)
    return UUID(hospital_id), ends_at


def _hospital_of(ticket: str) -> UUID | None:
    """The hospital that a ticket lets look; None when it is no ticket or has ended."""
    try:
        hospital_id, ends_at = _read(ticket)
    except signing.BadSignature:
        return None
    return hospital_id if ends_at >= time.time() else None


def answer(ticket: str, seen: str) -> tuple[int, str]:
    """Status and body for a page that saw the marker ``seen``: the marker now, or 204 (No Content) while it is
    that one; 410 (Gone) for a ticket that has ended."""
    hospital_id = _hospital_of(ticket)
    if hospital_id is None:
        return HTTPStatus.GONE, ""
    return _told(change_marker(hospital_id), seen)


def answer_from_memory(address: str) -> tuple[int, str] | None:
    """What ``answer`` says to a question at ``address`` (path and query); None when the database must be asked first,
    or when it is no question at all."""
    path, _, query = address.partition("?")
    hospital_id = _hospital_of(path.removeprefix(_PATH))
    marker = _fresh_marker(hospital_id) if hospital_id is not None else ""
    return _told(marker, query.removeprefix(_QUERY)) if marker else None


def _told(marker: str, seen: str) -> tuple[int, str]:
    return (UNCHANGED, "") if marker == seen else (HTTPStatus.OK, marker)


@require_safe
def changes(request: HttpRequest, ticket: str) -> HttpResponse:
    """``/changes/TICKET?marker=MARKER``, where no ``answers_pages_that_wait`` stands before Django."""
    status, body = answer(ticket, request.GET.get("marker", ""))
    response = HttpResponse(body, status=status, content_type="text/plain")
    response["Cache-Control"] = "no-store"
    return response


def answers_pages_that_wait(application: WSGIApplication) -> WSGIApplication:
    """``application`` with the question of open pages answered before it: hundreds of pages ask every second."""

    def handle(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if not path.startswith(_PATH) or environ["REQUEST_METHOD"] != "GET":
            return application(environ, start_response)
        try:
            seen = environ.get("QUERY_STRING", "").removeprefix(_QUERY)
            status, body = answer(path.removeprefix(_PATH), seen)
        except DatabaseError:
            connection.close()
            status, body = HTTPStatus.SERVICE_UNAVAILABLE, ""
        content = body.encode()
        headers = [("Content-Type", "text/plain"), ("Cache-Control", "no-store")]
        if status != UNCHANGED:
            headers.append(("Content-Length", str(len(content))))
        start_response(f"{int(status)} {HTTPStatus(status).phrase}", headers)
        return [content] if content else []

    return handle


def live_page(
    request: HospitalRequest, page: str, content: str, context: dict[str, Any], *, query: str = ""
) -> HttpResponse:
    """A page whose part ``content`` (a template) refreshes itself; ``page`` includes ``components/live.html``.

    Asked by htmx, the part alone, or 204 (No Content) while it is what the page shows already. ``query`` is what
    the part keeps of the page's own query. Forms stay outside of the part: what refreshes is not typed in.
    """
    shown = render_to_string(content, context, request)
    seen = hashlib.sha256(shown.encode()).hexdigest()[:16]
    if request.htmx and request.GET.get("seen") == seen:
        return HttpResponse(status=UNCHANGED)
    live = {"content": shown, "url": f"{request.path}?{query}{'&' if query else ''}seen={seen}"}
    template = "components/live.html" if request.htmx else page
    return render(request, template, {**context, "live": live})
