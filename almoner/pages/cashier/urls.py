"""Addresses of the cashier, and the public one that a receipt's code leads to."""

from __future__ import annotations

from django.urls import path

from almoner.pages.cashier import views
from almoner.pages.cashier.views import receipts

app_name = "cashier"
_PAYMENT = "payments/<uuid:payment_id>/"

urlpatterns = [
    path("", views.desk, name="desk"),
    path("find/", views.find, name="find"),
    path("patients/<uuid:patient_id>/", views.account, name="account"),
    path("patients/<uuid:patient_id>/total/", views.total, name="total"),
    path("patients/<uuid:patient_id>/deposit/", views.use_deposit, name="use-deposit"),
    path(_PAYMENT, receipts.receipt, name="receipt"),
    path(f"{_PAYMENT}print/<slug:paper>/", receipts.print_receipt, name="print"),
    path(f"{_PAYMENT}paper/<slug:paper>/", receipts.paper_receipt, name="paper"),
    path(f"{_PAYMENT}void/", receipts.void, name="void"),
    path(f"{_PAYMENT}refund/", receipts.refund, name="refund"),
    path("verify/<str:ticket>/", receipts.verify, name="verify"),
]
