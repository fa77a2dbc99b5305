"""Addresses of the messages to patients: the outbox, the hospital's words, its quiet hours."""

from __future__ import annotations

from django.urls import path

from almoner.pages.patient_messages.views import outbox, wordings
from almoner.pages.patient_messages.views.settings import settings

app_name = "patient_messages"
_PLACE = "wordings/<str:kind>/<slug:channel>/<slug:locale>/"

urlpatterns = [
    path("", outbox.messages, name="messages"),
    path("<uuid:message_id>/", outbox.message, name="message"),
    path("<uuid:message_id>/again/", outbox.again, name="again"),
    path("settings/", settings, name="settings"),
    path("wordings/", wordings.overview, name="wordings"),
    path(_PLACE, wordings.wording, name="wording"),
    path(f"{_PLACE}preview/", wordings.preview, name="preview"),
    path(f"{_PLACE}end/", wordings.end, name="end"),
]
