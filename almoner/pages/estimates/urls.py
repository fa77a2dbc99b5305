"""Addresses of the estimates."""

from __future__ import annotations

from django.urls import path

from almoner.pages.estimates import views

app_name = "estimates"

urlpatterns = [
    path("", views.overview, name="overview"),
    path("new/", views.new, name="new"),
    path("<uuid:estimate_id>/", views.estimate, name="estimate"),
    path("<uuid:estimate_id>/paper/", views.paper, name="paper"),
    path("<uuid:estimate_id>/consent/", views.consent, name="consent"),
    path("<uuid:estimate_id>/visit/", views.visit, name="visit"),
]
