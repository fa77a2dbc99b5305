"""Who did something, as people read it: the name of a person, or plain words for a program."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from almoner.identity.queries import names_of_members

PROGRAMS = {
    "accrue": gettext_lazy("Automatic charges"),
    "command line": gettext_lazy("Command line"),
    "config": gettext_lazy("Hospital file"),
    "demo": gettext_lazy("Demo"),
    "email": gettext_lazy("Link in an email"),
    "import": gettext_lazy("Import"),
    "jobs": gettext_lazy("Scheduled job"),
    "simulation": gettext_lazy("Simulation"),
}
"""The program itself, by what it was doing (``kernel.actor.system``), and who only has a link."""


@dataclass(frozen=True)
class ActorNames:
    """The names of those who act at a hospital; one statement, when the first name is asked for."""

    hospital_id: UUID

    @cached_property
    def _members(self) -> dict[str, str]:
        return names_of_members(self.hospital_id)

    def __call__(self, actor: str) -> str:
        """Whom a record names: ``user:ada@example.org`` is Ada Byron, or the address of who works there no more.

        ``key:Lab analyser`` and ``system:import`` are programs. Empty when nobody is named.
        """
        kind, _colon, name = actor.partition(":")
        if kind == "user":
            return self._members.get(name, name)
        if kind == "key":
            return _("API key %(name)s") % {"name": name}
        return str(PROGRAMS.get(name, name)) or actor
