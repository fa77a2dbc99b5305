"""The outbox: written once, looked at again before it is sent, tried again when it is not taken."""

from __future__ import annotations

from datetime import date, time, timedelta
from threading import Barrier, Thread
from uuid import UUID

import pytest
from django.core import mail
from django.db import IntegrityError, connection

from almoner.identity.models import AuditRecord
from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict, DomainError, NotFound, PermissionRefused
from almoner.kernel.ids import new_id
from almoner.messaging import outbox
from almoner.messaging.delivery import Delivered, send_due
from almoner.messaging.models import Message, OptOut
from almoner.messaging.operations import (
    end_wording,
    opt_in,
    opt_out,
    send_again,
    set_rules,
    write_wording,
)
from almoner.messaging.rules import LEASE, MAXIMUM_ATTEMPTS, RETRY_MINUTES, MessagingRules, QuietHours
from almoner.messaging.senders import DjangoMail, Outgoing, SendFailed, TerminalSms
from almoner.messaging.stopping import read_stop_ticket, stop_ticket
from almoner.messaging.texts import Words
from almoner.patients.merging import merge_patients
from almoner.patients.models import Patient
from tests.support.hospital import NOON, TestPatient
from tests.support.outbox import Post, Reminding, make_reminding

LATE = NOON + timedelta(days=1, hours=2)
NIGHT = QuietHours(time(21), time(8))


@pytest.fixture
def house(db: None) -> Reminding:
    return make_reminding()


def owing(house: Reminding, **columns: str) -> TestPatient:
    """A patient whose visit owes 75.00 since 2 March, 12:00."""
    patient = house.patient(**columns)
    visit = house.hospital.encounter(patient)
    house.hospital.capture("service.provided", "consultation", encounter=visit)
    return patient


def refusing(reason: str) -> Post:
    def refuse(message: Outgoing) -> None:
        raise SendFailed(reason)

    return Post(happens=refuse)


def test_a_reminder_is_written_once_and_sent_once(house: Reminding) -> None:
    owing(house)
    assert house.write(NOON + timedelta(hours=3)) == []
    assert house.write(LATE) == ["balance.overdue"]
    assert house.write(LATE) == house.write(LATE + timedelta(hours=5)) == []
    assert house.send(LATE) == Delivered(sent=1)
    assert house.send(LATE + timedelta(days=2)) == Delivered()
    [message] = house.messages()
    assert (message.state, message.attempts, message.finished_at) == ("sent", 1, LATE)
    [outgoing] = house.post.taken
    assert (outgoing.id, outgoing.address) == (message.id, "ada@example.org")
    assert outgoing.subject == "$75.00 has been due since Mar 2, 2026"
    assert "Test Hospital" in outgoing.body and "T-00001" in outgoing.body
    assert outgoing.stop_url in outgoing.body


def test_what_was_paid_meanwhile_is_not_sent(house: Reminding) -> None:
    patient = owing(house)
    house.write(LATE)
    house.hospital.pay(patient, 7500, at=LATE)
    assert house.send(LATE) == Delivered(suppressed=1)
    assert house.post.taken == []
    assert [(one.state, one.reason) for one in house.messages()] == [("suppressed", "no_longer_due")]


def test_what_was_paid_in_part_meanwhile_is_sent_as_it_is_now(house: Reminding) -> None:
    patient = owing(house)
    house.write(LATE)
    house.hospital.pay(patient, 5000, at=LATE)
    house.send(LATE)
    assert house.post.taken[0].subject.startswith("$25.00 has been due")
    assert house.messages()[0].amount_minor == 2500


def test_nothing_is_sent_while_it_is_quiet(house: Reminding) -> None:
    owing(house)
    house.rules(NOON, quiet=NIGHT)
    evening, morning = LATE.replace(hour=22), LATE.replace(day=4, hour=8)
    house.write(evening)
    assert house.messages()[0].not_before == morning
    assert house.send(evening) == house.send(morning - timedelta(minutes=1)) == Delivered()
    assert house.send(morning) == Delivered(sent=1)


def test_quiet_hours_that_begin_while_a_message_waits_hold_it(house: Reminding) -> None:
    owing(house)
    house.write(LATE)
    house.rules(LATE, quiet=NIGHT)
    assert house.send(LATE.replace(hour=23)) == Delivered(postponed=1)
    assert house.messages()[0].attempts == 0
    assert house.send(LATE.replace(day=4, hour=8)) == Delivered(sent=1)


