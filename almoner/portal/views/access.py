"""Letting a patient see their own page, and ending it."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from almoner.kernel.tenancy import transaction
from almoner.pages.answers import done
from almoner.pages.staff import HospitalRequest, hospital_view
from almoner.patients.operations import PERMISSION_REGISTER, surviving
from almoner.portal import invitations
from almoner.portal.forms import InvitePatientForm
from almoner.portal.letters import send_invitation
from almoner.portal.logins import end_access, read_access
from almoner.portal.presenting import present_access

INVALID = 422


@require_http_methods(["GET", "POST"])
@hospital_view(PERMISSION_REGISTER)
def access(request: HospitalRequest, patient_id: UUID) -> HttpResponse:
    """A dialog: who sees the patient's record as their own, and whom to ask."""
    form = InvitePatientForm(request.POST or None)
    if request.method == "POST":
        invitation = form.attempt(
            lambda: invitations.invite(
                request.hospital.id,
                patient_id=patient_id,
                email=form.cleaned_data["email"],
                idempotency_key=form.key,
                actor=request.actor,
                at=request.at,
            )
        )
        if invitation is not None:
            if send_invitation(request, invitation):
                return done(_("The letter to %(email)s is on its way.") % {"email": invitation.email})
            return done(_("The letter could not be sent. Try again in a while."))
    return _dialog(request, patient_id, form)


@require_POST
@hospital_view(PERMISSION_REGISTER)
def end(request: HospitalRequest, patient_id: UUID, user_id: UUID) -> HttpResponse:
    """Somebody sees the record no more; the dialog shows who is left."""
    end_access(request.hospital.id, patient_id, user_id, actor=request.actor, at=request.at)
    return _dialog(request, patient_id, InvitePatientForm())


@require_POST
@hospital_view(PERMISSION_REGISTER)
def withdraw(request: HospitalRequest, patient_id: UUID, patient_invitation_id: UUID) -> HttpResponse:
    """The link in the letter leads nowhere from now on."""
    invitations.withdraw(
        request.hospital.id, patient_id, patient_invitation_id, actor=request.actor, at=request.at
    )
    return _dialog(request, patient_id, InvitePatientForm())


def _dialog(request: HospitalRequest, patient_id: UUID, form: InvitePatientForm) -> HttpResponse:
    with transaction(request.hospital.id):
        patient = surviving(patient_id)
        read = read_access(request.hospital.id, patient.id, at=request.at)
    context = {
        "form": form,
        "patient": patient,
        "access": present_access(patient.id, read, request.formats, today=request.today),
    }
    return render(request, "portal/access.html", context, status=INVALID if form.errors else 200)
