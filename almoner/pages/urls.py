"""Addresses of what pages share."""

from __future__ import annotations

from django.urls import include, path

from almoner.pages.live import changes
from almoner.pages.views import disputes, photo, steps
from almoner.pages.views.contact import contact
from almoner.pages.views.patient import patient
from almoner.pages.views.search import search
from almoner.pages.views.session import session_renewed

_STEP = "steps/<str:step>/<uuid:encounter_id>/"
_ORDER_STEP = "steps/<str:step>/<uuid:encounter_id>/<uuid:order_id>/"

urlpatterns = [
    path("changes/<str:ticket>", changes, name="changes"),
    path("cashier/", include("almoner.pages.cashier.urls")),
    path("plans/", include("almoner.pages.plans.urls")),
    path("work/", include("almoner.pages.work_lists.urls")),
    path("estimates/", include("almoner.pages.estimates.urls")),
    path("messages/", include("almoner.pages.patient_messages.urls")),
    path("people/", include("almoner.pages.people.urls")),
    path("search/", search, name="search"),
    path("session/", session_renewed, name="session-renewed"),
    path("patients/<uuid:patient_id>/", patient, name="patient"),
    path("patients/<uuid:patient_id>/contact/", contact, name="patient-contact"),
    path("patients/<uuid:patient_id>/photo/", photo.photo, name="patient-photo"),
    path("patients/<uuid:patient_id>/photo/take/", photo.take_photo, name="patient-photo-take"),
    path("patients/<uuid:patient_id>/photo/remove/", photo.remove, name="patient-photo-remove"),
    path("charges/<uuid:charge_item_id>/dispute/", disputes.dispute, name="charge-dispute"),
    path("charges/<uuid:charge_item_id>/resolve/", disputes.resolve, name="charge-resolve"),
    path(f"{_STEP}pay/", steps.pay, name="step-pay"),
    path(f"{_STEP}plan/", steps.plan, name="step-plan"),
    path(f"{_STEP}override/", steps.override, name="step-override"),
    path(f"{_ORDER_STEP}pay/", steps.pay, name="order-step-pay"),
    path(f"{_ORDER_STEP}plan/", steps.plan, name="order-step-plan"),
    path(f"{_ORDER_STEP}override/", steps.override, name="order-step-override"),
]
