"""How a patient is reached, and by which channels they want no messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from almoner.kernel.tenancy import transaction
from almoner.messaging.models import Channel
from almoner.messaging.operations import (
    MAXIMUM_PHONE,
    PERMISSION_CONTACT,
    opt_in,
    opt_out,
    set_contact,
)
from almoner.messaging.queries import opt_outs_of
from almoner.pages.answers import done
from almoner.pages.forms import StaffForm, sent
from almoner.pages.staff import HospitalRequest, hospital_view
from almoner.patients.models import Patient
from almoner.patients.operations import surviving

INVALID = 422


class ContactForm(StaffForm):
    """Where a patient is reached, in which language, and by which channels."""

    fields_of_errors: ClassVar[Mapping[str, str]] = {"patient_id": ""}
    phone = forms.CharField(
        label=gettext_lazy("Phone"),
        max_length=MAXIMUM_PHONE,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "tel"}),
    )
    email = forms.CharField(
        label=gettext_lazy("Email"),
        max_length=254,
        required=False,
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )
    language = forms.ChoiceField(label=gettext_lazy("Language"), required=False)
    by_email = forms.BooleanField(label=gettext_lazy("Wants reminders by email"), required=False)
    by_sms = forms.BooleanField(label=gettext_lazy("Wants reminders by SMS"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [("", _("the hospital's")), *settings.LANGUAGES]
        self.fields["language"].choices = choices  # type: ignore[attr-defined]


@require_http_methods(["GET", "POST"])
@hospital_view(PERMISSION_CONTACT)
def contact(request: HospitalRequest, patient_id: UUID) -> HttpResponse:
    """A dialog: ``/patients/ID/contact/``."""
    with transaction(request.hospital.id):
        patient = surviving(patient_id)
        standing = opt_outs_of(patient.id)
    initial = {
        "phone": patient.phone,
        "email": patient.email,
        "language": patient.language,
        "by_email": Channel.EMAIL not in standing,
        "by_sms": Channel.SMS not in standing,
    }
    form = ContactForm(sent(request), initial=initial)
    if request.method == "POST" and form.attempt(lambda: _save(request, patient, form)) is not None:
        return done(_("Saved."))
    context = {"form": form, "patient": patient, "action": request.path}
    return render(request, "patients/contact.html", context, status=INVALID if form.errors else 200)


def _save(request: HospitalRequest, patient: Patient, form: ContactForm) -> Patient:
    """All of it or nothing."""
    hospital_id, data = request.hospital.id, form.cleaned_data
    with transaction(hospital_id):
        saved = set_contact(
            hospital_id,
            patient.id,
            phone=data["phone"],
            email=data["email"],
            language=data["language"],
            actor=request.actor,
            at=request.at,
        )
        for channel, wanted in ((Channel.EMAIL, data["by_email"]), (Channel.SMS, data["by_sms"])):
            change = opt_in if wanted else opt_out
            change(hospital_id, patient.id, channel, actor=request.actor, at=request.at)
        return saved
