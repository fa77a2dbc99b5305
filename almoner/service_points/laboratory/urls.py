"""Addresses of the laboratory."""

from __future__ import annotations

from django.urls import path

from almoner.service_points.laboratory import views

urlpatterns = [
    path("", views.work_list, name="work-list"),
    path("done/", views.done_orders, name="done"),
    path("orders/<uuid:order_id>/", views.order, name="order"),
    path("orders/<uuid:order_id>/process/", views.process, name="process"),
    path("orders/<uuid:order_id>/results/", views.results, name="results"),
    path("orders/<uuid:order_id>/report/", views.report, name="report"),
    path("orders/<uuid:order_id>/tests/<uuid:order_line_id>/range/", views.reference_range, name="range"),
]
