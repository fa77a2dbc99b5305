"""The patient's page."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from almoner.pages.live import live_page
from almoner.pages.patient_contact import contact_card
from almoner.pages.patient_file import find_patient, read_patient_file
from almoner.pages.patient_page import patient_links, photo_url, present_patient
from almoner.pages.staff import HospitalRequest, hospital_view
from almoner.patients.operations import PERMISSION_REGISTER


@require_safe
@hospital_view()
def patient(request: HospitalRequest, patient_id: UUID) -> HttpResponse:
    """``/patients/ID/``: how the patient stands and what led to it. A merged record leads to the surviving one."""
    found = find_patient(patient_id)
    if found.merged_into_id is not None:
        return redirect("patient", found.merged_into_id)
    read = read_patient_file(found, actor=request.actor, at=request.at)
    page = present_patient(read, request.formats, request.actor, today=request.today)
    context = {
        "page": page,
        "links": patient_links(request.actor, found.id),
        "photo_url": "" if request.htmx else photo_url(found.id),
        "may_register": request.actor.may(PERMISSION_REGISTER),
        "patient_id": found.id,
        "contact": contact_card(found, request.actor, request.formats, today=request.today),
    }
    return live_page(request, "patients/page.html", "patients/content.html", context)