@pytest.mark.parametrize(
    ("channels", "columns", "went"),
    [
        (("email", "sms"), {"phone": "+1 555 0100"}, "email ada@example.org"),
        (("sms", "email"), {"phone": "+1 555 0100"}, "sms +1 555 0100"),
        (("sms", "email"), {}, "email ada@example.org"),
        (("email", "sms"), {"email": "", "phone": "+1 555 0100"}, "sms +1 555 0100"),
    ],
)
def test_the_first_channel_that_reaches_the_patient_is_taken(
    house: Reminding, channels: tuple[str, ...], columns: dict[str, str], went: str
) -> None:
    house.rules(NOON, channels=channels)
    owing(house, **columns)
    house.write(LATE)
    house.send(LATE)
    assert [f"{one.channel} {one.address}" for one in house.post.taken] == [went]


def test_whom_nothing_reaches_has_a_message_that_says_so(house: Reminding) -> None:
    owing(house, email="", phone="+1 555 0100")
    assert house.write(LATE) == ["balance.overdue no_address"]
    assert house.send(LATE) == Delivered()


def test_who_opted_out_of_a_channel_is_reached_by_another_or_not_at_all(house: Reminding) -> None:
    house.rules(NOON, channels=("email", "sms"))
    patient, other = owing(house, phone="+1 555 0100"), owing(house, email="bo@example.org")
    for one in (patient, other):
        opt_out(house.hospital.id, one.id, "email", actor=house.hospital.actor, at=NOON)
    assert sorted(house.write(LATE)) == ["balance.overdue", "balance.overdue opted_out"]
    house.send(LATE)
    assert [one.channel for one in house.post.taken] == ["sms"]


def test_an_opt_out_holds_what_waits_and_is_ended_again(house: Reminding) -> None:
    patient, hospital = owing(house), house.hospital
    house.write(LATE)
    for _ in range(2):
        opt_out(hospital.id, patient.id, "email", actor=hospital.actor, at=LATE)
    assert house.send(LATE) == Delivered(suppressed=1)
    assert house.messages()[0].reason == "opted_out"
    for _ in range(2):
        opt_in(hospital.id, patient.id, "email", actor=hospital.actor, at=LATE)
    assert house.write(LATE + timedelta(days=7)) == ["balance.overdue"]
    with hospital.transaction():
        assert OptOut.objects.count() == 1
        done = AuditRecord.objects.filter(action__startswith="messaging.opted").order_by("id")
        assert [one.action for one in done] == ["messaging.opted_out", "messaging.opted_in"]


def test_an_opt_out_of_a_record_that_was_merged_holds_for_the_person(house: Reminding) -> None:
    hospital = house.hospital
    survivor, duplicate = owing(house), house.patient(email="")
    opt_out(hospital.id, duplicate.id, "email", actor=hospital.actor, at=NOON)
    opt_out(hospital.id, survivor.id, "email", actor=hospital.actor, at=NOON)
    merge_patients(
        hospital.id, duplicate_id=duplicate.id, survivor_id=survivor.id, actor=hospital.actor, at=NOON
    )
    assert house.write(LATE) == ["balance.overdue opted_out"]
    opt_in(hospital.id, duplicate.id, "email", actor=hospital.actor, at=LATE)
    assert house.write(LATE + timedelta(days=7)) == ["balance.overdue"]


def test_the_account_of_a_merged_record_is_reminded_of_at_the_survivors_address(house: Reminding) -> None:
    hospital = house.hospital
    duplicate, survivor = owing(house, email=""), house.patient(email="eva@example.org")
    house.write(LATE)
    merge_patients(
        hospital.id, duplicate_id=duplicate.id, survivor_id=survivor.id, actor=hospital.actor, at=LATE
    )
    house.write(LATE + timedelta(days=7))
    house.send(LATE + timedelta(days=7))
    assert [one.address for one in house.post.taken] == ["eva@example.org"]


def test_what_is_not_taken_is_tried_again_with_the_same_key_and_fails_in_the_end(house: Reminding) -> None:
    owing(house)
    house.write(LATE)
    house.post = refusing("mailbox full")
    at = LATE
    for minutes in RETRY_MINUTES:
        assert house.send(at) == Delivered(postponed=1)
        assert house.send(at + timedelta(minutes=minutes, seconds=-1)) == Delivered()
        at += timedelta(minutes=minutes)
    assert house.send(at) == Delivered(failed=1)
    [message] = house.messages()
    assert (message.state, message.attempts, message.last_error) == (
        "failed",
        MAXIMUM_ATTEMPTS,
        "mailbox full",
    )


