"""Work that was done without its charge. Each service point knows what counts as done there, and says so here.

A service point names an ``UnbilledSource`` (``unbilled_work`` in its ``apps.py``); the billing office's work
list asks all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol
from uuid import UUID

from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from almoner.charging.operations import Captured, capture, deliver
from almoner.charging.rules import Event
from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict, NotFound
from almoner.kernel.service_points import installed
from almoner.kernel.tenancy import transaction

MAXIMUM_UNBILLED = 100
LOOKED_BACK = timedelta(days=31)
EVENT_KEY = "unbilled"
"""In the body of an event that charges something afterwards: the subject that it charges."""


@dataclass(frozen=True, slots=True)
class Unbilled:
    """Work that was done and has no charge. ``subject`` names it, after the service point: ``ward:...``."""

    subject: str
    what: str
    quantity: Decimal
    order_number: str
    done_at: datetime
    encounter_id: UUID
    patient_id: UUID
    patient: str
    mrn: str


class Find(Protocol):
    """What was done from ``since`` to before ``at`` without its charge and not reviewed, the latest first.

    One statement, at most ``limit`` of it; only ``subject`` when it is not empty.
    """

    def __call__(self, *, since: datetime, at: datetime, limit: int, subject: str = "") -> list[Unbilled]: ...


class Charge(Protocol):
    """Charge ``work`` now; returns what it comes to, in minor units. Raises ``Conflict`` when no rule charges it."""

    def __call__(self, hospital_id: UUID, work: Unbilled, *, actor: Actor, at: datetime) -> int: ...


@dataclass(frozen=True, slots=True)
class UnbilledSource:
    """How a service point finds its unbilled work, and charges it."""

    find: Find
    charge: Charge


def _sources() -> Mapping[str, UnbilledSource]:
    return {point.label: import_string(point.unbilled_work) for point in installed() if point.unbilled_work}


def find_unbilled(*, at: datetime, since: datetime, limit: int = MAXIMUM_UNBILLED) -> list[Unbilled]:
    """What was done without its charge at any service point, the latest first; one statement for each of them."""
    found = [work for source in _sources().values() for work in source.find(since=since, at=at, limit=limit)]
    return sorted(found, key=lambda work: (work.done_at, work.subject), reverse=True)[:limit]


def find_subject(subject: str, *, at: datetime) -> Unbilled:
    """The unbilled work that ``subject`` names, however long ago. Raises ``NotFound`` when there is none now."""
    source = _sources().get(subject.partition(":")[0])
    if source is not None and subject.isprintable():
        found = source.find(since=at - timedelta(days=36_500), at=at, limit=1, subject=subject)
        if found:
            return found[0]
    raise NotFound(
        _("Nothing like that is unbilled: it has been charged or reviewed meanwhile."),
        field="subject",
        code="unknown_work",
    )


def named_id(subject: str) -> UUID:
    """The id that stands after the service point's name in ``subject``; one that nothing has when none does."""
    try:
        return UUID(subject.partition(":")[2])
    except ValueError:
        return UUID(int=0)


def charge_unbilled(hospital_id: UUID, subject: str, *, actor: Actor, at: datetime) -> int:
    """Charge work that was done without its charge, as delivered; returns what it comes to, in minor units.

    Raises ``NotFound`` when it is charged meanwhile, ``Conflict`` when no rule of the hospital charges it.
    """
    with transaction(hospital_id):
        work = find_subject(subject, at=at)
        return _sources()[subject.partition(":")[0]].charge(hospital_id, work, actor=actor, at=at)


def charge_as_ordered(hospital_id: UUID, event: Event, work: Unbilled, *, actor: Actor, at: datetime) -> int:
    """Capture ``event``, which charges as an order does, and deliver what it charged, since the work was done."""
    captured: Captured = capture(hospital_id, event, actor=actor, at=at)
    if not captured.items:
        raise no_rule()
    deliver(
        [item["id"] for item in captured.items],
        source_id=captured.event_id,
        occurred_at=work.done_at,
        actor=actor,
        at=at,
    )
    return captured.total_minor


def no_rule() -> Conflict:
    """Nothing charges the work."""
    return Conflict(
        _("No charge rule of the hospital charges this. Add one, or say that no charge is needed."),
        field="subject",
        code="no_charge_rule",
    )
