"""Addresses of the pharmacy."""

from __future__ import annotations

from django.urls import path

from almoner.service_points.pharmacy import views

urlpatterns = [
    path("", views.work_list, name="work-list"),
    path("handed-out/", views.history, name="history"),
    path("prescriptions/<uuid:prescription_id>/", views.prescription, name="prescription"),
    path("prescriptions/<uuid:prescription_id>/part/", views.dispense_part, name="part"),
    path("prescriptions/<uuid:prescription_id>/rest/<int:seen>/", views.dispense_rest, name="rest"),
]
