"""The demo hospital: people to log in as, a few days of history, and today's workflows in progress."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from django.contrib.auth.hashers import make_password
from django.db.transaction import atomic

from almoner.enforcement.late_fees import charge_late_fees, find_late_fees
from almoner.hospitals.models import Hospital
from almoner.identity.models import Membership, User
from almoner.identity.roles import ROLES, actor_for
from almoner.interop.hospital_file.operations import load
from almoner.kernel.actor import system
from almoner.kernel.clock import local_date
from almoner.kernel.tenancy import transaction
from almoner.shell.simulation.drawers import tend
from almoner.shell.simulation.engine import Played, make_world, play, start_of
from almoner.shell.simulation.estimate_scenes import stage_estimates
from almoner.shell.simulation.hospitals import demo_file
from almoner.shell.simulation.plan_scenes import stage_plans
from almoner.shell.simulation.reminders import remind
from almoner.shell.simulation.scenes import stage
from almoner.shell.simulation.shelves import fill_shelves
from almoner.shell.simulation.world import HOUR, staff_of

DAYS = 3
PATIENTS = 50
SEED = 51
SCENES_LAST_HOURS = 3
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"

PEOPLE = {
    "administrator": ("admin", "Ada Admin"),
    "hospital_manager": ("manager", "Mona Manager"),
    "receptionist": ("reception", "Rita Reception"),
    "doctor": ("doctor", "Dr. Daniel Doctor"),
    "laboratory_technician": ("lab", "Lars Laboratory"),
    "pharmacist": ("pharmacy", "Petra Pharmacy"),
    "ward_nurse": ("ward", "Walid Ward"),
    "cashier": ("cashier", "Clara Cashier"),
    "billing_staff": ("billing", "Bilal Billing"),
    "insurance_specialist": ("insurance", "Irma Insurance"),
}
"""Who works at the demo hospital: role, name before the @, name."""

DRAWERS = {"main": "cashier", "emergency": "receptionist"}
"""Whose drawer is at which cash point."""


@dataclass(frozen=True, slots=True)
class Login:
    email: str
    role_title: str


def email_of(role: str) -> str:
    """The address that the demo user of ``role`` logs in with."""
    return f"{PEOPLE[role][0]}@demo.example"


def logins() -> list[Login]:
    """The demo users, in the order in which people meet them."""
    return [Login(email_of(role), ROLES[role].title) for role in PEOPLE]


def demo_password(data_dir: Path) -> str:
    """The demo users' password, made at the first start and kept in the data folder for its owner to read."""
    path = data_dir / "demo_password"
    data_dir.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            groups = ["".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(3)]
            file.write("-".join(groups))
    return path.read_text().strip()


def password_still_holds(password: str) -> bool:
    """Whether the demo administrator can log in with ``password``."""
    user = User.objects.filter(email=email_of("administrator"), is_active=True).first()
    return user is not None and user.check_password(password)


def seed(
    *, password: str, at: datetime, progress: Callable[[datetime, int], None] = lambda local, visits: None
) -> tuple[Hospital, Played]:
    """Make the demo hospital as it would stand at ``at``; in one transaction, so wholly or not at all.

    ``progress`` is told the simulated local time and the number of visits so far.
    """
    with atomic():
        actor = system("demo")
        loaded = load(demo_file(), actor=actor, at=at - timedelta(days=DAYS), file="demo.yaml")
        hospital = Hospital.objects.get(id=loaded.hospital_id)
        people = _employ(hospital, password)
        today = local_date(at, hospital.time_zone)
        first_day = today - timedelta(days=DAYS - 1)
        with transaction(hospital.id):
            world = make_world(
                hospital,
                patients=PATIENTS,
                days=DAYS,
                seed=SEED,
                start=first_day,
                staff=staff_of(lambda role: f"user:{email_of(role)}"),
            )
            now = int((at - start_of(hospital, first_day)).total_seconds())
            midnight = int((start_of(hospital, today) - start_of(hospital, first_day)).total_seconds())
            opens_at = max(midnight, now - SCENES_LAST_HOURS * HOUR)
            cashiers = {point: actor_for(people[role], [role]) for point, role in DRAWERS.items()}
            tend(world, cashiers, days=DAYS, today_from=opens_at)
            stage_plans(world)
            stage_estimates(world)
            stage(world, opens_at=opens_at, closes_at=now)
            played = play(
                world,
                seconds=max(1, now),
                progress=lambda share: progress(world.local, world.tally["visits"]),
            )
            fill_shelves(world)
            charge_late_fees(hospital.id, find_late_fees(hospital.id, at=at), actor=actor, at=at)
            remind(hospital, actor=actor, at=at)
    return hospital, played


def _employ(hospital: Hospital, password: str) -> dict[str, User]:
    """The demo users by role."""
    people = {}
    hashed = make_password(password)
    for role, (_, name) in PEOPLE.items():
        user, _ = User.objects.get_or_create(
            email=email_of(role), defaults={"name": name, "password": hashed}
        )
        Membership.objects.get_or_create(hospital_id=hospital.id, user=user, role=role)
        people[role] = user
    return people
