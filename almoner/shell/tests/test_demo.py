"""The demo hospital: whole or not at all, and with the specification's workflows in progress today."""

from __future__ import annotations

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.db import connection

from almoner.hospitals.models import Hospital
from almoner.identity.models import Membership, User
from almoner.identity.roles import ROLES
from almoner.kernel.clock import local_date
from almoner.kernel.tenancy import transaction
from almoner.payments.models import CashSession, PaymentPlan, PlanChangeRequest
from almoner.payments.plan_queries import standings_of
from almoner.reports.day import read_day
from almoner.reports.verify import check_books
from almoner.service_points.ward.models import BedStay
from almoner.shell.simulation import demo
from almoner.shell.simulation.drawers import SHORT_MINOR

PASSWORD = "only-for-this-test"
AFTERNOON = datetime(2026, 3, 4, 20, 30, tzinfo=UTC)
JUST_AFTER_MIDNIGHT = datetime(2026, 3, 4, 5, 0, 20, tzinfo=UTC)
ON_THE_DAY_THE_CLOCKS_CHANGE = datetime(2026, 3, 8, 15, 0, tzinfo=UTC)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def a_short_history(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "PATIENTS", 8)


@pytest.mark.parametrize("at", [JUST_AFTER_MIDNIGHT, ON_THE_DAY_THE_CLOCKS_CHANGE])
def test_the_three_workflows_of_the_specification_are_held_today(at: datetime) -> None:
    hospital, _ = demo.seed(password=PASSWORD, at=at)
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


@pytest.mark.parametrize("at", [AFTERNOON, JUST_AFTER_MIDNIGHT])
def test_the_cashier_s_drawer_is_open_and_yesterday_s_was_a_little_short(at: datetime) -> None:
    hospital, _ = demo.seed(password=PASSWORD, at=at)
    with transaction(hospital.id):
        sessions = list(CashSession.objects.filter(cash_point="main").order_by("opened_at"))
        cashiers = set(CashSession.objects.filter(closed_at=None).values_list("cashier", flat=True))
    assert cashiers == {f"user:{demo.email_of(role)}" for role in ("cashier", "receptionist")}
    assert [session.difference_minor for session in sessions] == [0, -SHORT_MINOR, 0]
    assert [session.closed_at is None for session in sessions] == [False, False, True]


def test_its_books_hold_and_a_payment_plan_gave_one_patient_a_bed() -> None:
    hospital, played = demo.seed(password=PASSWORD, at=AFTERNOON)
    with transaction(hospital.id), connection.cursor() as cursor:
        results = check_books(cursor, limit=5, progress=lambda _: None)
    assert [result.check.code for result in results if result.wrong] == []
    assert played.books.postings > 100
    with transaction(hospital.id):
        stays = BedStay.objects.filter(ended_at=None, admission__patient__name="Hiroshi Tanaka")
        assert stays.count() == 1


def test_there_are_payment_plans_in_every_state() -> None:
    hospital, _ = demo.seed(password=PASSWORD, at=AFTERNOON)
    with transaction(hospital.id):
        standings = standings_of(PaymentPlan.objects.all(), AFTERNOON).values()
        assert PlanChangeRequest.objects.filter(decision="").count() == 1
    assert {"on_track", "behind", "completed", "cancelled"} <= {one.status for one in standings}


def test_every_role_has_somebody_who_can_log_in() -> None:
    hospital, _ = demo.seed(password=PASSWORD, at=AFTERNOON)
    roles = {}
    for login in demo.logins():
        user = User.objects.get(email=login.email)
        assert user.check_password(PASSWORD)
        membership = Membership.objects.get(user=user, hospital_id=hospital.id)
        roles[membership.role] = login.role_title
    assert roles == {code: role.title for code, role in ROLES.items()}
    assert demo.password_still_holds(PASSWORD) and not demo.password_still_holds("another password")


def test_a_start_that_was_killed_halfway_leaves_nothing_and_the_next_makes_it_whole() -> None:
    class Killed(Exception):
        pass

    def die(local: datetime, visits: int) -> None:
        if visits >= 3:
            raise Killed

    with pytest.raises(Killed):
        demo.seed(password=PASSWORD, at=AFTERNOON, progress=die)
    assert not Hospital.objects.filter(slug="riverside").exists()
    assert not User.objects.filter(email="admin@demo.example").exists()
    hospital, _ = demo.seed(password=PASSWORD, at=AFTERNOON)
    assert Hospital.objects.get(slug="riverside") == hospital


def test_the_password_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    password = demo.demo_password(tmp_path)
    assert len(password) >= 12
    assert demo.demo_password(tmp_path) == password
    assert stat.S_IMODE((tmp_path / "demo_password").stat().st_mode) == 0o600
    assert demo.demo_password(tmp_path / "elsewhere") != password
