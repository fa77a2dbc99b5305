"""What the first page says, in words and figures of the hospital's locale."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from almoner.enforcement.concealment import PERMISSION_READ_BLOCKED
from almoner.enforcement.rules import Option
from almoner.hospitals.models import Hospital
from almoner.kernel.actor import Actor
from almoner.pages.charts import ColumnChart, column_chart
from almoner.pages.presenters import (
    METHODS,
    BillingWidget,
    Formats,
    billing_widget,
    duration,
    visit_tags,
)
from almoner.reports.day import Collected, Day, HeldStep, Visit, Waiting


@dataclass(frozen=True, slots=True)
class VisitRow:
    """A visit in the table. ``tags``: emergency, inpatient, triage."""

    patient: str
    patient_url: str
    mrn: str
    number: str
    since: str
    waited: str
    state: str
    state_at: str
    is_open: bool
    tags: tuple[tuple[str, str], ...]
    billing: BillingWidget | None


@dataclass(frozen=True, slots=True)
class DepartmentRows:
    name: str
    open_count: int
    rows: tuple[VisitRow, ...]


@dataclass(frozen=True, slots=True)
class OptionLine:
    """Something that can be done, and the roles that may; ``mine``: the reader is one of them."""

    title: str
    who: str
    mine: bool


@dataclass(frozen=True, slots=True)
class HeldCard:
    id: UUID
    patient: str
    patient_url: str
    mrn: str
    what: str
    order_number: str
    where: str
    amount: str
    reason: str
    held_at: str
    asked_by: str
    options: tuple[OptionLine, ...]
    released: bool


@dataclass(frozen=True, slots=True)
class MethodLine:
    title: Any
    payments: int
    amount: str
    returned: str
    share_percent: str


@dataclass(frozen=True, slots=True)
class WaitingLine:
    title: Any
    count: str
    icon: str


@dataclass(frozen=True, slots=True)
class DayPage:
    """Everything ``day/page.html`` shows."""

    title: str
    day: str
    is_today: bool
    previous_day: str
    next_day: str
    words: str
    figure_here: int
    figure_visits: str
    figure_held: int
    figure_held_amount: str
    figure_collected: str
    figure_payments: str
    departments: tuple[DepartmentRows, ...]
    visits_total: int
    visits_hidden: int
    held: tuple[HeldCard, ...]
    methods: tuple[MethodLine, ...]
    returned: str
    chart: ColumnChart | None
    waiting: tuple[WaitingLine, ...]


def present_day(
    hospital: Hospital, actor: Actor, read: Day, *, words: str, today: date, at: datetime
) -> DayPage:
    """``read`` as ``actor`` may see it."""
    formats = Formats.of(hospital)
    day = read.period.day
    until = min(at, read.period.ends_at)
    held_minor = sum(step.due_minor for step in read.held_now)
    payments = read.collected.payments
    return DayPage(
        title=formats.day(day, "full"),
        day=day.isoformat(),
        is_today=read.is_today,
        previous_day=(day - timedelta(days=1)).isoformat(),
        next_day=(day + timedelta(days=1)).isoformat(),
        words=words,
        figure_here=read.visits_open,
        figure_visits=ngettext("%(count)d visit", "%(count)d visits", read.visits_total)
        % {"count": read.visits_total},
        figure_held=len(read.held_now),
        figure_held_amount=formats.money(held_minor),
        figure_collected=formats.money(read.collected.net_minor),
        figure_payments=ngettext("%(count)d payment", "%(count)d payments", payments) % {"count": payments},
        departments=tuple(_departments(read, formats, actor, until=until, today=today)),
        visits_total=read.visits_total,
        visits_hidden=read.visits_matching - len(read.visits),
        held=tuple(_held_card(step, formats, actor, today=today) for step in read.held),
        methods=_methods(read.collected, formats),
        returned=formats.money(-read.collected.returned_minor) if read.collected.returned_minor else "",
        chart=column_chart(read.collected.by_hour, formats.money) if read.collected.by_method else None,
        waiting=_waiting(read.waiting),
    )


def _departments(
    read: Day, formats: Formats, actor: Actor, *, until: datetime, today: date
) -> list[DepartmentRows]:
    groups = []
    visits = sorted(read.visits, key=lambda v: (v.department_kind != "emergency", v.department))
    for name, members in groupby(visits, key=lambda visit: visit.department):
        ordered = sorted(members, key=lambda visit: (not visit.is_open(until), visit.started_at))
        rows = tuple(_visit_row(visit, read, formats, actor, until=until, today=today) for visit in ordered)
        groups.append(DepartmentRows(name, sum(row.is_open for row in rows), rows))
    return groups


def _visit_row(
    visit: Visit, read: Day, formats: Formats, actor: Actor, *, until: datetime, today: date
) -> VisitRow:
    is_open = visit.is_open(until)
    reference = read.period.day
    if is_open:
        state = visit.bed or visit.last_event or str(_("Arrived"))
        state_at = formats.moment(visit.last_event_at or visit.started_at, today=reference)
    else:
        state = str(_("Left"))
        state_at = formats.moment(visit.ended_at or until, today=reference)
    status = read.statuses.get(visit.patient_id)
    return VisitRow(
        patient=visit.patient_name,
        patient_url=reverse("patient", args=[visit.patient_id]),
        mrn=visit.mrn,
        number=visit.number,
        since=formats.moment(visit.started_at, today=reference),
        waited=duration(int((until - visit.started_at).total_seconds() // 60)) if is_open else "",
        state=state,
        state_at=state_at,
        is_open=is_open,
        tags=visit_tags(visit.encounter_class, visit.triage_level),
        billing=billing_widget(status, formats, actor, today=today) if status else None,
    )


def _held_card(step: HeldStep, formats: Formats, actor: Actor, *, today: date) -> HeldCard:
    """Who may not read which services are blocked sees patient, order number and amount, nothing else."""
    may_read = actor.may(PERMISSION_READ_BLOCKED)
    return HeldCard(
        id=step.decision_id,
        patient=step.visit.patient_name,
        patient_url=reverse("patient", args=[step.visit.patient_id]),
        mrn=step.visit.mrn,
        what=step.title if may_read else str(_("A service")),
        order_number=step.order_number,
        where=step.visit.department,
        amount=formats.money(step.due_minor),
        reason=step.reason if may_read else "",
        held_at=formats.moment(step.held_at, today=today),
        asked_by=formats.person(step.asked_by),
        options=tuple(_option(option, actor) for option in step.options),
        released=step.released,
    )


def _option(option: Option, actor: Actor) -> OptionLine:
    if not option.permission:
        return OptionLine(str(option.title), str(_("anyone")), True)
    return OptionLine(
        str(option.title), ", ".join(actor.who_may(option.permission)), actor.may(option.permission)
    )


def _methods(collected: Collected, formats: Formats) -> tuple[MethodLine, ...]:
    largest = max((takings.net_minor for takings in collected.by_method), default=0)
    return tuple(
        MethodLine(
            title=METHODS.get(takings.method, takings.method),
            payments=takings.payments,
            amount=formats.money(takings.net_minor),
            returned=formats.money(-takings.returned_minor) if takings.returned_minor else "",
            share_percent=f"{max(0, 100 * takings.net_minor // largest) if largest > 0 else 0}%",
        )
        for takings in collected.by_method
    )


def _waiting(waiting: Waiting) -> tuple[WaitingLine, ...]:
    beds = f"{waiting.beds - waiting.beds_taken} / {waiting.beds}"
    return (
        WaitingLine(_("Laboratory orders open"), str(waiting.test_orders), icon="flask"),
        WaitingLine(_("Prescriptions to dispense"), str(waiting.prescriptions), icon="pill"),
        WaitingLine(_("Admitted, awaiting a bed"), str(waiting.admissions_without_bed), icon="clock-pause"),
        WaitingLine(_("Beds free"), beds, icon="bed"),
    )
