"""Play a hospital from a seed: so many patients in so many days."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from django.db import connections

from almoner.hospitals.models import Hospital
from almoner.identity import audit
from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict
from almoner.kernel.tenancy import transaction
from almoner.patients.models import Patient
from almoner.shell.simulation.digest import Books, read_books
from almoner.shell.simulation.offer import read_offer
from almoner.shell.simulation.visits import arrive
from almoner.shell.simulation.world import DAY, HOUR, World

# How many of a hundred clinic patients come in which hour of the day; emergencies come at any hour.
_CLINIC_HOURS = {7: 4, 8: 16, 9: 18, 10: 15, 11: 12, 12: 6, 13: 8, 14: 9, 15: 7, 16: 5}
_SHARE_OF_EMERGENCIES = 0.18
_FIRST_STOCK_AT_VISITS = 50
Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Played:
    """What happened (``events``: how often), and the books it left."""

    events: Mapping[str, int]
    books: Books


def start_of(hospital: Hospital, day: date) -> datetime:
    """When ``day`` begins at the hospital."""
    return datetime.combine(day, time(), tzinfo=ZoneInfo(hospital.time_zone))


def make_world(
    hospital: Hospital,
    *,
    patients: int,
    days: int,
    seed: int,
    start: date,
    staff: Mapping[str, Actor] | None = None,
) -> World:
    """The hospital as it stands on the morning of ``start``, with its patients on their way.

    Raises ``Conflict`` when this seed was played there before, ``DomainError`` when nothing can be.
    """
    world = World(
        hospital=hospital,
        offer=read_offer(hospital),
        start=start_of(hospital, start),
        seed=seed,
        patients_a_day=-(-patients // days),
    )
    world.staff.update(staff or {})
    with transaction(hospital.id):
        if Patient.objects.filter(source_id__startswith=f"{world.run}:").exists():
            raise Conflict(
                f"Seed {seed} was played at {hospital.slug!r} from {start} before. "
                "Choose another seed, another start, or leave out the hospital to play in a new one.",
                field="--seed",
                code="already_played",
            )
    chance = world.chance("arrivals")
    for number in range(1, patients + 1):
        is_emergency = bool(world.offer.emergencies) and chance.random() < _SHARE_OF_EMERGENCIES
        if is_emergency:
            hour = chance.randrange(24)
        else:
            hour = chance.choices(list(_CLINIC_HOURS), weights=list(_CLINIC_HOURS.values()))[0]
        seconds = chance.randrange(days) * DAY + hour * HOUR + chance.randrange(HOUR)
        world.clock.process(arrive(world, number, arrives_at_seconds=seconds, is_emergency=is_emergency))
    return world


def play(world: World, *, seconds: int, progress: Progress = lambda share: None) -> Played:
    """Let ``seconds`` of simulated time pass; visits under way then stay under way.

    ``progress`` is told the share of the time that has passed, after each simulated hour.
    """
    for until in [*range(HOUR, seconds, HOUR), seconds]:
        world.clock.run(until=until)
        progress(until / seconds)
    while audit.seal(world.id, at=world.at):
        pass
    return Played(dict(sorted(world.tally.items())), read_books(world))


def stock_taker(world: World) -> Callable[[], None]:
    """What to call now and then while a long run fills the tables: lets PostgreSQL see how full they are.

    Otherwise it goes on reading them as if they were as empty as at the start.
    """
    next_at = _FIRST_STOCK_AT_VISITS

    def take_stock() -> None:
        nonlocal next_at
        if world.tally["visits"] >= next_at:
            next_at *= 4
            with connections["owner"].cursor() as cursor:
                cursor.execute("ANALYZE")

    return take_stock
