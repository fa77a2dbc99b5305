"""Addresses of reception and the waiting room."""

from __future__ import annotations

from django.urls import path

from almoner.service_points.checkin import views
from almoner.service_points.checkin.appointments import views as appointments
from almoner.service_points.checkin.merging import views as merging

urlpatterns = [
    path("", views.arrivals, name="arrivals"),
    path("find/", views.find, name="find"),
    path("register/", views.register, name="register"),
    path("duplicates/", views.duplicates, name="duplicates"),
    path("patients/<uuid:patient_id>/", views.patient, name="patient"),
    path("patients/<uuid:patient_id>/fees/", views.fees, name="fees"),
    path("possible-duplicates/", merging.possible_duplicates, name="possible-duplicates"),
    path("patients/<uuid:patient_id>/merge/", merging.choose, name="merge-choose"),
    path("patients/<uuid:patient_id>/merge/<uuid:duplicate_id>/", merging.merge, name="merge"),
    path("appointments/", appointments.calendar, name="appointments"),
    path("appointments/<uuid:appointment_id>/move/", appointments.move_dialog, name="appointment-move"),
    path("appointments/<uuid:appointment_id>/cancel/", appointments.cancel, name="appointment-cancel"),
    path("appointments/<uuid:appointment_id>/missed/", appointments.missed, name="appointment-missed"),
    path("patients/<uuid:patient_id>/appointment/", appointments.new, name="appointment"),
    path("visits/<uuid:encounter_id>/", views.visit, name="visit"),
    path("visits/<uuid:encounter_id>/leave/", views.leave, name="leave"),
    path("waiting-room/", views.waiting_room, name="waiting-room"),
]
