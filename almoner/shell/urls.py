"""Addresses: the pages that belong to no room, what pages share, the service points', the API."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path
from django.utils.module_loading import module_has_submodule
from django.views.i18n import set_language

from almoner.kernel.service_points import installed
from almoner.shell.api import api, docs, openapi_json
from almoner.shell.views.day import day
from almoner.shell.views.health import healthz
from almoner.shell.views.workplace import choose_hospital


def _service_points() -> list[URLResolver]:
    """The pages of every service point that has some, under its prefix and in its own namespace."""
    return [
        path(f"{point.url_prefix}/", include((f"{point.name}.urls", point.label)))
        for point in installed()
        if point.module is not None and module_has_submodule(point.module, "urls")
    ]


urlpatterns: list[URLPattern | URLResolver] = [
    path("", day, name="day"),
    path("", include("almoner.shell.accounts.urls")),
    path("hospitals/", choose_hospital, name="choose-hospital"),
    path("language/", set_language, name="language"),
    path("healthz", healthz, name="healthz"),
    path("api/docs", docs, name="api-docs"),
    path("api/v1/openapi.json", openapi_json, name="openapi"),
    path("api/v1/", api.urls),
    path("", include("almoner.pages.urls")),
    path("", include("almoner.portal.urls")),
    path("messages/", include("almoner.messaging.urls")),
    path("policies/", include("almoner.administration.policies.urls")),
    path("ward-charges/", include("almoner.administration.ward_charges.urls")),
    *_service_points(),
]
