"""What was done at the hospital, by whom and when."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from almoner.identity.operations import PERMISSION_MANAGE
from almoner.identity.queries import AUDIT_LIMIT, read_audit, roles_of
from almoner.pages.people.forms import AuditForm
from almoner.pages.people.presenting import audit_line
from almoner.pages.staff import HospitalRequest, hospital_view


@require_safe
@hospital_view(PERMISSION_MANAGE)
def audit(request: HospitalRequest) -> HttpResponse:
    """``/people/audit/?who=&action=&since=&until=``: the newest records first."""
    form = AuditForm(request.GET or None)
    wanted = form.cleaned_data if form.is_valid() else {}
    records = read_audit(
        actor=wanted.get("who", ""),
        action=wanted.get("action", ""),
        since=_midnight(request, wanted.get("since")),
        until=_midnight(request, wanted.get("until"), days=1),
    )
    roles = roles_of(request.hospital.id)
    lines = [audit_line(record, roles, request.formats, today=request.today) for record in records]
    context = {"form": form, "lines": lines, "is_full": len(lines) == AUDIT_LIMIT}
    return render(request, "people/audit.html", context)


def _midnight(request: HospitalRequest, day: date | None, *, days: int = 0) -> datetime | None:
    """When ``day`` begins at the hospital, ``days`` later."""
    if day is None:
        return None
    return datetime.combine(day + timedelta(days=days), time(), tzinfo=request.formats.zone)
