"""Payment plans in words and figures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from almoner.kernel.actor import Actor
from almoner.pages.plans.forms import FREQUENCIES
from almoner.pages.plans.queries import PlanRead, PlanRow
from almoner.pages.presenters import PLANS, Formats
from almoner.payments.operations import PERMISSION_PLAN, PERMISSION_RECORD
from almoner.payments.plan_queries import InstalmentStanding
from almoner.payments.plans import Frequency, Instalment, PlanStatus, Terms

TONES = {
    "on_track": "good",
    "behind": "overdue",
    "completed": "good",
    "cancelled": "none",
    "replaced": "none",
}
TABS = {
    "behind": (gettext_lazy("Behind"), ["behind"]),
    "on-track": (gettext_lazy("On Track"), ["on_track"]),
    "completed": (gettext_lazy("Completed"), ["completed"]),
    "ended": (gettext_lazy("Cancelled or replaced"), ["cancelled", "replaced"]),
}


@dataclass(frozen=True, slots=True)
class InstalmentLine:
    """``tone`` and ``state``: paid, partly paid, missed, to come."""

    title: str
    due: str
    amount: str
    paid: str
    state: str
    tone: str


@dataclass(frozen=True, slots=True)
class ChangeAsked:
    """A change that waits for a second person; ``why_not`` says why it is not this one."""

    says: str
    terms: str
    by: str
    why_not: str
    approve_url: str
    refuse_url: str


@dataclass(frozen=True, slots=True)
class PlanPage:
    """``plans/plan.html`` and the printed agreement. ``settle_url``: where the rest can be paid at once."""

    id: UUID
    patient: str
    mrn: str
    patient_url: str
    status: Any
    tone: str
    total: str
    paid: str
    paid_percent: int
    left: str
    fees: str
    fees_spared: str
    behind: str
    missed: str
    covers: str
    terms: str
    agreed: str
    agreed_by: str
    patient_agreed_by: str
    ended: str
    replaces_url: str
    replaced_by_url: str
    next_says: str
    instalments: tuple[InstalmentLine, ...]
    change: ChangeAsked | None
    may_change: bool
    settle_url: str
    pay_url: str
    pay: str
    agreement_url: str


@dataclass(frozen=True, slots=True)
class PlanLine:
    """A row of ``plans/list.html``."""

    url: str
    patient: str
    patient_url: str
    mrn: str
    phone: str
    paid: str
    paid_percent: int
    total: str
    behind: str
    missed: str
    next_says: str
    change_asked: bool


@dataclass(frozen=True, slots=True)
class Tab:
    title: Any
    url: str
    count: str
    is_current: bool


def tabs(current: str) -> tuple[Tab, ...]:
    """The lists of plans."""
    home = reverse("plans:plans")
    return tuple(Tab(title, f"{home}?show={code}", "", code == current) for code, (title, _s) in TABS.items())


def plan_line(row: PlanRow, formats: Formats) -> PlanLine:
    """A plan as a row."""
    return PlanLine(
        url=reverse("plans:plan", args=[row.plan_id]),
        patient=row.patient,
        patient_url=reverse("patient", args=[row.patient_id]),
        mrn=row.mrn,
        phone=row.phone,
        paid=formats.money(row.paid_minor),
        paid_percent=_percent(row.paid_minor, row.total_minor),
        total=formats.money(row.total_minor),
        behind=formats.money(row.behind_minor) if row.behind_minor else "",
        missed=_missed(row.missed),
        next_says=_next(row.next_due_on, row.next_due_minor, formats),
        change_asked=row.change_asked,
    )


def _percent(part: int, whole: int) -> int:
    return part * 100 // whole


def _missed(count: int) -> str:
    return (
        ngettext("%(n)d instalment missed", "%(n)d instalments missed", count) % {"n": count} if count else ""
    )


def _next(day: date | None, amount_minor: int, formats: Formats) -> str:
    if day is None:
        return ""
    return _("%(amount)s due %(day)s") % {"amount": formats.money(amount_minor), "day": formats.day(day)}


def terms_say(terms: Terms, formats: Formats) -> str:
    """Terms in one line: how many, how often, from when."""
    if terms.frequency is Frequency.DATES:
        said = ngettext("%(n)d instalment on its day", "%(n)d instalments on given days", len(terms.parts))
        words = [said % {"n": len(terms.parts)}]
    else:
        said = ngettext("%(n)d instalment", "%(n)d instalments", terms.instalments)
        words = [said % {"n": terms.instalments}, str(FREQUENCIES[terms.frequency]).lower()]
        if terms.first_due_on:
            words.append(_("from %(day)s") % {"day": formats.day(terms.first_due_on)})
    if terms.down_payment_minor:
        words.append(_("%(amount)s down") % {"amount": formats.money(terms.down_payment_minor)})
    return ", ".join(words)


def preview_lines(instalments: Sequence[Instalment], formats: Formats) -> tuple[InstalmentLine, ...]:
    """Instalments before they are agreed."""
    return tuple(
        InstalmentLine(
            _title(one.number), formats.day(one.due_on), formats.money(one.amount_minor), "", "", "none"
        )
        for one in instalments
    )


def _title(number: int) -> str:
    return str(number) if number else _("Down payment")


def _line(
    one: InstalmentStanding, formats: Formats, *, grace_days: int, today: date, ended: bool
) -> InstalmentLine:
    late = (today - one.due_on).days > (grace_days if one.number else -1)
    if one.paid_minor >= one.amount_minor:
        state, tone = _("Paid"), "good"
    elif ended:
        state, tone = _("Not asked for"), "none"
    elif late:
        state, tone = (_("Missed") if one.number else _("Waited for")), "overdue"
    else:
        state, tone = _("To come"), "none"
    paid = formats.money(one.paid_minor) if 0 < one.paid_minor < one.amount_minor else ""
    return InstalmentLine(
        _title(one.number), formats.day(one.due_on), formats.money(one.amount_minor), paid, state, tone
    )


def present_plan(read: PlanRead, formats: Formats, actor: Actor, *, today: date) -> PlanPage:
    """``read`` as ``actor`` may act on it."""
    plan, standing = read.plan, read.standing
    in_force = standing.status in (PlanStatus.ON_TRACK, PlanStatus.BEHIND)
    may_pay = in_force and actor.may(PERMISSION_RECORD)
    return PlanPage(
        id=plan.id,
        patient=read.patient.name,
        mrn=read.patient.mrn,
        patient_url=reverse("patient", args=[read.patient.id]),
        status=_status(read),
        tone=TONES[standing.status.value],
        total=formats.money(plan.total_minor),
        paid=formats.money(standing.paid_minor),
        paid_percent=_percent(standing.paid_minor, plan.total_minor),
        left=formats.money(read.to_settle_minor) if in_force else "",
        fees=formats.money(plan.fees_minor) if plan.fees_minor else "",
        fees_spared=formats.money(read.not_earned_minor) if read.not_earned_minor and in_force else "",
        behind=formats.money(standing.behind_minor) if standing.behind_minor else "",
        missed=_missed(standing.missed),
        covers=_covers(read, formats),
        terms=_terms(read, formats),
        agreed=formats.day(formats.local_date(plan.agreed_at)),
        agreed_by=formats.person(plan.agreed_by),
        patient_agreed_by=plan.patient_agreed_by or read.patient.name,
        ended=_ended(read, formats),
        replaces_url=reverse("plans:plan", args=[plan.replaces_id]) if plan.replaces_id else "",
        replaced_by_url=reverse("plans:plan", args=[read.replaced_by]) if read.replaced_by else "",
        next_says=_next(standing.next_due_on, standing.next_due_minor, formats),
        instalments=_lines(read, formats, today, ended=not in_force),
        change=_change(read, formats, actor) if read.change and in_force else None,
        may_change=in_force and actor.may(PERMISSION_PLAN),
        settle_url=reverse("plans:settle", args=[plan.id]) if may_pay and read.to_settle_minor else "",
        pay_url=reverse("plans:pay", args=[plan.id]) if may_pay else "",
        pay=formats.money(standing.behind_minor or standing.next_due_minor),
        agreement_url=reverse("plans:agreement", args=[plan.id]),
    )


def _lines(read: PlanRead, formats: Formats, today: date, *, ended: bool) -> tuple[InstalmentLine, ...]:
    grace = read.plan.grace_days
    return tuple(_line(one, formats, grace_days=grace, today=today, ended=ended) for one in read.instalments)


def _status(read: PlanRead) -> Any:
    settled, last = read.standing.settled_on, max(one.due_on for one in read.instalments)
    if settled is not None and settled < last:
        return _("Settled early")
    return PLANS[read.standing.status.value]


def _covers(read: PlanRead, formats: Formats) -> str:
    if read.visit is None:
        day = formats.day(formats.local_date(read.plan.agreed_at))
        return _("What was owed on the account on %(day)s") % {"day": day}
    return _("Visit %(number)s, %(department)s") % {
        "number": read.visit.number,
        "department": read.visit.department.name,
    }


def _terms(read: PlanRead, formats: Formats) -> str:
    regular = [one for one in read.instalments if one.number]
    down = sum(one.amount_minor for one in read.instalments if not one.number)
    frequency = Frequency(read.plan.frequency)
    said = terms_say(
        Terms(
            instalments=len(regular),
            first_due_on=regular[0].due_on,
            frequency=frequency,
            down_payment_minor=down,
            parts=tuple((one.due_on, one.amount_minor) for one in regular),
        ),
        formats,
    )
    if not read.plan.grace_days:
        return said
    days = ngettext("%(n)d day of grace", "%(n)d days of grace", read.plan.grace_days)
    return f"{said}, {days % {'n': read.plan.grace_days}}"


def _ended(read: PlanRead, formats: Formats) -> str:
    if read.cancellation is None:
        return ""
    return _("Cancelled %(day)s by %(who)s: %(reason)s") % {
        "day": formats.day(formats.local_date(read.cancellation.at)),
        "who": formats.person(read.cancellation.cancelled_by),
        "reason": read.cancellation.reason,
    }


def _change(read: PlanRead, formats: Formats, actor: Actor) -> ChangeAsked | None:
    asked = read.change
    if asked is None:
        return None
    why_not = ""
    if not actor.may(PERMISSION_PLAN):
        why_not = _("Done by: %(roles)s") % {"roles": ", ".join(actor.who_may(PERMISSION_PLAN))}
    elif actor.name == asked.requested_by:
        why_not = _("You asked for this yourself: somebody else decides.")
    return ChangeAsked(
        says=asked.reason,
        terms=terms_say(Terms.of_data(asked.terms), formats),
        by=formats.person(asked.requested_by),
        why_not=why_not,
        approve_url=reverse("plans:approve", args=[asked.id]),
        refuse_url=reverse("plans:refuse", args=[asked.id]),
    )


def total_minor(rows: Iterable[PlanRow]) -> int:
    """What the plans of a list are behind, together."""
    return sum(row.behind_minor for row in rows)
