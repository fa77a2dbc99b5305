"""Addresses of the pharmacy."""

from __future__ import annotations

from django.urls import path

from almoner.service_points.pharmacy.views import handed_out, prescriptions, stock

urlpatterns = [
    path("", prescriptions.work_list, name="work-list"),
    path("prescriptions/<uuid:prescription_id>/", prescriptions.prescription, name="prescription"),
    path("prescriptions/<uuid:prescription_id>/part/", prescriptions.dispense_part, name="part"),
    path("prescriptions/<uuid:prescription_id>/rest/<int:seen>/", prescriptions.dispense_rest, name="rest"),
    path(
        "prescriptions/<uuid:prescription_id>/lines/<int:line>/substitute/",
        prescriptions.substitute,
        name="substitute",
    ),
    path("handed-out/", handed_out.history, name="history"),
    path("handed-out/<uuid:dispensing_id>/label/", handed_out.label, name="label"),
    path("handed-out/<uuid:dispensing_id>/return/", handed_out.take_back, name="return"),
    path("stock/", stock.stock, name="stock"),
    path("stock/receive/", stock.receive, name="receive"),
    path("stock/<uuid:stock_item_id>/", stock.item, name="stock-item"),
    path("stock/<uuid:stock_item_id>/count/", stock.count, name="count"),
    path("stock/<uuid:stock_item_id>/minimum/", stock.minimum, name="minimum"),
    path("batches/<uuid:batch_id>/adjust/", stock.adjust, name="adjust"),
    path("batches/<uuid:batch_id>/expiry/", stock.expiry, name="expiry"),
]
