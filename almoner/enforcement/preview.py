"""What another policy would have done: past decisions, with their stored facts, decided anew.

A decision is stored with everything it was made from, so that the same ``decide`` can be asked again under settings
that are only thought of. Nothing is stored. Rows are streamed, and decisions whose facts are alike are decided once:
of a charge's age only counts which of the policies' limits of time it has passed, of its amounts only whether something
is unpaid unless a deposit or a policy is held against them. Neither changes an answer; only the few that are shown are
decided from the very facts.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from django.db import connection

from almoner.enforcement.conditions import named_condition
from almoner.enforcement.policy import Policies
from almoner.enforcement.rules import Decision, DueItem, Facts, Outcome, OverrideInForce, decide
from almoner.kernel.service_points import modules
from almoner.kernel.tenancy import transaction

MAXIMUM_DAYS = 366
EXAMPLES = 10
_CHUNK = 2000
_AT = datetime(2000, 1, 1, tzinfo=UTC)
_BEFORE_DUE = -1
_READ = """
    SELECT step, patient_id::text, encounter_id::text, order_id::text, outcome, facts::text, decided_at::text
    FROM enforcement_gatedecision
    WHERE hospital_id = %s AND decided_at >= %s AND decided_at <= %s
    ORDER BY decided_at, id
