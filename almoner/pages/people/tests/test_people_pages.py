"""The pages of the staff, their roles and the audit trail; the letter and the page that its link opens."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

import pytest
from allauth.mfa.models import Authenticator
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from almoner.identity.models import Invitation, StaffMember, User
from almoner.pages import people
from tests.support.day import AT, PASSWORD, BusyDay, make_member
from tests.support.hospital import make_hospital
from tests.support.pages import HTMX, member_client, said, templates_of, text_of, typed

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The letter's link is opened on the day on which it was written."""
    monkeypatch.setattr("almoner.pages.people.views.invitations.now", lambda: AT)


def administrator(day: BusyDay) -> Client:
    return member_client(day.hospital.id, "administrator")


def a_member(day: BusyDay, role: str = "cashier") -> User:
    return make_member(day.hospital.id, role, name=f"A {role}")


def invite(day: BusyDay, client: Client, email: str = "new@example.org", **fields: object) -> Any:
    form = client.get(reverse("people:invite"), headers=HTMX).context["form"]
    wanted = {"email": email, "roles": ["cashier"], **fields}
    return client.post(reverse("people:invite"), typed(form, **wanted), headers=HTMX)


def link_in_letter() -> str:
    found = re.search(r"http://testserver(/people/join/\S+)", str(mail.outbox[-1].body))
    assert found is not None
    return found[1]


# Inviting


def test_whoever_is_invited_opens_the_letters_link_chooses_a_password_and_is_in(day: BusyDay) -> None:
    invited = invite(day, administrator(day), departments=["cardiology"])
    assert invited["HX-Redirect"] == "/people/"
    [letter] = mail.outbox
    assert letter.to == ["new@example.org"] and "St. Brigid Hospital" in letter.subject
    newcomer = Client()
    page = newcomer.get(link_in_letter())
    assert "new@example.org" in text_of(page) and "Cashier" in text_of(page)
    short = newcomer.post(link_in_letter(), {"name": "Nell New", "password": "short"})
    assert "at least 10 characters" in text_of(short) and 'value="Nell New"' in short.content.decode()
    newcomer.post(link_in_letter(), {"name": "Nell New", "password": PASSWORD})
    assert newcomer.get("/cashier/").status_code == 200
    assert newcomer.get("/people/").status_code == 403
    assert Client().get(link_in_letter()).status_code == 404


def test_who_works_elsewhere_logs_in_and_joins(day: BusyDay) -> None:
    elsewhere = make_member(make_hospital().id, "doctor")
    invite(day, administrator(day), elsewhere.email)
    client = Client()
    page = client.get(link_in_letter())
    assert "You have an account already" in text_of(page)
    refused = client.post(link_in_letter(), {"name": "Thief", "password": PASSWORD})
    assert refused.status_code == 200 and "has a user already" in text_of(refused)
    client.force_login(elsewhere)
    assert client.post(link_in_letter())["Location"] == "/"
    assert client.get("/cashier/").status_code == 200


def test_a_second_invitation_is_refused_at_the_field_and_a_letter_can_be_sent_again_or_withdrawn(
    day: BusyDay,
) -> None:
    client = administrator(day)
    invite(day, client)
    again = invite(day, client)
    assert again.status_code == 422 and "is invited already" in again.context["form"].errors["email"][0]
    with day.hospital.transaction():
        id = Invitation.objects.get().id
    client.post(reverse("people:send-again", args=[id]), headers=HTMX)
    assert len(mail.outbox) == 2
    client.post(reverse("people:withdraw", args=[id]), headers=HTMX)
    assert Client().get(link_in_letter()).status_code == 404
    assert client.post(reverse("people:send-again", args=[id]), headers=HTMX).status_code == 404


