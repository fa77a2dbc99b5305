"""Addresses of the cashier, and the public one that a receipt's code leads to."""

from __future__ import annotations

from django.urls import path

from almoner.pages.cashier import views
from almoner.pages.cashier.views import drawers, receipts, refunds, voids

app_name = "cashier"
_PAYMENT = "payments/<uuid:payment_id>/"
_DRAWER = "drawers/<uuid:session_id>/"
_REFUND = "refunds/<uuid:refund_request_id>/"
_VOID = "voids/<uuid:void_request_id>/"

urlpatterns = [
    path("", views.desk, name="desk"),
    path("find/", views.find, name="find"),
    path("patients/<uuid:patient_id>/", views.account, name="account"),
    path("patients/<uuid:patient_id>/total/", views.total, name="total"),
    path("patients/<uuid:patient_id>/deposit/", views.use_deposit, name="use-deposit"),
    path(_PAYMENT, receipts.receipt, name="receipt"),
    path(f"{_PAYMENT}print/<slug:paper>/", receipts.print_receipt, name="print"),
    path(f"{_PAYMENT}paper/<slug:paper>/", receipts.paper_receipt, name="paper"),
    path(f"{_PAYMENT}void/", voids.ask, name="void"),
    path(f"{_VOID}approve/", voids.approve, name="approve-void"),
    path(f"{_VOID}refuse/", voids.refuse, name="refuse-void"),
    path(f"{_PAYMENT}refund/", refunds.refund, name="refund"),
    path(f"{_REFUND}approve/", refunds.approve, name="approve-refund"),
    path(f"{_REFUND}refuse/", refunds.refuse, name="refuse-refund"),
    path("drawers/", drawers.sessions, name="sessions"),
    path("drawers/open/", drawers.open_drawer, name="open-drawer"),
    path("drawers/counted/", drawers.counted, name="counted"),
    path(_DRAWER, drawers.session, name="session"),
    path(f"{_DRAWER}close/", drawers.close, name="close-drawer"),
    path(f"{_DRAWER}move/", drawers.move, name="move-cash"),
    path(f"{_DRAWER}print/<slug:paper>/", drawers.print_session, name="print-session"),
    path(f"{_DRAWER}paper/<slug:paper>/", drawers.paper_session, name="session-paper"),
    path("verify/<str:ticket>/", receipts.verify, name="verify"),
]
