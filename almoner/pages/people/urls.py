"""Addresses of the staff, their roles, what was done about access, and of the letter's link."""

from __future__ import annotations

from django.urls import path

from almoner.pages.people.views import audit, invitations, roles, staff

app_name = "people"
_PERSON = "<uuid:user_id>/"
_INVITATION = "invitations/<uuid:invitation_id>/"

urlpatterns = [
    path("", staff.staff, name="staff"),
    path(_PERSON, staff.person, name="person"),
    path(f"{_PERSON}suspend/", staff.suspend, name="suspend"),
    path(f"{_PERSON}reactivate/", staff.reactivate, name="reactivate"),
    path(f"{_PERSON}sessions/end/", staff.log_out, name="log-out"),
    path(f"{_PERSON}second-factor/reset/", staff.reset, name="reset-second-factor"),
    path("invite/", invitations.invite, name="invite"),
    path(f"{_INVITATION}again/", invitations.send_again, name="send-again"),
    path(f"{_INVITATION}withdraw/", invitations.withdraw, name="withdraw"),
    path("join/<str:token>/", invitations.join, name="join"),
    path("roles/", roles.matrix, name="roles"),
    path("roles/new/", roles.new_role, name="new-role"),
    path("roles/<slug:role_code>/", roles.role, name="role"),
    path("roles/<slug:role_code>/remove/", roles.remove, name="remove-role"),
    path("audit/", audit.audit, name="audit"),
]
