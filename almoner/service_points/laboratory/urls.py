"""Addresses of the laboratory."""

from __future__ import annotations

from django.urls import path

from almoner.service_points.laboratory import views
from almoner.service_points.laboratory.views import report, results, samples

_ORDER = "orders/<uuid:order_id>/"
_SAMPLE = f"{_ORDER}samples/<uuid:sample_id>/"

urlpatterns = [
    path("", views.work_list, name="work-list"),
    path("done/", views.done_orders, name="done"),
    path("scan/", views.scan, name="scan"),
    path(_ORDER, views.order, name="order"),
    path(f"{_ORDER}process/", views.process, name="process"),
    path(f"{_ORDER}samples/", samples.collect, name="collect"),
    path(f"{_ORDER}labels/", samples.print_labels, name="labels"),
    path(f"{_SAMPLE}receive/", samples.receive, name="receive"),
    path(f"{_SAMPLE}reject/", samples.reject, name="reject"),
    path(f"{_ORDER}results/", results.enter, name="results"),
    path(f"{_ORDER}results/<uuid:result_id>/tell/", results.tell, name="tell"),
    path(f"{_ORDER}verify/", results.verify, name="verify"),
    path(f"{_ORDER}tests/<uuid:order_line_id>/range/", results.reference_range, name="range"),
    path(f"{_ORDER}report/", report.on_screen, name="report"),
    path(f"{_ORDER}report.pdf", report.as_pdf, name="report-pdf"),
]
