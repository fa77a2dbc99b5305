"""Addresses of reception and the waiting room."""

from __future__ import annotations

from django.urls import path

from almoner.service_points.checkin import views

urlpatterns = [
    path("", views.arrivals, name="arrivals"),
    path("find/", views.find, name="find"),
    path("register/", views.register, name="register"),
    path("duplicates/", views.duplicates, name="duplicates"),
    path("patients/<uuid:patient_id>/", views.patient, name="patient"),
    path("patients/<uuid:patient_id>/fees/", views.fees, name="fees"),
    path("visits/<uuid:encounter_id>/", views.visit, name="visit"),
    path("visits/<uuid:encounter_id>/leave/", views.leave, name="leave"),
    path("waiting-room/", views.waiting_room, name="waiting-room"),
]
