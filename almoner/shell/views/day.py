"""The first page: the hospital's day."""

from __future__ import annotations

import hashlib
from datetime import date, timedelta
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from almoner.kernel.errors import DomainError
from almoner.pages.staff import HospitalRequest, hospital_view
from almoner.reports.day import read_day
from almoner.shell.views.day_page import present_day

FIRST_DAY = date(1900, 1, 1)
MAXIMUM_WORDS = 100
UNCHANGED = 204


def _asked_day(text: str, today: date) -> date:
    if not text:
        return today
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise DomainError(
            _("A day is written like %(today)s, got %(text)r.") % {"today": today, "text": text[:40]},
            field="day",
        ) from None
    if not FIRST_DAY <= day <= today + timedelta(days=366):
        raise DomainError(
            _("Choose a day from %(first_day)s to a year from now.") % {"first_day": FIRST_DAY}, field="day"
        )
    return day


@require_safe
@hospital_view()
def day(request: HospitalRequest) -> HttpResponse:
    """``/?day=2026-11-20&q=words``. With htmx: the refreshing part alone.

    That part names its content's hash as ``seen`` when it asks again; the answer is 204 (No Content), and the
    page stays untouched, while nothing has changed.
    """
    at, today = request.at, request.today
    asked = _asked_day(request.GET.get("day", ""), today)
    words = request.GET.get("q", "").replace("\x00", "")[:MAXIMUM_WORDS]
    read = read_day(request.hospital, asked, at=at, words=words)
    page = present_day(request.hospital, request.actor, read, words=words, today=today, at=at)
    content = render_to_string("day/content.html", {"page": page})
    seen = hashlib.sha256(content.encode()).hexdigest()[:16]
    if request.htmx and request.GET.get("seen") == seen:
        return HttpResponse(status=UNCHANGED)
    query = {"day": asked.isoformat(), "q": words, "seen": seen}
    context = {"page": page, "content": content, "refresh_query": urlencode(query)}
    return render(request, "day/live.html" if request.htmx else "day/page.html", context)
