"""Addresses of the payment policies."""

from __future__ import annotations

from django.urls import path

from almoner.administration.policies import views

app_name = "policies"

urlpatterns = [
    path("", views.overview, name="overview"),
    path("find/", views.find, name="find"),
    path("history/", views.history, name="history"),
    path("save/", views.save, name="save"),
    path("<slug:scope>/", views.block, name="hospital"),
    path("<slug:scope>/<slug:subject>/", views.block, name="block"),
]
