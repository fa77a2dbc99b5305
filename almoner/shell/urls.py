"""Addresses of the pages that belong to no room."""

from __future__ import annotations

from django.contrib.auth.views import LogoutView
from django.urls import URLPattern, URLResolver, path

from almoner.shell.api import api, docs, openapi_json
from almoner.shell.views.day import day
from almoner.shell.views.health import healthz
from almoner.shell.views.login import Login, choose_hospital

urlpatterns: list[URLPattern | URLResolver] = [
    path("", day, name="day"),
    path("login/", Login.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("hospitals/", choose_hospital, name="choose-hospital"),
    path("healthz", healthz, name="healthz"),
    path("api/docs", docs, name="api-docs"),
    path("api/v1/openapi.json", openapi_json, name="openapi"),
    path("api/v1/", api.urls),
]
