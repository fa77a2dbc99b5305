"""The patient's photo: seen by the hospital's staff, taken and removed by reception."""

from __future__ import annotations

from uuid import UUID

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import get_conditional_response
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from almoner.kernel.tenancy import transaction
from almoner.pages.answers import go_to
from almoner.pages.forms import StaffForm, sent
from almoner.pages.patient_file import find_patient
from almoner.pages.patient_page import patient_head
from almoner.pages.staff import HospitalRequest, hospital_view
from almoner.patients.operations import PERMISSION_REGISTER
from almoner.patients.photos import MAXIMUM_BYTES, find_photo, photo_fingerprint, remove_photo, set_photo

INVALID = 422


class PhotoForm(StaffForm):
    """A picture from a file or, on a phone or tablet, from the camera."""

    photo = forms.FileField(
        label=gettext_lazy("Picture"),
        widget=forms.FileInput(attrs={"accept": "image/*", "capture": "environment"}),
        help_text=gettext_lazy("JPEG, PNG or WebP, up to 10 MB. Only a small copy is kept."),
    )

    def clean_photo(self) -> bytes:
        """The bytes of the file; of one that is too large, no more than tell so."""
        return bytes(self.cleaned_data["photo"].read(MAXIMUM_BYTES + 1))


@require_safe
@hospital_view()
def photo(request: HospitalRequest, patient_id: UUID) -> HttpResponse:
    """``/patients/ID/photo/``: the picture. A browser keeps it and asks whether it is still the one."""
    found = find_photo(patient_id)
    etag = f'"{found.fingerprint}"'
    response = HttpResponse(bytes(found.image), content_type="image/jpeg")
    response = get_conditional_response(request, etag=etag, response=response) or response
    response["ETag"] = etag
    response["Cache-Control"] = "private, no-cache"
    return response


@require_http_methods(["GET", "POST"])
@hospital_view(PERMISSION_REGISTER)
def take_photo(request: HospitalRequest, patient_id: UUID) -> HttpResponse:
    """The dialog in which a picture is taken or chosen, and an earlier one removed."""
    with transaction(request.hospital.id):
        found = find_patient(patient_id)
        has_photo = bool(photo_fingerprint(patient_id))
    form = PhotoForm(sent(request), request.FILES or None)
    if request.method == "POST":
        taken = form.attempt(
            lambda: set_photo(
                request.hospital.id,
                patient_id,
                data=form.cleaned_data["photo"],
                actor=request.actor,
                at=request.at,
            )
        )
        if taken is not None:
            return go_to(reverse("patient", args=[taken.patient_id]))
    context = {
        "form": form,
        "patient_id": patient_id,
        "has_photo": has_photo,
        "head": patient_head(found, request.formats, today=request.today),
    }
    return render(request, "patients/photo.html", context, status=INVALID if form.errors else 200)


@require_POST
@hospital_view(PERMISSION_REGISTER)
def remove(request: HospitalRequest, patient_id: UUID) -> HttpResponse:
    """Forget the picture."""
    remove_photo(request.hospital.id, patient_id, actor=request.actor, at=request.at)
    return go_to(reverse("patient", args=[patient_id]))
