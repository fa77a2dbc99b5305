"""The simulated hospital while it is played: its clock, its queues, its staff, and what has happened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from random import Random
from typing import Any, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import simpy
from django.db.transaction import atomic

from almoner.hospitals.models import Hospital
from almoner.identity.roles import ROLES
from almoner.kernel.actor import Actor, system
from almoner.kernel.errors import DomainError
from almoner.shell.simulation.offer import Offer

Result = TypeVar("Result")
Play = Generator[simpy.Event, Any, Result]
"""A piece of a story: it waits by yielding events of the clock, and ends with a result."""

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR
PATIENTS_PER_DOCTOR = 20
PATIENTS_PER_DESK = 60


def staff_of(name_of_role: Callable[[str], str]) -> dict[str, Actor]:
    """One member of staff for each role, with that role's permissions and no others."""
    return {
        role: Actor(
            name=name_of_role(role), permissions=definition.permissions, everything=definition.everything
        )
        for role, definition in ROLES.items()
    }


@dataclass
class World:
    """``clock.now`` counts seconds since ``start``; rooms with places are SimPy resources."""

    hospital: Hospital
    offer: Offer
    start: datetime
    seed: int
    patients_a_day: int
    staff: dict[str, Actor] = field(default_factory=lambda: staff_of(lambda role: f"simulation:{role}"))
    clock: simpy.Environment = field(default_factory=simpy.Environment)
    tally: Counter[str] = field(default_factory=Counter)
    known_patients: list[UUID] = field(default_factory=list)
    automatic: Actor = field(default_factory=lambda: system("simulation"))

    def __post_init__(self) -> None:
        rooms = len(self.offer.clinics) + len(self.offer.emergencies)
        doctors = 1 + self.patients_a_day // (PATIENTS_PER_DOCTOR * rooms)
        desks = 1 + self.patients_a_day // PATIENTS_PER_DESK
        self.doctors = {
            code: simpy.Resource(self.clock, doctors)
            for code in (*self.offer.clinics, *self.offer.emergencies)
        }
        self.cashiers = simpy.Resource(self.clock, desks)
        self.laboratory = simpy.Resource(self.clock, desks + 1)
        self.pharmacy = simpy.Resource(self.clock, desks)
        self.beds = {code: simpy.Store(self.clock) for code in self.offer.free_beds}
        for code, beds in self.offer.free_beds.items():
            self.beds[code].items.extend(beds)

    @property
    def id(self) -> UUID:
        return self.hospital.id

    @property
    def at(self) -> datetime:
        """The present instant of the story."""
        return self.start + timedelta(seconds=self.clock.now)

    @property
    def local(self) -> datetime:
        """The present instant on the hospital's own clock."""
        return self.at.astimezone(ZoneInfo(self.hospital.time_zone))

    @property
    def run(self) -> str:
        """What the keys of this run begin with: the same run is never played twice at a hospital."""
        return f"simulation:{self.seed}:{self.start:%Y%m%d}"

    def chance(self, what: str) -> Random:
        """A source of chance of its own for ``what``, so that no story disturbs another's."""
        return Random(f"{self.seed}:{what}")

    def wait(self, minutes: float) -> simpy.Event:
        """Let ``minutes`` pass, in whole seconds."""
        return self.clock.timeout(max(1, round(minutes * MINUTE)))

    def wait_until_local(self, hour: int, minute: int = 0) -> simpy.Event:
        """Let time pass until the hospital's clock next shows ``hour:minute``."""
        local = self.local
        then = datetime.combine(local.date(), time(hour, minute), tzinfo=local.tzinfo)
        if then <= local:
            then = datetime.combine(local.date() + timedelta(days=1), time(hour, minute), tzinfo=local.tzinfo)
        return self.clock.timeout(max(1, round(then.timestamp() - self.at.timestamp())))

    def count(self, what: str, number: int = 1) -> None:
        self.tally[what] += number

    def unless_refused(self, operation: Callable[[], Result]) -> Result | None:
        """The operation's result, or None when it was refused, which is counted and leaves nothing behind."""
        try:
            with atomic():
                return operation()
        except DomainError as error:
            self.count(f"refused: {error.code}")
            return None
