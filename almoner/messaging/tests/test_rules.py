"""When a message may go, which reminder a day asks for, what an SMS costs: pure functions."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from almoner.kernel.errors import DomainError
from almoner.messaging.rules import (
    MAXIMUM_ATTEMPTS,
    QuietHours,
    retry_after,
    step_after,
    step_before,
)
from almoner.messaging.texts import Words, check_words, sms_segments

NIGHT = QuietHours(time(21), time(8))
START = datetime(2026, 1, 1, tzinfo=UTC)
ZONES = ("UTC", "America/New_York", "Europe/Lisbon", "Australia/Lord_Howe", "Asia/Kolkata")


@pytest.mark.parametrize(
    ("quiet", "zone", "at", "goes"),
    [
        (NIGHT, "UTC", "2026-03-02T12:00", "2026-03-02T12:00"),
        (NIGHT, "UTC", "2026-03-02T20:59", "2026-03-02T20:59"),
        (NIGHT, "UTC", "2026-03-02T21:00", "2026-03-03T08:00"),
        (NIGHT, "UTC", "2026-03-03T00:00", "2026-03-03T08:00"),
        (NIGHT, "UTC", "2026-03-03T08:00", "2026-03-03T08:00"),
        (NIGHT, "Asia/Kolkata", "2026-03-02T16:00", "2026-03-03T02:30"),
        (QuietHours(time(12), time(14)), "UTC", "2026-03-02T13:00", "2026-03-02T14:00"),
        # 8 March 2026 in New York: 02:00 EST is 03:00 EDT. The night is an hour shorter.
        (NIGHT, "America/New_York", "2026-03-08T03:00", "2026-03-08T12:00"),
        # What ends at 02:30 that day ends when the clock has passed it.
        (QuietHours(time(22), time(2, 30)), "America/New_York", "2026-03-08T05:00", "2026-03-08T07:30"),
        # 1 November 2026: 02:00 EDT is 01:00 EST again. 01:10 comes twice, and it is quiet until 01:30 for good.
        (QuietHours(time(22), time(1, 30)), "America/New_York", "2026-11-01T05:10", "2026-11-01T05:30"),
        (QuietHours(time(22), time(1, 30)), "America/New_York", "2026-11-01T06:10", "2026-11-01T06:30"),
    ],
)
def test_a_message_waits_until_the_quiet_hours_end(quiet: QuietHours, zone: str, at: str, goes: str) -> None:
    moment = datetime.fromisoformat(at).replace(tzinfo=UTC)
    assert quiet.after(moment, ZoneInfo(zone)) == datetime.fromisoformat(goes).replace(tzinfo=UTC)


@given(
    starts=st.times(),
    ends=st.times(),
    at=st.integers(0, 2 * 366 * 24 * 60).map(lambda minutes: START + timedelta(minutes=minutes)),
    zone=st.sampled_from(ZONES).map(ZoneInfo),
)
def test_what_waited_goes_when_it_is_not_quiet_and_within_a_day(
    starts: time, ends: time, at: datetime, zone: ZoneInfo
) -> None:
    if starts == ends:
        return
    quiet = QuietHours(starts, ends)
    goes = quiet.after(at, zone)
    assert not quiet.holds(goes, zone)
    assert timedelta() <= goes - at <= timedelta(hours=25)
    assert (goes == at) is not quiet.holds(at, zone)


@pytest.mark.parametrize(("left", "step"), [(8, None), (7, 7), (4, 7), (3, 3), (1, 3), (0, 0), (-1, None)])
def test_what_falls_due_is_told_at_the_closest_step(left: int, step: int | None) -> None:
    assert step_before((7, 3, 0), left) == step


@pytest.mark.parametrize(("late", "step"), [(0, None), (1, 1), (6, 1), (7, 7), (300, 21)])
def test_what_is_overdue_is_told_at_the_last_step_reached(late: int, step: int | None) -> None:
    assert step_after((1, 7, 21), late) == step


def test_attempts_wait_longer_each_time_and_end() -> None:
    waits = [retry_after(attempt) for attempt in range(1, MAXIMUM_ATTEMPTS)]
    assert all(waits) and waits == sorted(wait for wait in waits if wait)
    assert retry_after(MAXIMUM_ATTEMPTS) is None


@pytest.mark.parametrize(
    ("text", "segments"),
    [
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("é" * 160, 1),
        ("í" * 70, 1),
        ("í" * 71, 2),
        ("नमस्ते" * 11, 1),
        ("नमस्ते" * 12, 2),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
    ],
)
def test_an_sms_is_charged_by_its_alphabet(text: str, segments: int) -> None:
    assert sms_segments(text) == segments


@pytest.mark.parametrize(
    ("channel", "words", "field", "says"),
    [
        ("email", Words("Pay {{ amuont }}", "Bill"), "body", "Did you mean {{ amount }}?"),
        ("email", Words("Pay {{ patient }}", "Bill"), "body", "Known are hospital, amount, day, reference."),
        ("email", Words("Pay", "Bill {{ test }}"), "subject", "Nothing is known as {{ test }}"),
        ("email", Words("Pay", ""), "subject", "1 to 150"),
        ("email", Words("Pay", "a\nb"), "subject", "one line"),
        ("email", Words(" ", "Bill"), "body", "1 to 4000"),
        ("email", Words("{% now 'Y' %}", "Bill"), "body", "Take other braces out"),
        ("email", Words("Pay {{ amount", "Bill"), "body", "Take other braces out"),
        ("email", Words("Pay {{ amount|safe }}", "Bill"), "body", "Nothing is known"),
        ("sms", Words("Pay", "Bill"), "subject", "no subject"),
        ("sms", Words("a" * 601), "body", "1 to 600"),
        ("sms", Words("a\x00"), "body", "cannot be sent"),
    ],
)
def test_words_that_cannot_be_sent_are_refused_at_their_field(
    channel: str, words: Words, field: str, says: str
) -> None:
    with pytest.raises(DomainError) as refusal:
        check_words(channel, words)
    assert refusal.value.field == field
    assert says in refusal.value.message


def test_words_are_filled_in_and_nothing_else_is() -> None:
    words = Words("{{hospital}}: {{ amount }} % {x} {{ amount }}", "Due\n{{ day }}")
    filled = words.filled({"hospital": "{{ day }}", "amount": "$75.00", "day": "Mar 5"})
    assert filled == Words("{{ day }}: $75.00 % {x} $75.00", "Due Mar 5")
