"""The bar of section 5.2 as each role sees it."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from almoner.enforcement.facts import Subject
from almoner.enforcement.queries import service_point_status
from almoner.hospitals.models import Hospital
from almoner.identity.roles import actor_for
from almoner.kernel.ids import new_id
from almoner.pages.names import ActorNames
from almoner.pages.presenters import Formats, ServicePointBar, duration, service_point_bar
from tests.support.day import AT, BusyDay, make_busy_day, make_member

URLS = {"proceed": "/proceed", "pay": "/pay", "plan": "/plan", "override": "/override"}
pytestmark = pytest.mark.django_db


def bar_for(day: BusyDay, patient: str, role: str) -> ServicePointBar:
    hospital = Hospital.objects.get(id=day.hospital.id)
    status = service_point_status(hospital.id, "consultation.start", Subject(day.visits[patient].id), at=AT)
    actor = actor_for(make_member(hospital.id, role), [role])
    return service_point_bar(status, Formats.of(hospital), actor, URLS, today=AT.date())


def test_a_held_service_shows_the_amount_and_why_it_cannot_proceed() -> None:
    bar = bar_for(make_busy_day(), "Maria Silva", "cashier")
    assert (bar.cost, bar.due, bar.status, bar.tone) == ("$75.00", "$75.00", "Required", "required")
    buttons = {button.code: button for button in bar.actions}
    assert buttons["proceed"].why_not == "Payment required: $75.00 for Consultation."
    assert (buttons["pay"].why_not, buttons["pay"].url) == ("", "/pay")
    assert buttons["override"].why_not == "This is done by: Hospital manager, Doctor, Administrator."


def test_a_doctor_may_override_and_is_told_who_takes_payments() -> None:
    bar = bar_for(make_busy_day(), "Maria Silva", "doctor")
    buttons = {button.code: button for button in bar.actions}
    assert buttons["override"].why_not == ""
    assert "Cashier" in buttons["pay"].why_not


def test_a_paid_service_can_proceed_and_lists_its_payment() -> None:
    bar = bar_for(make_busy_day(), "Samuel Osei", "doctor")
    assert (bar.status, bar.due, bar.balance) == ("Paid", "$0.00", "$0.00")
    assert bar.actions[0].why_not == ""
    assert [(line.amount, str(line.method), line.voided) for line in bar.payments] == [
        ("$75.00", "Card", False)
    ]


@pytest.mark.parametrize(
    ("minutes", "words"),
    [(0, "0 min"), (59, "59 min"), (60, "1 h 00"), (125, "2 h 05"), (1440, "1 day"), (4400, "3 days")],
)
def test_durations_read_at_a_glance(minutes: int, words: str) -> None:
    assert duration(minutes) == words


@pytest.mark.parametrize(
    ("locale", "today", "words"),
    [
        ("en_US", date(2026, 3, 2), "3:20\u202fPM"),
        ("de_DE", date(2026, 3, 2), "15:20"),
        ("en_US", date(2026, 3, 3), "Mar 2"),
        ("hi_IN", date(2026, 3, 3), "2 मार्च"),
    ],
)
def test_a_moment_is_a_time_today_and_a_day_otherwise(locale: str, today: date, words: str) -> None:
    assert (
        Formats("USD", locale, locale, ZoneInfo("UTC"), ActorNames(new_id())).moment(AT, today=today) == words
    )
