"""A hospital at two in the afternoon, with a hundred thousand patients and a million charges behind it.

A hospital like that of ``make run`` on a day with more patients, and a year of visits of ten charges each, one for
every patient; all through the operations, so ``almoner verify`` can prove it.
"""

from __future__ import annotations

from datetime import UTC, datetime

from almoner.hospitals.models import Hospital
from almoner.identity.models import Membership, User
from almoner.shell.simulation.engine import make_world, play, start_of
from almoner.shell.simulation.hospitals import new_hospital
from almoner.shell.simulation.scenes import stage
from almoner.shell.simulation.world import HOUR
from benchmarks import loading
from benchmarks.loading import History

AT = datetime(2026, 3, 2, 19, 0, tzinfo=UTC)
"""14:00 at the demo hospital."""
HISTORY = History(lines=10, visits_of_a_patient=1)
PATIENTS = 100_000
PATIENTS_TODAY = 160
SEED = 7
EMAIL = "bench@almoner.example"


def make_hospital() -> str:
    """The demo hospital in the middle of a busy day, with one member of staff; returns its slug."""
    start = AT.replace(hour=5)
    hospital = new_hospital(actor=loading.ACTOR, at=start, slug="bench-busy")
    user = User.objects.create_user(EMAIL, "", name="Bench")
    Membership.objects.create(hospital_id=hospital.id, user=user, role="administrator")
    world = make_world(hospital, patients=PATIENTS_TODAY, days=1, seed=SEED, start=AT.date())
    now = int((AT - start_of(hospital, AT.date())).total_seconds())
    stage(world, opens_at=now - 6 * HOUR, closes_at=now)
    play(world, seconds=now)
    loading.offer(hospital.id)
    return hospital.slug


def load_history(slug: str, share: int, shares: int) -> None:
    """One of ``shares`` equal parts of the years behind it; several processes load at the same time."""
    hospital = Hospital.objects.get(slug=slug)
    first, end = (PATIENTS * number // shares for number in (share, share + 1))
    loading.load_visits(hospital.id, first, end, at=AT, history=HISTORY)