"""


@dataclass(frozen=True, slots=True)
class Example:
    """A service that would have gone otherwise; ``due_minor`` is what was unpaid for it."""

    step: str
    patient_id: UUID
    encounter_id: UUID | None
    department: str
    decided_at: datetime
    before: str
    after: Decision
    due_minor: int


@dataclass(frozen=True, slots=True)
class _Kept:
    """A row that may be shown as an ``Example``."""

    step: str
    patient_id: str
    encounter_id: str | None
    before: str
    due_minor: int
    facts: dict[str, Any]
    module: str
    decided_at: datetime


@dataclass(slots=True)
class Difference:
    """What changes at one department and module. Amounts in minor units.

    ``earlier_minor`` is what was unpaid for the services that went ahead and would have been held: money that
    would have come in before the service instead of after it. ``later_minor`` is the same for the services that
    were held and would have gone ahead. A charge counts once, at the first step that it was asked for at.
    """

    asked: int = 0
    newly_held: int = 0
    newly_released: int = 0
    earlier_minor: int = 0
    later_minor: int = 0


@dataclass(slots=True)
class Preview:
    """The difference that policies would have made to the services asked for from ``since`` to ``until``.

    A service counts once, by the gate's first answer to it: ``services`` of ``decisions``. ``groups`` is how many
    situations they come down to. ``changes`` counts the pairs of answers (before, after) that differ.
    """

    since: datetime
    until: datetime
    decisions: int = 0
    services: int = 0
    groups: int = 0
    by_place: dict[tuple[str, str], Difference] = field(default_factory=dict)
    changes: Counter[tuple[str, str]] = field(default_factory=Counter)
    held: list[Example] = field(default_factory=list)
    released: list[Example] = field(default_factory=list)

    @property
    def total(self) -> Difference:
        """Every department and module together."""
        places = self.by_place.values()
        return Difference(
            asked=sum(place.asked for place in places),
            newly_held=sum(place.newly_held for place in places),
            newly_released=sum(place.newly_released for place in places),
            earlier_minor=sum(place.earlier_minor for place in places),
            later_minor=sum(place.later_minor for place in places),
        )


def preview(hospital_id: UUID, policies: Policies, *, since: datetime, until: datetime) -> Preview:
    """Replay the gate's decisions of ``since`` to ``until`` under ``policies``; memory grows with the number of
    services asked for, not with their facts."""
    replay = _Replay(policies, Preview(since, until))
    with transaction(hospital_id):
        for row in _stream(hospital_id, since, until):
            replay.add(*row)
    return replay.finish()


def _stream(hospital_id: UUID, since: datetime, until: datetime) -> Iterator[tuple[Any, ...]]:
    with connection.chunked_cursor() as cursor:
        cursor.execute(_READ, [hospital_id, since, until])
        while rows := cursor.fetchmany(_CHUNK):
            yield from rows


class _Replay:
    def __init__(self, policies: Policies, result: Preview) -> None:
        self.policies = policies
        self.result = result
        self.module_of = modules()
        self.limited = policies.limits_deferral()
        self.largest_deposit = policies.largest_deposit()
        self.compares_amounts = policies.limits_parts() or self.largest_deposit > 0
        self.limits_hours = policies.limits_hours()
        self.critical = policies.critical_conditions()
        self.decided: dict[tuple[Any, ...], Decision] = {}
        self.seen: set[tuple[str, str | None, str | None]] = set()
        self.counted: set[str] = set()
        self.held: deque[_Kept] = deque(maxlen=EXAMPLES)
        self.released: deque[_Kept] = deque(maxlen=EXAMPLES)

    def finish(self) -> Preview:
        """The result, with the examples that are shown."""
        self.result.groups = len(self.decided)
        self.result.held = [self._example(kept) for kept in self.held]
        self.result.released = [self._example(kept) for kept in self.released]
        return self.result

    def add(
        self,
        step: str,
        patient_id: str,
        encounter_id: str | None,
        order_id: str | None,
        before: str,
        text: str,
        at: str,
    ) -> None:
        """A row of ``_READ``, ids and time as text: read by the hundred thousand, few are shown."""
        self.result.decisions += 1
        service = (step, encounter_id, order_id)
        if service in self.seen:
            return
        self.seen.add(service)
        facts = orjson.loads(text)
        decided_at = datetime.fromisoformat(at)
        module = self.module_of.get(step, "")
        amounts = self.compares_amounts or facts["deposit_minor"] > 0
        key = self._situation(facts, module, decided_at, amounts=amounts)
        after = self.decided.get(key)
        if after is None:
            after = self.decided[key] = decide(self.policies, _facts_of(key), _AT)
        place = self.result.by_place.setdefault((facts["department"], module), Difference())
        place.asked += 1
        self.result.services += 1
        if after.outcome.value == before:
            return
        self.result.changes[before, after.outcome.value] += 1
        if Outcome.HELD.value not in (before, after.outcome.value):
            return
        due_minor = self._due(facts, after)
        kept = _Kept(step, patient_id, encounter_id, before, due_minor, facts, module, decided_at)
        if after.outcome is Outcome.HELD:
            place.newly_held += 1
            place.earlier_minor += due_minor
            self.held.append(kept)
        else:
            place.newly_released += 1
            place.later_minor += due_minor
            self.released.append(kept)

    def _situation(
        self, facts: dict[str, Any], module: str, decided_at: datetime, *, amounts: bool
    ) -> tuple[Any, ...]:
        critical = _critical(facts, self.critical)
        return _situation(
            facts,
            module,
            decided_at,
            self.limits_hours,
            critical,
            limited=self.limited,
            largest_deposit=self.largest_deposit,
            amounts=amounts,
        )

    def _example(self, kept: _Kept) -> Example:
        situation = self._situation(kept.facts, kept.module, kept.decided_at, amounts=True)
        return Example(
            step=kept.step,
            patient_id=UUID(kept.patient_id),
            encounter_id=UUID(kept.encounter_id) if kept.encounter_id else None,
            department=kept.facts["department"],
            decided_at=kept.decided_at,
            before=kept.before,
            after=decide(self.policies, _facts_of(situation), _AT),
            due_minor=kept.due_minor,
        )

    def _due(self, facts: dict[str, Any], after: Decision) -> int:
        """What was unpaid of the charges concerned, each charge counted once."""
        due_minor = 0
        for place in after.concerned:
            item = facts["items"][place.int]
            if item["charge_item_id"] not in self.counted:
                self.counted.add(item["charge_item_id"])
                due_minor += item["due_minor"] or 0
        return due_minor


def _age(due_at: str, decided_at: datetime, limits_hours: list[int]) -> int:
    """An age in hours that stands for a charge's own: the first limit it has not passed, an hour more than the last
    when it has passed them all, ``_BEFORE_DUE`` before it fell due."""
    age = decided_at - datetime.fromisoformat(due_at)
    if age < timedelta(0):
        return _BEFORE_DUE
    place = bisect_left(limits_hours, -(-age // timedelta(hours=1)))
    return limits_hours[place] if place < len(limits_hours) else limits_hours[-1] + 1


def _critical(facts: dict[str, Any], codes: tuple[str, ...]) -> tuple[str, ...]:
    """Those of ``codes`` that a decision's visit has; of its conditions nothing else can matter."""
    conditions = facts.get("conditions", ())
    return tuple(code for code in codes if named_condition((code,), conditions)) if conditions else ()


