"""The pages of messages: what failed stands first and goes again, words are tried and saved, quiet hours are set."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from almoner.messaging.delivery import send_due
from almoner.messaging.kinds import message_kinds
from almoner.messaging.models import Channel, Message
from almoner.messaging.outbox import write_reminders
from almoner.messaging.queries import opt_outs_of, read_rules, wordings_in_force
from almoner.messaging.texts import check_words, shipped_words
from almoner.pages import patient_messages as room
from almoner.patients.models import Patient
from tests.support.day import AT, BusyDay
from tests.support.hospital import enforce
from tests.support.outbox import Post
from tests.support.pages import HTMX, member_client, said, templates_of, text_of, typed

LATER = AT + timedelta(days=8)
HOME, SETTINGS = "/messages/", "/messages/settings/"
PLACE = {"kind": "balance.overdue", "channel": "email", "locale": "en"}


@pytest.fixture
def billing(day: BusyDay) -> Client:
    return member_client(day.hospital.id, "billing_staff")


@pytest.fixture
def outbox(day: BusyDay, monkeypatch: pytest.MonkeyPatch) -> list[Message]:
    """A week later: what is overdue was written; it was sent to Maria Silva, and to nobody else."""
    monkeypatch.setattr("almoner.pages.staff.now", lambda: LATER)
    enforce(day.hospital, "hospital", service_policies={"payment_reminders": "enabled"})
    with day.hospital.transaction():
        Patient.objects.filter(id=day.patients["Maria Silva"].id).update(email="maria@example.org")
    written = write_reminders(day.hospital.id, at=LATER)
    send_due(day.hospital.id, at=LATER, senders=Post())
    return written


def fail(day: BusyDay, message: Message) -> None:
    """As if it could not be sent, a day ago."""
    with day.hospital.transaction():
        Message.objects.create(
            hospital_id=day.hospital.id,
            kind=message.kind,
            thing=message.thing,
            step="failed",
            patient_id=message.patient_id,
            channel="sms",
            address="+1 555 0100",
            locale="en",
            amount_minor=7500,
            due_on=message.due_on,
            body="$75.00 has been due since Mar 2.",
            state="failed",
            attempts=6,
            last_error="ConnectionRefusedError: refused",
            written_on=LATER.date() - timedelta(days=1),
            written_at=LATER - timedelta(days=1),
            not_before=LATER,
            finished_at=LATER,
        )


def place(**other: str) -> str:
    return reverse("patient_messages:wording", kwargs={**PLACE, **other})


def test_what_failed_stands_first_is_read_and_goes_again(
    day: BusyDay, billing: Client, outbox: list[Message], rendered: set[str]
) -> None:
    fail(day, next(one for one in outbox if one.address))
    rows = billing.get(HOME).context["rows"]
    assert rows[0].state == "Failed" and rows[0].says == "ConnectionRefusedError: refused"
    assert {row.state for row in rows[1:]} == {"Sent", "Not sent"}
    shown = text_of(billing.get(rows[0].url, headers=HTMX))
    assert "$75.00 has been due since Mar 2." in shown and "32 characters, 1 SMS" in shown
    assert said(billing.post(rows[0].again_url, headers=HTMX)) == "It is tried again within a minute."
    assert "Only a message that failed" in said(billing.post(rows[0].again_url, headers=HTMX))
    assert [row.patient for row in billing.get(f"{HOME}?show=queued").context["rows"]] == ["Maria Silva"]
    assert not billing.get(f"{HOME}?show=failed").context["rows"]
    address = place()
    for url in (SETTINGS, "/messages/wordings/", address):
        assert billing.get(url).status_code == 200
    words = {"subject": "Bill", "body": "Pay {{ amuont }}", "starts_on": "2026-03-10"}
    wrong = billing.post(address, typed(billing.get(address).context["form"], **words), headers=HTMX)
    assert wrong.status_code == 422 and "Did you mean {{ amount }}?" in text_of(wrong)
    preview = reverse("patient_messages:preview", kwargs=PLACE)
    assert "Nothing is known as {{ amuont }}" in text_of(billing.post(preview, words, headers=HTMX))
    form = billing.get(SETTINGS).context["form"]
    assert billing.post(SETTINGS, typed(form, days_after="soon"), headers=HTMX).status_code == 422
    assert templates_of(room) - rendered == set()


@pytest.mark.parametrize("locale", ["en", "es", "hi"])
@pytest.mark.parametrize("channel", Channel.values)
@pytest.mark.parametrize("kind", message_kinds())
def test_every_shipped_wording_can_be_sent(kind: str, channel: str, locale: str) -> None:
    words = shipped_words(kind, channel, locale)
    check_words(channel, words)
    for name in ("hospital", "amount", "day", "reference"):
        assert f"{{{{ {name} }}}}" in words.body, name


def test_the_list_asks_as_often_however_long_it_is(
    day: BusyDay, billing: Client, outbox: list[Message]
) -> None:
    assert len(outbox) > 3
    for url in (HOME, "/messages/wordings/", place(), SETTINGS):
        with CaptureQueriesContext(
            connection,
        ) as asked:
            billing.get(url)
        assert len(asked) <= 12, url


def test_the_hospitals_own_words_are_saved_from_a_day_on_and_given_back(
    day: BusyDay, billing: Client
) -> None:
    words: dict[str, Any] = {
        "subject": "Your bill of {{ day }}",
        "body": "Please bring {{ amount }}.\r\nThank you.",
        "starts_on": "2026-03-02",
    }
    form = billing.get(place()).context["form"]
    assert form.initial["subject"] == "{{ amount }} has been due since {{ day }}"
    late = billing.post(place(), typed(form, **{**words, "starts_on": "2026-03-01"}), headers=HTMX)
    assert late.status_code == 422 and "today or a later day" in text_of(late)
    billing.post(place(), typed(form, **words), headers=HTMX)
    with day.hospital.transaction():
        [own] = wordings_in_force(date(2026, 3, 2)).values()
        assert own.body == "Please bring {{ amount }}.\nThank you."
    assert "own since Mar 2, 2026" in text_of(billing.get("/messages/wordings/"))
    preview = reverse("patient_messages:preview", kwargs=PLACE)
    assert "Please bring $75.00." in text_of(billing.post(preview, words, headers=HTMX))
    billing.post(reverse("patient_messages:end", kwargs=PLACE))
    with day.hospital.transaction():
        assert wordings_in_force(date(2026, 3, 2)) == {}
    assert "The shipped words" in text_of(billing.get(place()))


@pytest.mark.parametrize("other", [{"kind": "unknown"}, {"channel": "pigeon"}, {"locale": "xx"}])
def test_there_are_no_words_for_what_there_is_not(billing: Client, other: dict[str, str]) -> None:
    assert billing.get(place(**other)).status_code == 404


def test_quiet_hours_channels_and_days_are_set(day: BusyDay, billing: Client) -> None:
    form = billing.get(SETTINGS).context["form"]
    half = billing.post(SETTINGS, typed(form, quiet_from="21:00"), headers=HTMX)
    assert half.status_code == 422 and "Enter both times, or none." in text_of(half)
    fields = {"quiet_from": "21:00", "quiet_until": "08:00", "channels": "sms,email", "days_after": "7, 1"}
    answer = billing.post(SETTINGS, typed(form, **fields), headers=HTMX)
    assert answer.headers["HX-Redirect"] == HOME
    with day.hospital.transaction():
        rules = read_rules()
    assert rules.quiet is not None and f"{rules.quiet.starts:%H:%M}-{rules.quiet.ends:%H:%M}" == "21:00-08:00"
    assert (rules.channels, rules.days_before, rules.days_after) == (("sms", "email"), (3,), (1, 7))
    assert billing.get(SETTINGS).context["form"]["days_after"].value() == "1, 7"


def test_reception_says_how_a_patient_is_reached_and_what_they_want(
    day: BusyDay, outbox: list[Message]
) -> None:
    patient = day.patients["Maria Silva"]
    page, dialog = f"/patients/{patient.id}/", f"/patients/{patient.id}/contact/"
    reception = member_client(day.hospital.id, "receptionist")
    form = reception.get(dialog, headers=HTMX).context["form"]
    wrong = reception.post(dialog, typed(form, email="maria"), headers=HTMX)
    assert wrong.status_code == 422 and "name@example.org" in text_of(wrong)
    with day.hospital.transaction():
        assert opt_outs_of(patient.id) == {}
    fields = {"email": "m@example.org", "phone": "+1 555 0100", "language": "es", "by_sms": ""}
    assert said(reception.post(dialog, typed(form, **fields), headers=HTMX)) == "Saved."
    shown = text_of(reception.get(page))
    assert "m@example.org" in shown and "wants none since Mar 10, 2026" in shown and "Español" in shown
    assert "A bill is overdue" not in shown
    assert "A bill is overdue" in text_of(member_client(day.hospital.id, "billing_staff").get(page))
    assert "m@example.org" not in text_of(member_client(day.hospital.id, "laboratory_technician").get(page))