def test_a_letter_that_cannot_be_sent_says_so_and_the_invitation_stays(
    day: BusyDay, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr("almoner.pages.people.letters.send_mail", refuse)
    client = administrator(day)
    assert "could not be sent" in said(invite(day, client))
    assert "new@example.org" in text_of(client.get("/people/"))


# Changing


def test_access_is_changed_on_the_persons_page_and_shown_there(day: BusyDay) -> None:
    client, user = administrator(day), a_member(day)
    address = reverse("people:person", args=[user.id])
    form = client.get(address).context["form"]
    saved = client.post(address, typed(form, roles=["doctor"], departments=["cardiology"]), headers=HTMX)
    assert saved["HX-Redirect"] == address
    page = text_of(client.get(address))
    assert "Saved" in page and "Access changed" in page and "Cashier → Doctor" in page
    empty = client.post(address, typed(form, roles=[]), headers=HTMX)
    assert empty.status_code == 422 and "at least one role" in text_of(empty)


def test_who_is_suspended_is_refused_at_the_next_page_and_let_in_again(day: BusyDay) -> None:
    client, user = administrator(day), a_member(day)
    theirs = Client()
    theirs.force_login(user)
    assert theirs.get("/cashier/").status_code == 200
    client.post(reverse("people:suspend", args=[user.id]), headers=HTMX)
    assert theirs.get("/cashier/")["Location"] == "/hospitals/"
    assert "Suspended" in text_of(client.get("/people/"))
    client.post(reverse("people:reactivate", args=[user.id]), headers=HTMX)
    assert theirs.get("/cashier/").status_code == 200


def test_an_administrator_logs_somebody_out_everywhere(day: BusyDay) -> None:
    client, user = administrator(day), a_member(day)
    theirs = Client()
    theirs.post("/login/", {"login": user.email, "password": PASSWORD})
    assert theirs.get("/cashier/").status_code == 200
    assert len(client.get(reverse("people:person", args=[user.id])).context["sessions"]) == 1
    assert "1 session ended" in said(client.post(reverse("people:log-out", args=[user.id]), headers=HTMX))
    assert theirs.get("/cashier/").status_code == 302


def test_a_lost_second_factor_is_forgotten_on_the_persons_page(day: BusyDay) -> None:
    client, user = administrator(day), a_member(day)
    Authenticator.objects.create(user=user, type="totp", data={})
    assert "Forget it" in text_of(client.get(reverse("people:person", args=[user.id])))
    client.post(reverse("people:reset-second-factor", args=[user.id]), headers=HTMX)
    page = text_of(client.get(reverse("people:person", args=[user.id])))
    assert "Forget it" not in page and "Second factor reset" in page


def test_a_doctors_queue_opens_with_the_doctors_own_department(day: BusyDay) -> None:
    user = a_member(day, "doctor")
    StaffMember.objects.create(hospital_id=day.hospital.id, user=user, departments=["cardiology", "pharmacy"])
    doctor = Client()
    doctor.force_login(user)
    page = doctor.get(reverse("consultation:queue"))
    assert page.context["one_department"]
    assert not doctor.get(reverse("consultation:queue") + "?department=").context["one_department"]


# Roles


def change_role(client: Client, code: str, permissions: set[str]) -> Any:
    address = reverse("people:role", args=[code])
    form = client.get(address).context["form"]
    return client.post(address, typed(form, permissions=sorted(permissions)), headers=HTMX)


def test_changing_a_role_changes_page_button_and_operation_at_once(day: BusyDay) -> None:
    """The doctor loses the override and the cashier gets it: the button, the dialog and what is said follow."""
    client = administrator(day)
    doctor, cashier = (member_client(day.hospital.id, role) for role in ("doctor", "cashier"))
    visit = day.visits["Maria Silva"]
    override = reverse("step-override", args=["consultation.start", visit.id])
    assert (doctor.get(override).status_code, cashier.get(override).status_code) == (200, 403)
    before = client.get(reverse("people:role", args=["doctor"])).context["form"].initial["permissions"]
    change_role(client, "doctor", set(before) - {"enforcement.override"})
    change_role(client, "cashier", {"payments.record", "hospitals.read", "enforcement.override"})
    assert (doctor.get(override).status_code, cashier.get(override).status_code) == (403, 200)
    assert doctor.post(override, {"reason": "Now"}).status_code == 403
    bar = text_of(doctor.get(reverse("consultation:visit", args=[visit.id])))
    assert "This is done by: Hospital manager, Cashier, Administrator." in bar
    assert "Cashier, Administrator" in text_of(doctor.get(override))


def test_a_role_of_our_own_is_added_with_a_title_and_refused_without(day: BusyDay) -> None:
    client = administrator(day)
    form = client.get(reverse("people:new-role")).context["form"]
    refused = client.post(reverse("people:new-role"), typed(form, title="Cashier"), headers=HTMX)
    assert refused.status_code == 422 and "such a role already" in text_of(refused)
    sent = typed(form, title="Night desk", permissions=["payments.record"])
    assert client.post(reverse("people:new-role"), sent, headers=HTMX)["HX-Redirect"] == "/people/roles/"
    assert "Night desk" in text_of(client.get(reverse("people:roles")))
    night = member_client(day.hospital.id, "night_desk")
    assert night.get("/cashier/").status_code == 200 and "Night desk" in text_of(night.get("/cashier/"))
    gone = client.post(reverse("people:remove-role", args=["night_desk"]), headers=HTMX)
    assert gone.status_code == 409 and "Somebody has this role" in said(gone)


# What was done


def test_the_audit_page_filters_by_person_kind_and_day_in_one_statement(day: BusyDay) -> None:
    client, user = administrator(day), a_member(day)
    client.post(reverse("people:suspend", args=[user.id]), headers=HTMX)
    change_role(client, "cashier", {"payments.record"})
    for query, shown, hidden in [
        ("", "Suspended", "nothing hidden"),
        ("?action=role.", "Role changed", "Suspended"),
        ("?who=nobody-at-all", "Nothing of the kind", "Suspended"),
        ("?since=2026-03-02&until=2026-03-02", "Suspended", "Nothing of the kind"),
        ("?since=2026-03-03", "Nothing of the kind", "Suspended"),
    ]:
        with CaptureQueriesContext(connection) as statements:
            page = text_of(client.get(reverse("people:audit") + query))
        assert shown in page and hidden not in page, query
        assert len([one for one in statements if "identity_auditrecord" in one["sql"]]) == 1


def test_pages_take_at_most_twelve_statements_and_every_template_is_drawn(
    day: BusyDay, rendered: set[str]
) -> None:
    client, user = administrator(day), a_member(day)
    invite(day, client)
    for address in ("staff", "roles", "new-role", "audit"):
        with CaptureQueriesContext(connection) as statements:
            assert client.get(reverse(f"people:{address}")).status_code == 200
        assert len(statements) <= 12, (address, [one["sql"] for one in statements])
    with CaptureQueriesContext(connection) as statements:
        client.get(reverse("people:person", args=[user.id]))
    assert len(statements) <= 12, [one["sql"] for one in statements]
    assert "may everything, always" in text_of(client.get(reverse("people:role", args=["administrator"])))
    Client().get(link_in_letter())
    Client().get("/people/join/no-such-token/")
    assert templates_of(people) - rendered == set()


def test_another_hospitals_people_and_roles_are_not_there(day: BusyDay) -> None:
    stranger: UUID = make_member(make_hospital().id, "doctor").id
    client = administrator(day)
    for name in ("person", "suspend", "reactivate", "log-out"):
        method = "GET" if name == "person" else "POST"
        answer = client.generic(method, reverse(f"people:{name}", args=[stranger]), headers=HTMX)
        assert answer.status_code == 404, name
    assert client.get(reverse("people:role", args=["nobodys_role"])).status_code == 404
    assert str(stranger) not in client.get(reverse("people:staff")).content.decode()
