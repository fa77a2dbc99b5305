"""Addresses of the doctor's pages."""

from __future__ import annotations

from django.urls import path

from almoner.service_points.consultation import actions, chart, views

_VISIT = "visits/<uuid:encounter_id>/"

urlpatterns = [
    path("", views.queue, name="queue"),
    path(_VISIT, views.visit, name="visit"),
    path(f"{_VISIT}call/", actions.call, name="call"),
    path(f"{_VISIT}start/", actions.start, name="start"),
    path(f"{_VISIT}equipment/", actions.equipment, name="equipment"),
    path(f"{_VISIT}notes/", chart.note, name="note"),
    path(f"{_VISIT}tests/", actions.tests, name="tests"),
    path(f"{_VISIT}prescriptions/", actions.prescription, name="prescription"),
    path(f"{_VISIT}services/", actions.services, name="services"),
    path(f"{_VISIT}admission/", actions.admission, name="admission"),
    path(f"{_VISIT}finish/", actions.finish, name="finish"),
    path("visits/<uuid:encounter_id>/referral/", actions.referral, name="referral"),
    path(f"{_VISIT}diagnoses/", chart.diagnosis, name="diagnosis"),
    path("notes/<uuid:note_id>/correction/", chart.correct_note, name="correct-note"),
    path("notes/<uuid:note_id>/versions/", chart.note_versions, name="note-versions"),
    path("diagnoses/<uuid:diagnosis_id>/withdrawal/", chart.withdraw, name="withdraw-diagnosis"),
    path("referrals/<uuid:referral_id>/", views.letter, name="letter"),
]
