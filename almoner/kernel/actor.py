"""Who acts: a person, a program with an API key, or the system itself; and what they may do."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from uuid import UUID

from django.utils.translation import gettext

from almoner.kernel.errors import PermissionRefused


@dataclass(frozen=True, slots=True)
class Role:
    """What somebody works as. ``title`` is stored, in English for the roles that every hospital has;
    ``everything``: may do whatever is asked for."""

    title: str
    permissions: frozenset[str] = frozenset()
    everything: bool = False

    @property
    def name(self) -> str:
        """The title in the reader's language; a role of the hospital's own is called what the hospital calls it."""
        return gettext(self.title) if self.title else ""

    def may(self, permission: str) -> bool:
        return self.everything or permission in self.permissions


@dataclass(frozen=True, slots=True)
class Actor:
    """``name`` is what the records say (``user:ada@example.org``); ``permissions`` are codes of the rooms.

    ``roles`` are those of the actor's hospital, to say who may do what the actor may not.
    """

    name: str
    permissions: frozenset[str] = field(default_factory=frozenset)
    user_id: UUID | None = None
    everything: bool = False
    roles: tuple[Role, ...] = field(default=(), repr=False, compare=False)

    def may(self, permission: str) -> bool:
        return self.everything or permission in self.permissions

    def require(self, permission: str) -> None:
        """Raise ``PermissionRefused`` unless this actor has ``permission``."""
        if not self.may(permission):
            raise PermissionRefused(permission)

    def who_may(self, permission: str) -> list[str]:
        """Titles of the hospital's roles that have ``permission``, those that may everything last."""
        able = [role for role in self.roles if role.may(permission)]
        return [role.name for role in sorted(able, key=lambda role: role.everything)]

    def also(self, *permissions: str) -> Actor:
        """The same actor for a part of what they may do: giving a bed moves the advance, too."""
        return replace(self, permissions=self.permissions | frozenset(permissions))


def system(name: str) -> Actor:
    """The program itself, for imports, simulations and jobs: ``system:import``."""
    return Actor(name=f"system:{name}", everything=True)
