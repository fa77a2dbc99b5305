"""What the doctor writes down in a visit: notes, their corrections and versions, diagnoses."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from almoner.kernel.errors import NotFound
from almoner.kernel.tenancy import transaction
from almoner.pages.answers import done
from almoner.pages.forms import sent
from almoner.pages.staff import HospitalRequest, hospital_view
from almoner.patients.diagnoses import PERMISSION_DIAGNOSE, record_diagnosis, withdraw_diagnosis
from almoner.patients.operations import find_encounter
from almoner.service_points.consultation import operations, presenting, queries
from almoner.service_points.consultation.actions import INVALID, shown
from almoner.service_points.consultation.forms import DiagnosisForm, NoteForm
from almoner.service_points.consultation.operations import PERMISSION_CONSULT


@require_POST
@hospital_view(PERMISSION_CONSULT)
def note(request: HospitalRequest, encounter_id: UUID) -> HttpResponse:
    """Write a note."""
    with transaction(request.hospital.id):
        find_encounter(encounter_id)
    form = NoteForm(request.POST, auto_id="note-%s")
    written = form.attempt(
        lambda: operations.write_note(
            request.hospital.id,
            encounter_id,
            text=form.cleaned_data["text"],
            idempotency_key=form.key,
            actor=request.actor,
            at=request.at,
        )
    )
    if written is None:
        return shown(request, "note", encounter_id, form, is_open=True)
    blank = NoteForm(auto_id="note-%s")
    return done(_("The note is saved."), shown(request, "note", encounter_id, blank, is_open=True))


@require_http_methods(["GET", "POST"])
@hospital_view(PERMISSION_CONSULT)
def correct_note(request: HospitalRequest, note_id: UUID) -> HttpResponse:
    """The dialog in which a note gets a further version."""
    with transaction(request.hospital.id):
        found = operations.find_note(note_id)
    form = NoteForm(sent(request), initial={"text": found.text}, auto_id="correct-%s")
    if request.method == "POST":
        corrected = form.attempt(
            lambda: operations.correct_note(
                request.hospital.id,
                note_id,
                text=form.cleaned_data["text"],
                idempotency_key=form.key,
                actor=request.actor,
                at=request.at,
            )
        )
        if corrected is not None:
            return done(_("The note is corrected. What it said before can still be read."))
    context = {"form": form, "note": presenting.note_version(found, request.formats)}
    return render(request, "consultation/correct_note.html", context, status=INVALID if form.errors else 200)


@require_safe
@hospital_view(PERMISSION_CONSULT)
def note_versions(request: HospitalRequest, note_id: UUID) -> HttpResponse:
    """The dialog that shows what a note said, and before that."""
    versions = queries.note_versions(note_id)
    if not versions:
        raise NotFound(_("There is no such note."), field="note_id", code="unknown_note")
    context = {"versions": [presenting.note_version(one, request.formats) for one in versions]}
    return render(request, "consultation/note_versions.html", context)


@require_POST
@hospital_view(PERMISSION_DIAGNOSE)
def diagnosis(request: HospitalRequest, encounter_id: UUID) -> HttpResponse:
    """Record a diagnosis."""
    with transaction(request.hospital.id):
        find_encounter(encounter_id)
    form = DiagnosisForm(request.POST, auto_id="diagnosis-%s")
    recorded = form.attempt(
        lambda: record_diagnosis(
            request.hospital.id,
            encounter_id,
            text=form.cleaned_data["text"],
            code=form.cleaned_data["code"],
            idempotency_key=form.key,
            actor=request.actor,
            at=request.at,
        )
    )
    if recorded is None:
        return shown(request, "diagnosis", encounter_id, form, is_open=True)
    blank = DiagnosisForm(auto_id="diagnosis-%s")
    return done(
        _("The diagnosis is recorded."), shown(request, "diagnosis", encounter_id, blank, is_open=True)
    )


@require_POST
@hospital_view(PERMISSION_DIAGNOSE)
def withdraw(request: HospitalRequest, diagnosis_id: UUID) -> HttpResponse:
    """Say that a diagnosis does not stand."""
    withdraw_diagnosis(request.hospital.id, diagnosis_id, actor=request.actor, at=request.at)
    return done(_("The diagnosis is withdrawn. It stays readable in the visit."))
