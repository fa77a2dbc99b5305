"""A hospital at two in the afternoon, with a hundred thousand patients and a million charges behind it.

A hospital like that of ``make run`` on a day with more patients, and a year of visits of ten charges each, one for
every patient; all through the operations, so ``almoner verify`` can prove it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from almoner.estimates.operations import Wanted, make_estimate
from almoner.hospitals.models import Hospital
from almoner.identity.models import Membership, User
from almoner.identity.roles import actor_for
from almoner.kernel.tenancy import transaction
from almoner.shell.simulation.demo import DRAWERS
from almoner.shell.simulation.drawers import tend
from almoner.shell.simulation.engine import make_world, play, start_of
from almoner.shell.simulation.hospitals import new_hospital
from almoner.shell.simulation.plan_scenes import stage_plans
from almoner.shell.simulation.scenes import stage
from almoner.shell.simulation.shelves import fill_shelves
from almoner.shell.simulation.world import HOUR
from benchmarks import loading
from benchmarks.loading import History

AT = datetime(2026, 3, 2, 19, 0, tzinfo=UTC)
"""14:00 at the demo hospital."""
HISTORY = History(lines=10, visits_of_a_patient=1, hours=1)
PATIENTS = 100_000
PATIENTS_TODAY = 160
SEED = 7
EMAIL = "bench@almoner.example"


def make_hospital() -> str:
    """The demo hospital in the middle of a busy day, with an administrator and cashiers; returns its slug."""
    start = AT.replace(hour=5)
    hospital = new_hospital(actor=loading.ACTOR, at=start, slug="bench-busy")
    administrator = _employ(hospital, EMAIL, "administrator")
    world = make_world(hospital, patients=PATIENTS_TODAY, days=1, seed=SEED, start=AT.date())
    now = int((AT - start_of(hospital, AT.date())).total_seconds())
    cashiers = {
        point: actor_for(_employ(hospital, f"{point}@almoner.example", role), [role])
        for point, role in DRAWERS.items()
    }
    tend(world, cashiers, days=1, today_from=now - 6 * HOUR)
    stage_plans(world)
    stage(world, opens_at=now - 6 * HOUR, closes_at=now)
    play(world, seconds=now)
    with transaction(hospital.id):
        fill_shelves(world)
    loading.offer(hospital.id)
    wanted = Wanted(
        expected_on=AT.date(),
        valid_until=AT.date() + timedelta(days=30),
        walk_in="Somebody who asks",
        services=tuple((code, Decimal(1)) for code in loading.services_of(0)),
    )
    actor = actor_for(administrator, ["administrator"])
    make_estimate(hospital.id, wanted, idempotency_key="bench-estimate", actor=actor, at=AT)
    return hospital.slug


def _employ(hospital: Hospital, email: str, role: str) -> User:
    user = User.objects.create_user(email, "", name=role)
    Membership.objects.create(hospital_id=hospital.id, user=user, role=role)
    return user


def load_history(slug: str, share: int, shares: int) -> None:
    """One of ``shares`` equal parts of the years behind it; several processes load at the same time."""
    hospital = Hospital.objects.get(slug=slug)
    first, end = (PATIENTS * number // shares for number in (share, share + 1))
    loading.load_visits(hospital.id, first, end, at=AT, history=HISTORY)