def test_a_failed_message_is_sent_again_by_somebody_who_may(house: Reminding) -> None:
    owing(house)
    house.write(LATE)
    [message] = house.messages()
    hospital, later = house.hospital, LATE + timedelta(days=1)
    with hospital.transaction():
        Message.objects.update(state="failed", attempts=6, last_error="mailbox full", finished_at=LATE)
    with pytest.raises(PermissionRefused):
        send_again(hospital.id, message.id, actor=Actor("user:x"), at=later)
    send_again(hospital.id, message.id, actor=hospital.actor, at=later)
    assert house.send(later) == Delivered(sent=1)
    assert house.messages()[0].last_error == ""
    with pytest.raises(Conflict, match="Only a message that failed"):
        send_again(hospital.id, message.id, actor=hospital.actor, at=later)
    with pytest.raises(NotFound):
        send_again(hospital.id, new_id(), actor=hospital.actor, at=later)


def test_what_was_sent_stays_as_it_was(house: Reminding) -> None:
    owing(house)
    house.write(LATE)
    house.send(LATE)
    with pytest.raises(IntegrityError, match="never changes"), house.hospital.transaction():
        Message.objects.update(body="something else")


def test_the_database_holds_one_message_for_a_step_and_one_for_a_day(house: Reminding) -> None:
    owing(house)
    house.write(LATE)
    [message] = house.messages()
    for columns in ({"written_on": date(2026, 5, 1)}, {"step": "another"}):
        message.id = new_id()
        for name, value in columns.items():
            setattr(message, name, value)
        with pytest.raises(IntegrityError), house.hospital.transaction():
            message.save(force_insert=True)
        message = house.messages()[0]


@pytest.mark.parametrize(
    ("language", "subject"),
    [("es", "$75.00"), ("hi", "$75.00"), ("", "$75.00 has been due"), ("xx", "$75.00 has been due")],
)
def test_a_patient_is_written_to_in_their_language(house: Reminding, language: str, subject: str) -> None:
    owing(house, language=language)
    house.write(LATE)
    house.send(LATE)
    [message] = house.messages()
    assert subject in message.subject
    assert message.locale == (language if language in ("es", "hi") else "en")
    assert ("Mar 2, 2026" in message.subject) is (message.locale == "en")


def test_the_hospitals_own_words_hold_from_their_day_on(house: Reminding) -> None:
    hospital = house.hospital
    place = {"kind": "balance.overdue", "channel": "email", "locale": "en"}
    words = Words("Please bring {{ amount }}.", "Your bill of {{ day }}")
    write_wording(
        hospital.id, **place, words=words, starts_on=date(2026, 3, 9), actor=hospital.actor, at=NOON
    )
    end_wording(hospital.id, **place, starts_on=date(2026, 3, 20), actor=hospital.actor, at=NOON)
    owing(house)
    subjects = []
    for days in (1, 7, 21):
        house.write(LATE + timedelta(days=days - 1))
        house.send(LATE + timedelta(days=days - 1))
        subjects.append(house.post.taken[-1].subject)
    assert subjects[0] == subjects[2] == "$75.00 has been due since Mar 2, 2026"
    assert subjects[1] == "Your bill of Mar 2, 2026"
    assert "Please bring $75.00." in house.post.taken[1].body
    assert house.post.taken[1].stop_url in house.post.taken[1].body


@pytest.mark.parametrize(
    ("place", "field"),
    [
        (("balance.unknown", "email", "en"), "kind"),
        (("balance.overdue", "pigeon", "en"), "channel"),
        (("balance.overdue", "email", "xx"), "locale"),
    ],
)
def test_words_for_nothing_that_there_is_are_refused(
    house: Reminding, place: tuple[str, str, str], field: str
) -> None:
    kind, channel, locale = place
    with pytest.raises(DomainError) as refusal:
        write_wording(
            house.hospital.id,
            kind=kind,
            channel=channel,
            locale=locale,
            words=Words("a", "b"),
            starts_on=date(2026, 3, 2),
            actor=house.hospital.actor,
            at=NOON,
        )
    assert refusal.value.field == field


@pytest.mark.parametrize(
    ("rules", "field"),
    [
        (MessagingRules(quiet=QuietHours(time(8), time(8))), "quiet_until"),
        (MessagingRules(channels=()), "channels"),
        (MessagingRules(channels=("email", "email")), "channels"),
        (MessagingRules(channels=("pigeon",)), "channels"),
        (MessagingRules(days_before=(-1,)), "days_before"),
        (MessagingRules(days_after=(0,)), "days_after"),
        (MessagingRules(days_after=(91,)), "days_after"),
        (MessagingRules(days_after=(3, 3)), "days_after"),
        (MessagingRules(days_after=(1, 2, 3, 4, 5, 6, 7)), "days_after"),
    ],
)
def test_rules_that_cannot_be_are_refused_at_their_field(
    house: Reminding, rules: MessagingRules, field: str
) -> None:
    with pytest.raises(DomainError) as refusal:
        set_rules(house.hospital.id, rules, actor=house.hospital.actor, at=NOON)
    assert refusal.value.field == field


