"""The search in the bar of every page."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from almoner.kernel.service_points import finders
from almoner.pages.search import MAXIMUM_LENGTH, find_patients
from almoner.pages.staff import HospitalRequest, hospital_view


@require_safe
@hospital_view()
def search(request: HospitalRequest) -> HttpResponse:
    """``/search/?q=words``: the page of the one thing or patient that is meant. With htmx: the list under the field."""
    words = request.GET.get("q", "").replace("\x00", "")[:MAXIMUM_LENGTH].strip()
    found_there = (find(words, request.actor) for find in finders()) if words else ()
    address = next((address for address in found_there if address), "")
    if address and not request.htmx:
        return redirect(address)
    found = find_patients(words) if words else []
    if len(found) == 1 and not request.htmx:
        return redirect("patient", found[0].patient_id)
    lines = [
        {
            "url": reverse("patient", args=[one.patient_id]),
            "name": one.name,
            "mrn": one.mrn,
            "born": request.formats.day(one.birth_date) if one.birth_date else "",
            "phone": one.phone,
            "by": one.by if one.by != one.mrn else "",
        }
        for one in found
    ]
    template = "search/results.html" if request.htmx else "search/page.html"
    return render(request, template, {"lines": lines, "words": words, "address": address})
