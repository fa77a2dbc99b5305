"""Letting a patient in: the letter, the page that its link opens, and ending what was given."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from almoner.identity.models import AuditRecord, Membership, User
from almoner.kernel.errors import Conflict, NotFound
from almoner.patients.merging import merge_patients
from almoner.portal import invitations
from almoner.portal.models import PatientInvitation, PatientLogin
from tests.support.day import AT, PASSWORD, BusyDay, make_member
from tests.support.pages import HTMX, member_client, said, text_of, typed

pytestmark = pytest.mark.django_db
EMAIL = "maria@example.org"


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The letter's link is opened on the day on which it was written."""
    monkeypatch.setattr("almoner.portal.views.join.now", lambda: AT)


def dialog_of(day: BusyDay, patient: str = "Maria Silva") -> str:
    return reverse("portal:access", args=[day.patients[patient].id])


def invite(day: BusyDay, email: str = EMAIL, patient: str = "Maria Silva") -> Any:
    client = member_client(day.hospital.id, "receptionist")
    form = client.get(dialog_of(day, patient), headers=HTMX).context["form"]
    return client.post(dialog_of(day, patient), typed(form, email=email), headers=HTMX)


def link_in_letter() -> str:
    found = re.search(r"http://testserver(/me/join/\S+)", str(mail.outbox[-1].body))
    assert found is not None
    return found[1]


def logged_in(email: str = EMAIL) -> Client:
    user = User.objects.filter(email=email).first()
    client = Client()
    client.force_login(user or User.objects.create_user(email, PASSWORD, name="Maria"))
    return client


def actions(day: BusyDay) -> list[str]:
    with day.hospital.transaction():
        records = AuditRecord.objects.filter(action__startswith="patient_access.").order_by("id")
        return [record.action.partition(".")[2] for record in records]


def test_from_the_letter_to_the_own_page(day: BusyDay) -> None:
    assert said(invite(day)) == f"The letter to {EMAIL} is on its way."
    [letter] = mail.outbox
    assert letter.to == [EMAIL] and "Maria" not in str(letter.body) + letter.subject
    newcomer = Client()
    made = newcomer.post(link_in_letter(), {"name": "Maria S.", "password": PASSWORD})
    assert made["Location"].startswith("/login/?next=/me/join/")
    assert newcomer.login(email=EMAIL, password=PASSWORD)
    assert "Open my page" in text_of(newcomer.get(link_in_letter()))
    assert newcomer.post(link_in_letter())["Location"] == "/me/"
    assert "Maria Silva" in text_of(newcomer.get("/", follow=True))
    assert not Membership.objects.filter(user__email=EMAIL).exists()
    assert actions(day) == ["invited", "accepted"]


def test_nothing_tells_whether_an_address_has_an_account(day: BusyDay) -> None:
    """The same answers, step by step, until somebody logs in; and the account stays as it is."""
    make_member(day.hospital.id, "doctor")
    known = User.objects.get(email=f"doctor-{day.hospital.id}@example.org")
    answers = []
    for email in (known.email, "nobody@example.org"):
        dialog = invite(day, email)
        page = Client().get(link_in_letter())
        weak = Client().post(link_in_letter(), {"name": "A", "password": "short"})
        made = Client().post(link_in_letter(), {"name": "A", "password": "another long passphrase"})
        bodies = [re.sub(r"/me/join/[^\"&]+|value=\"[^\"]*\"", "", text_of(one)) for one in (page, weak)]
        answers.append(
            [
                said(dialog).replace(email, ""),
                *(body.replace(email, "") for body in bodies),
                weak.status_code,
                made.status_code,
                made["Location"].partition("join")[0],
                set(made.cookies),
            ]
        )
    assert answers[0] == answers[1]
    known.refresh_from_db()
    assert known.check_password(PASSWORD) and known.name == "Grace Adeyemi"


