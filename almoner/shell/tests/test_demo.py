"""The demo hospital: whole or not at all, and with the specification's workflows in progress today."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.transaction import atomic, set_rollback

from almoner.hospitals.models import Hospital
from almoner.identity.models import Membership, User
from almoner.identity.roles import ROLES
from almoner.kernel.clock import local_date
from almoner.kernel.tenancy import transaction
from almoner.messaging.models import Message
from almoner.payments.models import CashSession, PaymentPlan, PlanChangeRequest
from almoner.payments.plan_queries import standings_of
from almoner.reports.day import read_day
from almoner.reports.verify import check_books
from almoner.service_points.ward.models import BedStay
from almoner.shell.simulation import demo
from almoner.shell.simulation.drawers import SHORT_MINOR
from almoner.shell.simulation.engine import Played

PASSWORD = "only-for-this-test"
AFTERNOON = datetime(2026, 3, 4, 20, 30, tzinfo=UTC)
JUST_AFTER_MIDNIGHT = datetime(2026, 3, 4, 5, 0, 20, tzinfo=UTC)
ON_THE_DAY_THE_CLOCKS_CHANGE = datetime(2026, 3, 8, 15, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Seeded:
    """The demo hospital with a short history as it stands at ``at``."""

    at: datetime
    hospital: Hospital
    played: Played


@pytest.fixture(scope="module", autouse=True)
def a_short_history() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "PATIENTS", 8)
        yield


@pytest.fixture(scope="module")
def seeded(request: pytest.FixtureRequest, django_db_blocker: Any) -> Iterator[Seeded]:
    """Seeded once for all tests that only look at one moment of it; nothing of it stays."""
    with django_db_blocker.unblock(), atomic():
        yield Seeded(request.param, *demo.seed(password=PASSWORD, at=request.param))
        set_rollback(True)


def as_of(*moments: datetime) -> pytest.MarkDecorator:
    """The test looks at the demo hospital at each of ``moments``."""
    return pytest.mark.parametrize("seeded", moments, indirect=True, ids=lambda moment: f"{moment:%d-%H:%M}")


@as_of(JUST_AFTER_MIDNIGHT, ON_THE_DAY_THE_CLOCKS_CHANGE)
def test_the_three_workflows_of_the_specification_are_held_today(seeded: Seeded) -> None:
    hospital, at = seeded.hospital, seeded.at
    day = read_day(hospital, local_date(at, hospital.time_zone), at=at)
    held = {step.visit.patient_name: (step.title, step.due_minor) for step in day.held_now}
    assert (
        held.items()
        >= {
            "Maria Lopez": ("Consultation", 7500),
            "Jane Smith": ("Laboratory processing", 6500),
            "John Doe": ("Bed assignment", 20000),
        }.items()
    )
    assert {"Amina Yusuf", "George Papadakis", "Ines Castillo", "Hiroshi Tanaka"} <= {
        visit.patient_name for visit in day.visits
    }
    assert day.collected.net_minor > 0
    assert day.waiting.beds_taken >= 1


@as_of(JUST_AFTER_MIDNIGHT, AFTERNOON)
def test_the_cashier_s_drawer_is_open_and_yesterday_s_was_a_little_short(seeded: Seeded) -> None:
    with transaction(seeded.hospital.id):
        sessions = list(CashSession.objects.filter(cash_point="main").order_by("opened_at"))
        cashiers = set(CashSession.objects.filter(closed_at=None).values_list("cashier", flat=True))
    assert cashiers == {f"user:{demo.email_of(role)}" for role in ("cashier", "receptionist")}
    assert [session.difference_minor for session in sessions] == [0, -SHORT_MINOR, 0]
    assert [session.closed_at is None for session in sessions] == [False, False, True]


@as_of(AFTERNOON)
def test_its_books_hold_and_a_payment_plan_gave_one_patient_a_bed(seeded: Seeded) -> None:
    with transaction(seeded.hospital.id), connection.cursor() as cursor:
        results = check_books(cursor, limit=5, progress=lambda _: None)
    assert [result.check.code for result in results if result.wrong] == []
    assert seeded.played.books.postings > 100
    with transaction(seeded.hospital.id):
        stays = BedStay.objects.filter(ended_at=None, admission__patient__name="Hiroshi Tanaka")
        assert stays.count() == 1


@as_of(AFTERNOON)
def test_there_are_payment_plans_in_every_state(seeded: Seeded) -> None:
    with transaction(seeded.hospital.id):
        standings = standings_of(PaymentPlan.objects.all(), AFTERNOON).values()
        assert PlanChangeRequest.objects.filter(decision="").count() == 1
    assert {"on_track", "behind", "completed", "cancelled"} <= {one.status for one in standings}


@as_of(AFTERNOON)
def test_patients_were_reminded_and_one_letter_waits_for_another_attempt(seeded: Seeded) -> None:
    with transaction(seeded.hospital.id):
        messages = list(Message.objects.all())
        assert {one.state for one in messages} >= {"sent", "queued"}
        assert [one.attempts for one in messages if one.last_error] == [1]
        assert not any("Test" in one.body or one.patient.name in one.body for one in messages)
    assert len({one.kind for one in messages}) >= 2


@as_of(AFTERNOON)
def test_every_role_has_somebody_who_can_log_in(seeded: Seeded) -> None:
    roles = {}
    for login in demo.logins():
        user = User.objects.get(email=login.email)
        assert user.check_password(PASSWORD)
        membership = Membership.objects.get(user=user, hospital_id=seeded.hospital.id)
        roles[membership.role] = login.role_title
    assert roles == {code: role.title for code, role in ROLES.items()}
    assert demo.password_still_holds(PASSWORD) and not demo.password_still_holds("another password")


def test_the_password_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    password = demo.demo_password(tmp_path)
    assert len(password) >= 12
    assert demo.demo_password(tmp_path) == password
    assert stat.S_IMODE((tmp_path / "demo_password").stat().st_mode) == 0o600
    assert demo.demo_password(tmp_path / "elsewhere") != password