def _is_unpaid(due_minor: int | None) -> int | None:
    """An amount that stands for all that are answered alike: 1 for something, 0 for nothing, None for no price yet."""
    return None if due_minor is None else int(due_minor > 0)


def _situation(
    facts: dict[str, Any],
    module: str,
    decided_at: datetime,
    limits_hours: list[int],
    critical: tuple[str, ...],
    *,
    limited: bool,
    largest_deposit: int,
    amounts: bool,
) -> tuple[Any, ...]:
    """What of the facts decides; equal for decisions that are answered alike.

    ``limited``: some policy limits what may be outstanding. ``amounts``: it matters how much is unpaid, not only
    whether anything is. A deposit counts up to what it could cover, or to the ``largest_deposit`` that is asked for.
    """
    unpaid_minor = sum(item["due_minor"] or 0 for item in facts["items"])
    overridden = any(datetime.fromisoformat(one["expires_at"]) > decided_at for one in facts["overrides"])
    items = tuple(
        (
            item["service"],
            item["name"],
            item["department"],
            item["net_minor"] if amounts else None,
            item["due_minor"] if amounts else _is_unpaid(item["due_minor"]),
            _age(item["due_at"], decided_at, limits_hours),
            item["priority"],
            item["request_type"],
            item["planned"],
            tuple(item.get("steps", ())),
            item.get("module", ""),
            item.get("delivered", False),
        )
        for item in facts["items"]
    )
    return (
        facts["step"],
        facts["currency"],
        items,
        facts["department"],
        facts["department_kind"],
        facts["encounter_class"],
        facts["triage_level"],
        facts["outstanding_minor"] if limited else 0,
        min(facts["deposit_minor"], max(unpaid_minor, largest_deposit)),
        facts["plan_status"],
        overridden,
        facts["conceals_details"],
        facts["settles_encounter"],
        facts.get("module") or module,
        facts.get("patient_category", ""),
        critical,
    )


def _facts_of(situation: tuple[Any, ...]) -> Facts:
    """Facts that stand for all of a situation, as of ``_AT``; a charge's id is its place in the list."""
    (step, currency, items, department, department_kind, encounter_class, triage_level, outstanding_minor,
     deposit_minor, plan_status, overridden, conceals, settles, module, category, conditions) = situation  # fmt: skip
    override = OverrideInForce(UUID(int=0), "", "", _AT + timedelta(hours=1))
    return Facts(
        step=step,
        currency=currency,
        items=tuple(_item_of(place, *item) for place, item in enumerate(items)),
        department=department,
        department_kind=department_kind,
        encounter_class=encounter_class,
        triage_level=triage_level,
        outstanding_minor=outstanding_minor,
        deposit_minor=deposit_minor,
        plan_status=plan_status,
        overrides=(override,) if overridden else (),
        conceals_details=conceals,
        settles_encounter=settles,
        module=module,
        patient_category=category,
        conditions=conditions,
    )


def _item_of(
    place: int,
    service: str,
    name: str,
    department: str,
    net_minor: int | None,
    due_minor: int | None,
    hours: int,
    priority: str,
    request_type: str,
    planned: bool,
    steps: tuple[str, ...],
    module: str,
    delivered: bool,
) -> DueItem:
    return DueItem(
        charge_item_id=UUID(int=place),
        service=service,
        name=name,
        department=department,
        net_minor=net_minor,
        due_minor=due_minor,
        due_at=_AT - timedelta(hours=hours),
        priority=priority,
        request_type=request_type,
        planned=planned,
        steps=steps,
        module=module,
        delivered=delivered,
    )
