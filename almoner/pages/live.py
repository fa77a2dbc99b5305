"""Pages that wait: has anything happened in this hospital since I looked?

An open page asks every second or so. The question costs no session, no user and, most of the time, no
statement: a process asks the database once in ``FRESH_SECONDS`` per hospital, however many pages are open
(docs/decisions/0014-pages-ask-whether-anything-changed.md).
"""

from __future__ import annotations

import hashlib
import threading
import time
from typing import Any
from uuid import UUID

from django.core import signing
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.http import require_safe

from almoner.hospitals.models import Hospital
from almoner.pages.staff import HospitalRequest

FRESH_SECONDS = 0.4
TICKET_SECONDS = 24 * 60 * 60
UNCHANGED = 204
_SALT = "almoner.pages.live"

_known: dict[UUID, tuple[float, str]] = {}
_asking: dict[UUID, threading.Lock] = {}


def changes_url(hospital: Hospital) -> str:
    """Where a page of ``hospital`` asks; the ticket in it tells nothing but the hospital, for a day."""
    return reverse("changes", args=[signing.dumps(str(hospital.id), salt=_SALT)])


def change_marker(hospital_id: UUID) -> str:
    """A word that differs once something was committed for the hospital; at most ``FRESH_SECONDS`` old."""
    lock = _asking.setdefault(hospital_id, threading.Lock())
    with lock:
        read_at, marker = _known.get(hospital_id, (0.0, ""))
        if not marker or time.monotonic() - read_at > FRESH_SECONDS:
            asked_at = time.monotonic()
            with connection.cursor() as cursor:
                cursor.execute("SELECT coalesce(pages_change_marker(%s), 'nothing')", [hospital_id])
                marker = str(cursor.fetchone()[0])
            _known[hospital_id] = (asked_at, marker)
        return marker


@require_safe
def changes(request: HttpRequest, ticket: str) -> HttpResponse:
    """``/changes/TICKET?marker=MARKER``: the marker now, or 204 (No Content) while it is the one seen."""
    try:
        hospital_id = UUID(signing.loads(ticket, salt=_SALT, max_age=TICKET_SECONDS))
    except signing.BadSignature:
        return HttpResponse(status=410)
    marker = change_marker(hospital_id)
    if request.GET.get("marker") == marker:
        response = HttpResponse(status=UNCHANGED)
    else:
        response = HttpResponse(marker, content_type="text/plain")
    response["Cache-Control"] = "no-store"
    return response


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