@pytest.mark.parametrize("wrong", ["used", "withdrawn", "expired", "forged"])
def test_a_link_that_is_not_open_leads_nowhere(day: BusyDay, monkeypatch: Any, wrong: str) -> None:
    invite(day)
    link, client = link_in_letter(), logged_in()
    if wrong == "used":
        client.post(link)
    elif wrong == "withdrawn":
        with day.hospital.transaction():
            asked = PatientInvitation.objects.get()
        address = reverse("portal:withdraw", args=[day.patients["Maria Silva"].id, asked.id])
        member_client(day.hospital.id, "receptionist").post(address, headers=HTMX)
    elif wrong == "expired":
        monkeypatch.setattr("almoner.portal.views.join.now", lambda: AT + timedelta(days=7))
    else:
        link = link[:-3] + "xy/"
    logins = PatientLogin.objects.count()
    for visitor in (client, Client()):
        assert visitor.get(link).status_code == 404
        assert visitor.post(link, {"name": "Eve", "password": PASSWORD}).status_code == 404
    assert PatientLogin.objects.count() == logins
    assert User.objects.filter(name="Eve").count() == 0


def test_the_letter_is_for_its_address_alone(day: BusyDay) -> None:
    invite(day)
    other = logged_in("other@example.org")
    assert "this letter is for maria@example.org" in text_of(other.get(link_in_letter()))
    other.post(link_in_letter())
    with pytest.raises(Conflict):
        token = link_in_letter().split("/")[-2]
        invitations.accept(token, user=User.objects.get(email="other@example.org"), at=AT)
    assert not PatientLogin.objects.exists()


def test_the_latest_letter_counts_and_who_sees_the_record_is_not_asked_again(day: BusyDay) -> None:
    invite(day)
    first = link_in_letter()
    invite(day)
    assert Client().get(first).status_code == 404
    logged_in().post(link_in_letter())
    refused = invite(day)
    assert refused.status_code == 422 and "sees this record already" in text_of(refused)


def test_a_dialog_that_is_sent_twice_invites_once(day: BusyDay) -> None:
    client = member_client(day.hospital.id, "receptionist")
    values = typed(client.get(dialog_of(day), headers=HTMX).context["form"], email=EMAIL)
    for _ in range(2):
        assert client.post(dialog_of(day), values, headers=HTMX).status_code == 200
    other = client.post(dialog_of(day), {**values, "email": "other@example.org"}, headers=HTMX)
    assert other.status_code == 422
    with day.hospital.transaction():
        assert PatientInvitation.objects.count() == 1


def test_access_is_ended_from_the_patients_page(day: BusyDay) -> None:
    invite(day)
    client = logged_in()
    client.post(link_in_letter())
    reception = member_client(day.hospital.id, "receptionist")
    patient = day.patients["Maria Silva"]
    assert dialog_of(day) in reception.get(f"/patients/{patient.id}/").content.decode()
    assert EMAIL in text_of(reception.get(dialog_of(day)))
    address = reverse("portal:end", args=[patient.id, User.objects.get(email=EMAIL).id])
    ended = reception.post(address, headers=HTMX)
    assert ended.status_code == 200 and EMAIL not in text_of(ended)
    assert client.get("/me/").status_code == 403
    assert reception.post(address, headers=HTMX).status_code == 404
    assert actions(day) == ["invited", "accepted", "ended"]


def test_a_letter_about_a_merged_record_leads_to_the_surviving_one(day: BusyDay) -> None:
    invite(day)
    duplicate, survivor = day.patients["Maria Silva"], day.patients["Samuel Osei"]
    merge_patients(
        day.hospital.id, duplicate_id=duplicate.id, survivor_id=survivor.id, actor=day.hospital.actor, at=AT
    )
    assert logged_in().post(link_in_letter())["Location"] == "/me/"
    assert PatientLogin.objects.get().patient_id == survivor.id
    reception = member_client(day.hospital.id, "receptionist")
    assert EMAIL in text_of(reception.get(dialog_of(day, "Maria Silva")))


def test_another_patients_letter_is_not_withdrawn(day: BusyDay) -> None:
    invite(day)
    with day.hospital.transaction():
        asked = PatientInvitation.objects.get()
    with pytest.raises(NotFound):
        invitations.withdraw(
            day.hospital.id, day.patients["John Doe"].id, asked.id, actor=day.hospital.actor, at=AT
        )
