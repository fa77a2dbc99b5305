"""The section about messages: what it says is in force, what it does not speak of stays."""

from __future__ import annotations

from datetime import date, time

import pytest

from almoner.hospitals.models import Hospital
from almoner.interop.hospital_file.operations import check, export, load
from almoner.kernel.actor import system
from almoner.kernel.tenancy import transaction
from almoner.messaging.operations import set_rules, write_wording
from almoner.messaging.queries import read_rules, wordings_in_force
from almoner.messaging.rules import DEFAULTS, MessagingRules, QuietHours
from almoner.messaging.texts import Words
from tests.support.hospital import NOON

STAFF = system("test")
FILE = """
hospital: {slug: lakeview, name: Lakeview, currency: USD, time_zone: UTC}
"""
MESSAGING = """
messaging:
  quiet_hours: {from: "21:00", until: "08:00"}
  channels: [sms, email]
  days_before: [3, 7]
  days_after: [14, 2]
  wordings:
    - kind: balance.overdue
      channel: email
      locale: en
      starts_on: 2026-01-01
      subject: "Your bill of {{ day }}"
      text: |
        Dear patient,

        please bring {{ amount }}.
    - {kind: balance.overdue, channel: email, locale: en, starts_on: 2026-06-01}
"""


def loaded(text: str) -> Hospital:
    return Hospital.objects.get(id=load(text, actor=STAFF, at=NOON).hospital_id)


def subjects(hospital: Hospital, on: date) -> list[str]:
    with transaction(hospital.id):
        return [row.subject for row in wordings_in_force(on).values()]


@pytest.mark.django_db
def test_what_the_file_says_is_in_force_and_exported_again() -> None:
    hospital = loaded(FILE + MESSAGING)
    with transaction(hospital.id):
        assert read_rules() == MessagingRules(
            QuietHours(time(21), time(8)), ("sms", "email"), (7, 3), (2, 14)
        )
    assert subjects(hospital, date(2026, 5, 31)) == ["Your bill of {{ day }}"]
    assert subjects(hospital, date(2026, 6, 1)) == []
    exported = export(hospital.slug)
    assert "please bring {{ amount }}." in exported
    assert not load(exported, actor=STAFF, at=NOON).plan.changes
    assert not load(FILE, actor=STAFF, at=NOON).plan.changes


@pytest.mark.django_db
def test_what_staff_wrote_is_exported_and_stays_when_the_file_does_not_speak_of_it() -> None:
    hospital = loaded(FILE)
    assert "messaging" not in export(hospital.slug)
    write_wording(
        hospital.id,
        kind="balance.due_soon",
        channel="sms",
        locale="es",
        words=Words("Pague {{ amount }}"),
        starts_on=NOON.date(),
        actor=STAFF,
        at=NOON,
    )
    set_rules(hospital.id, MessagingRules(channels=("sms",)), actor=STAFF, at=NOON)
    exported = export(hospital.slug)
    assert "Pague {{ amount }}" in exported
    assert not load(exported, actor=STAFF, at=NOON).plan.changes
    loaded(FILE + "messaging: {days_after: [5]}")
    with transaction(hospital.id):
        assert read_rules() == MessagingRules(None, DEFAULTS.channels, DEFAULTS.days_before, (5,))
        assert len(wordings_in_force(NOON.date())) == 1


@pytest.mark.parametrize(
    ("instead_of", "write", "problem"),
    [
        ('"08:00"', '"21:00"', "Quiet hours end at another time than they begin."),
        ('"08:00"', '"25:00"', "Expected a time of the day such as 21:00"),
        ("[sms, email]", "[pigeon]", "Expected one of email, sms"),
        ("[sms, email]", "[sms, sms]", "Expected each channel once."),
        ("[sms, email]", "[]", "Choose by which way"),
        ("[14, 2]", "[0]", "Expected a whole number from 1 to 90"),
        ("[14, 2]", "[2, 2]", "Expected every number of days once."),
        ("kind: balance.overdue\n", "kind: balance.over\n", "Expected one of balance.due_soon"),
        ("locale: en\n", "locale: xx\n", "Expected one of en"),
        ("{{ amount }}", "{{ amuont }}", "Did you mean {{ amount }}?"),
        ('      subject: "Your bill of {{ day }}"\n', "", "A subject has 1 to 150 characters."),
        ("starts_on: 2026-06-01", "starts_on: 2026-01-01", "stands in line"),
        ("starts_on: 2026-06-01", "subject: Bill", "Expected a text beside the subject."),
    ],
)
def test_what_cannot_be_is_refused_at_its_line(instead_of: str, write: str, problem: str) -> None:
    text = MESSAGING.replace(instead_of, write)
    assert text != MESSAGING
    found = check(FILE + text)
    assert any(problem in str(one) for one in found), found
