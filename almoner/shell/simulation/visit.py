"""A visit in progress, and what every part of its story needs to know."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from uuid import UUID

from almoner.kernel.actor import Actor
from almoner.shell.simulation.world import World


@dataclass
class Visit:
    """``number`` is the story's, ``chance`` its own. ``payer`` (code and id) is set for an insured patient."""

    world: World
    number: str
    department: str
    patient_id: UUID
    account_id: UUID
    encounter_id: UUID
    is_emergency: bool = False
    payer: tuple[str, UUID] | None = None
    admission_id: UUID | None = None
    chance: Random = field(default_factory=Random)
    _keys: int = 0

    def key(self, what: str) -> str:
        """A new idempotency key, the same in every run of this story."""
        self._keys += 1
        return f"{self.world.run}:{self.number}:{self._keys}:{what}"

    def staff(self, role: str) -> Actor:
        return self.world.staff[role]

    def happens(self, probability: float) -> bool:
        return self.chance.random() < probability

    def minutes(self, low: int, high: int) -> int:
        return self.chance.randint(low, high)
