"""The kinds of messages, and what finds out to whom one is to be written: declared by the rooms above.

A room lists its ``MessageKind`` as ``message_kinds`` of its ``AppConfig``; this room knows no billing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol
from uuid import UUID

from django.apps import apps
from django.utils.functional import Promise
from django.utils.module_loading import import_string


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that a patient is to be told: ``kind`` of message about a ``thing``, at a ``step`` of it.

    ``amount_minor`` is what is asked for, in minor units of the hospital's currency; ``due_on`` the day it says.
    """

    kind: str
    thing: str
    step: str
    patient_id: UUID
    amount_minor: int
    due_on: date


class Finder(Protocol):
    """What a ``MessageKind.finder`` names: the notices that are due at ``at``, of one patient or of all.

    It runs inside the hospital's transaction, writes nothing, and gives a notice as long as it is true: whether
    its message was written before is the outbox's business.
    """

    def __call__(
        self, hospital_id: UUID, *, at: datetime, patient_id: UUID | None = None
    ) -> list[Notice]: ...


@dataclass(frozen=True, slots=True)
class MessageKind:
    """``code`` names its templates: ``messages/<code>.<channel>.txt``. ``finder`` is the dotted name of a
    ``Finder``."""

    code: str
    title: str | Promise
    finder: str


def message_kinds() -> dict[str, MessageKind]:
    """Every kind by code, in the order of the installed apps."""
    declared: list[MessageKind] = [
        kind for config in apps.get_app_configs() for kind in getattr(config, "message_kinds", ())
    ]
    return {kind.code: kind for kind in declared}


def find_notice(hospital_id: UUID, kind: str, thing: str, *, patient_id: UUID, at: datetime) -> Notice | None:
    """The notice of ``kind`` about ``thing`` as it is at ``at``; None when it is no longer true."""
    known = message_kinds().get(kind)
    if known is None:
        return None
    found = _finder(known.finder)(hospital_id, at=at, patient_id=patient_id)
    return next((notice for notice in found if (notice.kind, notice.thing) == (kind, thing)), None)


def find_notices(hospital_id: UUID, *, at: datetime) -> list[Notice]:
    """Everything that patients are to be told at ``at``. Needs the hospital's transaction."""
    names = dict.fromkeys(kind.finder for kind in message_kinds().values())
    return [notice for name in names for notice in _finder(name)(hospital_id, at=at)]


def _finder(name: str) -> Finder:
    found: Finder = import_string(name)
    return found
