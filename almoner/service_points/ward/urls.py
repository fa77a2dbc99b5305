"""Addresses of the ward."""

from __future__ import annotations

from django.urls import path

from almoner.service_points.ward import correction_pages, views

_ADMISSION = "admissions/<uuid:admission_id>/"

urlpatterns = [
    path("", views.board, name="board"),
    path(_ADMISSION, views.stay, name="stay"),
    path(f"{_ADMISSION}beds/<uuid:bed_id>/", views.assign, name="assign"),
    path(f"{_ADMISSION}transfer/", views.transfer, name="transfer"),
    path(f"{_ADMISSION}correction/", correction_pages.correct, name="correct"),
    path(f"{_ADMISSION}days/", views.charge_days, name="charge-days"),
    path(f"{_ADMISSION}discharge/", views.discharge, name="discharge"),
    path(f"{_ADMISSION}exception/", views.exception, name="exception"),
]
