"""Addresses of the billing office's work lists."""

from __future__ import annotations

from django.urls import path

from almoner.pages.work_lists.views import lists, overrides

app_name = "work_lists"
_OVERRIDE = "overrides/<uuid:override_id>/"
_CHARGE = "charges/<uuid:charge_item_id>/"
_DECISION = "decisions/<uuid:decision_id>/"

urlpatterns = [
    path("unpriced/", lists.unpriced, name="unpriced"),
    path("unbilled/", lists.unbilled, name="unbilled"),
    path("undelivered/", lists.undelivered, name="undelivered"),
    path("late/", lists.late, name="late"),
    path(f"{_CHARGE}price/", lists.price, name="price"),
    path(f"{_CHARGE}deliver/", lists.deliver, name="deliver"),
    path(f"{_CHARGE}cancel/", lists.cancel, name="cancel"),
    path("unbilled/<str:subject>/charge/", lists.charge, name="charge"),
    path("unbilled/<str:subject>/no-charge/", lists.no_charge, name="no-charge"),
    path("late/<uuid:event_id>/review/", lists.late_review, name="late-review"),
    path("overrides/", overrides.overrides, name="overrides"),
    path(_OVERRIDE, overrides.override, name="override"),
    path(f"{_OVERRIDE}review/", overrides.review, name="override-review"),
    path(f"{_OVERRIDE}revoke/", overrides.revoke, name="override-revoke"),
    path("decisions/", overrides.held, name="held"),
    path(_DECISION, overrides.decision, name="decision"),
    path(f"{_DECISION}override/", overrides.apply_override, name="decision-override"),
]
