"""Addresses of the patient's own pages, of the letter's link, and of who lets patients in."""

from __future__ import annotations

from django.urls import path

from almoner.portal.views import access, join, me

app_name = "portal"
_ACCESS = "patients/<uuid:patient_id>/access/"

urlpatterns = [
    path("me/", me.me, name="me"),
    path("me/choose/", me.choose, name="choose"),
    path("me/reminders/", me.reminders, name="reminders"),
    path("me/payments/<uuid:payment_id>/", me.receipt, name="receipt"),
    path("me/join/<str:token>/", join.join, name="join"),
    path(_ACCESS, access.access, name="access"),
    path(f"{_ACCESS}<uuid:user_id>/end/", access.end, name="end"),
    path(f"{_ACCESS}invitations/<uuid:patient_invitation_id>/withdraw/", access.withdraw, name="withdraw"),
]