def test_an_email_carries_its_key_and_how_to_end_it(house: Reminding) -> None:
    owing(house)
    house.write(LATE)
    send_due(house.hospital.id, at=LATE, senders=lambda channel: DjangoMail())
    [sent] = mail.outbox
    [message] = house.messages()
    assert sent.to == ["ada@example.org"]
    assert str(message.id) in sent.extra_headers["Message-ID"]
    assert sent.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert sent.extra_headers["List-Unsubscribe"].strip("<>") in sent.body


def test_an_sms_is_shown_in_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    TerminalSms().send(Outgoing(new_id(), "sms", "+1 555 0100", "$75.00 falls due."))
    assert "+1 555 0100" in capsys.readouterr().out


def test_a_ticket_names_the_patient_and_cannot_be_made_up() -> None:
    hospital_id, patient_id = new_id(), new_id()
    ticket = stop_ticket(hospital_id, patient_id)
    assert read_stop_ticket(ticket) == (hospital_id, patient_id)
    for wrong in ("", "x", ticket[:-1], ticket[:-1] + ("a" if ticket[-1] != "a" else "b")):
        with pytest.raises(NotFound):
            read_stop_ticket(wrong)


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.usefixtures("committed")
def test_a_worker_that_dies_after_sending_sends_again_with_the_same_key() -> None:
    house = make_reminding()
    owing(house)
    house.write(LATE)
    first = Post()

    def die(message: Outgoing) -> None:
        first.taken.append(message)
        raise Killed

    house.post = Post(happens=die)
    with pytest.raises(Killed):
        house.send(LATE)
    assert [(one.state, one.attempts) for one in house.messages()] == [("queued", 1)]
    house.post = Post()
    assert house.send(LATE + LEASE - timedelta(seconds=1)) == Delivered()
    assert house.send(LATE + LEASE) == Delivered(sent=1)
    assert house.post.taken[0].id == first.taken[0].id
    assert house.post.taken[0].body == first.taken[0].body


@pytest.mark.usefixtures("committed")
def test_a_message_that_kills_its_worker_every_time_fails_in_the_end() -> None:
    house = make_reminding()
    owing(house)
    house.write(LATE)

    def die(message: Outgoing) -> None:
        raise Killed

    house.post = Post(happens=die)
    at = LATE
    for _ in range(MAXIMUM_ATTEMPTS):
        with pytest.raises(Killed):
            house.send(at)
        at += LEASE
    assert house.send(at) == Delivered(failed=1)


@pytest.mark.usefixtures("committed")
def test_a_run_that_dies_while_it_writes_has_written_nothing_and_the_next_writes_it_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    house = make_reminding()
    for _ in range(3):
        owing(house)
    made = outbox.write_messages

    def die(*args: object, **options: object) -> None:
        made(*args, **options)  # type: ignore[arg-type]
        raise Killed

    monkeypatch.setattr(outbox, "write_messages", die)
    with pytest.raises(Killed):
        house.write(LATE)
    assert house.messages() == []
    monkeypatch.undo()
    assert len(house.write(LATE)) == 3
    assert house.write(LATE) == []


@pytest.mark.usefixtures("committed")
def test_two_runs_and_two_workers_at_once_write_and_send_each_message_once() -> None:
    house = make_reminding()
    for _ in range(6):
        owing(house)
    written: list[str] = []
    meet = Barrier(2)

    def work() -> None:
        try:
            meet.wait(timeout=20)
            written.extend(house.write(LATE))
            meet.wait(timeout=20)
            house.send(LATE)
        finally:
            connection.close()

    workers = [Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(written) == 6
    sent: list[UUID] = [one.id for one in house.post.taken]
    assert len(sent) == len(set(sent)) == 6
    assert {one.attempts for one in house.messages()} == {1}


def test_an_address_that_was_corrected_meanwhile_is_taken(house: Reminding) -> None:
    patient = owing(house)
    house.write(LATE)
    with house.hospital.transaction():
        Patient.objects.filter(id=patient.id).update(email="new@example.org")
    house.send(LATE)
    assert house.post.taken[0].address == house.messages()[0].address == "new@example.org"
