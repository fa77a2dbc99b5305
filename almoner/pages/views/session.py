"""Where a log-in in another tab ends, when the session of an open page had ended."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from almoner.pages.staff import HospitalRequest, hospital_view


@require_safe
@hospital_view()
def session_renewed(request: HospitalRequest) -> HttpResponse:
    """Says that the other tab can carry on."""
    return render(request, "session_renewed.html")
