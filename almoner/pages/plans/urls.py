"""Addresses of payment plans."""

from __future__ import annotations

from django.urls import path

from almoner.pages.plans import offers, views

app_name = "plans"
_PLAN = "<uuid:plan_id>/"
_CHANGE = "changes/<uuid:plan_change_id>/"

urlpatterns = [
    path("", views.plans, name="plans"),
    path("preview/", views.preview, name="preview"),
    path("offers/patients/<uuid:patient_id>/", offers.for_patient, name="offer-patient"),
    path("offers/visits/<uuid:encounter_id>/", offers.for_visit, name="offer-visit"),
    path(_PLAN, views.plan, name="plan"),
    path(f"{_PLAN}pay/", offers.pay, name="pay"),
    path(f"{_PLAN}settle/", offers.settle, name="settle"),
    path(f"{_PLAN}agreement/", views.agreement, name="agreement"),
    path(f"{_PLAN}cancel/", views.cancel, name="cancel"),
    path(f"{_PLAN}change/", views.change, name="change"),
    path(f"{_CHANGE}approve/", views.approve, name="approve"),
    path(f"{_CHANGE}refuse/", views.refuse, name="refuse"),
]
