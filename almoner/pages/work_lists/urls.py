"""Addresses of the billing office's work lists."""

from __future__ import annotations

from django.urls import path

from almoner.pages.work_lists.views import overrides

app_name = "work_lists"
_OVERRIDE = "overrides/<uuid:override_id>/"
_DECISION = "decisions/<uuid:decision_id>/"

urlpatterns = [
    path("overrides/", overrides.overrides, name="overrides"),
    path(_OVERRIDE, overrides.override, name="override"),
    path(f"{_OVERRIDE}review/", overrides.review, name="override-review"),
    path(f"{_OVERRIDE}revoke/", overrides.revoke, name="override-revoke"),
    path("decisions/", overrides.held, name="held"),
    path(_DECISION, overrides.decision, name="decision"),
    path(f"{_DECISION}override/", overrides.apply_override, name="decision-override"),
]
