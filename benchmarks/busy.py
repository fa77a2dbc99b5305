"""A hospital at two in the afternoon, with a hundred thousand patients and a million charges behind it.

The demo hospital as ``make run`` shows it, a second wave of patients on the same day, and a year of visits of
ten charges each, one for every patient; all through the operations, so ``almoner verify`` can prove it.
"""

from __future__ import annotations

from datetime import UTC, datetime

from almoner.hospitals.models import Hospital
from almoner.shell.simulation import demo
from almoner.shell.simulation.engine import make_world, play, start_of
from benchmarks import loading
from benchmarks.loading import History

AT = datetime(2026, 3, 2, 19, 0, tzinfo=UTC)
"""14:00 at the demo hospital."""
HISTORY = History(lines=10, visits_of_a_patient=1)
PATIENTS = 100_000
PATIENTS_TODAY = 120
SEED = 7


def make_hospital() -> str:
    """The demo hospital in the middle of a busy day; returns its slug."""
    hospital, _ = demo.seed(password=demo.email_of("administrator"), at=AT)
    start = start_of(hospital, AT.date())
    world = make_world(hospital, patients=PATIENTS_TODAY, days=1, seed=SEED, start=AT.date())
    play(world, seconds=int((AT - start).total_seconds()))
    loading.offer(hospital.id)
    return hospital.slug


def load_history(slug: str, share: int, shares: int) -> None:
    """One of ``shares`` equal parts of the years behind it; several processes load at the same time."""
    hospital = Hospital.objects.get(slug=slug)
    first, end = (PATIENTS * number // shares for number in (share, share + 1))
    loading.load_visits(hospital.id, first, end, at=AT, history=HISTORY)
