"""Overrides and held decisions in words and figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from almoner.enforcement.models import GateDecision, Override
from almoner.enforcement.operations import PERMISSION_OVERRIDE, PERMISSION_REVIEW, PERMISSION_REVOKE
from almoner.enforcement.overrides import HeldLately, OverrideRead, OverrideState, PassedCharge
from almoner.identity.models import AuditRecord
from almoner.kernel.actor import Actor
from almoner.kernel.service_points import steps
from almoner.pages.presenters import Formats

STATES = {
    OverrideState.TO_REVIEW: _("To review"),
    OverrideState.DISPUTED: _("Disputed"),
    OverrideState.ACCEPTED: _("Accepted"),
    OverrideState.IN_FORCE: _("In force"),
    OverrideState.EXPIRED: _("Expired"),
    OverrideState.REVOKED: _("Revoked"),
}
VERDICTS = {
    "": (_("To review"), "due"),
    "accepted": (_("Accepted"), "good"),
    "disputed": (_("Disputed"), "overdue"),
}
ACTIONS = {
    "override.granted": _("Granted"),
    "override.exception_recorded": _("Exception recorded"),
    "override.revoked": _("Revoked"),
    "override.reviewed": _("Reviewed"),
}
OUTCOMES = {
    "allowed": (_("Allowed"), "good"),
    "reminded": (_("Reminded"), "good"),
    "deferred": (_("Deferred"), "deferred"),
    "held": (_("Held"), "required"),
    "overridden": (_("Overridden"), "due"),
}


@dataclass(frozen=True, slots=True)
class Tab:
    """A way to narrow a list; ``count`` empty: it is not counted."""

    title: Any
    url: str
    count: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class Button:
    """Opens a dialog from ``url``; ``why_not`` says who may when it cannot be pressed."""

    title: Any
    url: str
    icon: str
    why_not: str


def button(title: Any, url: str, *, icon: str, permission: str, actor: Actor) -> Button:
    """A button for whoever has ``permission``; for others it says who has it."""
    why_not = ""
    if not actor.may(permission):
        why_not = str(_("This is done by: %(roles)s.") % {"roles": ", ".join(actor.who_may(permission))})
    return Button(title, url, icon, why_not)


def override_tabs(counts: Mapping[OverrideState, int], current: OverrideState | None) -> tuple[Tab, ...]:
    """The states with how many overrides are in each, and all of them."""
    here = reverse("work_lists:overrides")
    tabs = [
        Tab(title, f"{here}?show={state.value}", str(counts[state]), state is current)
        for state, title in STATES.items()
    ]
    return (*tabs, Tab(_("All"), f"{here}?show=all", "", current is None))


@dataclass(frozen=True, slots=True)
class OverrideRow:
    """An override in a list and at the head of its page. ``passed`` empty: nothing went ahead under it yet."""

    url: str
    patient: str
    mrn: str
    patient_url: str
    step: str
    where: str
    reason: str
    triage: str
    granted: str
    granted_by: str
    validity: str
    validity_tone: str
    retroactive: bool
    passed: str
    open: str
    is_open: bool
    verdict: Any
    tone: str
    note: str
    reviewed: str
    actions: tuple[Button, ...]


def step_title(name: str) -> str:
    """What people call the step; its code when the service point is not installed any more."""
    known = steps().get(name)
    return str(known.title) if known else name


def _validity(one: OverrideRead, formats: Formats, at: datetime, today: date) -> tuple[str, str]:
    """In force, expired or revoked, in words and as a tone."""
    if one.revoked_at is not None:
        when = formats.moment(one.revoked_at, today=today)
        return str(_("revoked %(when)s") % {"when": when}), "none"
    until = formats.moment(one.expires_at, today=today)
    if one.expires_at > at:
        return str(_("in force until %(until)s") % {"until": until}), "required"
    return str(_("expired %(until)s") % {"until": until}), "none"


def override_row(
    one: OverrideRead, formats: Formats, actor: Actor, *, at: datetime, today: date
) -> OverrideRow:
    """``one`` for ``actor``. Nobody is offered to review what they granted."""
    verdict, tone = VERDICTS[one.verdict]
    validity, validity_tone = _validity(one, formats, at, today)
    actions = []
    if one.granted_by != actor.name:
        review_url = reverse("work_lists:override-review", args=[one.override_id])
        actions.append(
            button(_("Review"), review_url, icon="clipboard-check", permission=PERMISSION_REVIEW, actor=actor)
        )
    if one.revoked_at is None and one.expires_at > at:
        revoke_url = reverse("work_lists:override-revoke", args=[one.override_id])
        actions.append(button(_("Revoke"), revoke_url, icon="ban", permission=PERMISSION_REVOKE, actor=actor))
    reviewed = ""
    if one.reviewed_at is not None:
        when = formats.moment(one.reviewed_at, today=today)
        reviewed = str(_("%(when)s by %(who)s") % {"when": when, "who": formats.person(one.reviewed_by)})
    return OverrideRow(
        url=reverse("work_lists:override", args=[one.override_id]),
        patient=one.patient,
        mrn=one.mrn,
        patient_url=reverse("patient", args=[one.patient_id]),
        step=step_title(one.step),
        where=f"{one.department} · {one.visit}",
        reason=one.reason,
        triage=str(_("Triage %(level)d") % {"level": one.triage_level}) if one.triage_level else "",
        granted=formats.moment(one.granted_at, today=today),
        granted_by=formats.person(one.granted_by),
        validity=validity,
        validity_tone=validity_tone,
        retroactive=one.held_decision_id is not None,
        passed="" if one.passed_minor is None else formats.money(one.passed_minor),
        open=formats.money(one.open_minor),
        is_open=one.open_minor > 0,
        verdict=verdict,
        tone=tone,
        note=one.note,
        reviewed=reviewed,
        actions=tuple(actions),
    )


@dataclass(frozen=True, slots=True)
class PassedLine:
    service: str
    day: str
    due: str
    open: str
    is_open: bool


def passed_line(one: PassedCharge, formats: Formats) -> PassedLine:
    """A charge that went ahead unpaid."""
    return PassedLine(
        service=one.service,
        day=formats.day(one.service_date),
        due="–" if one.due_minor is None else formats.money(one.due_minor),
        open=formats.money(one.open_minor),
        is_open=one.open_minor > 0,
    )


@dataclass(frozen=True, slots=True)
class HistoryLine:
    title: Any
    says: str
    note: str


def history_line(record: AuditRecord, formats: Formats, *, today: date) -> HistoryLine:
    """An audit record about an override."""
    when, who = formats.moment(record.at, today=today), formats.person(record.actor)
    verdict = record.data.get("verdict", "")
    title = (
        VERDICTS[verdict][0] if verdict in VERDICTS and verdict else ACTIONS.get(record.action, record.action)
    )
    return HistoryLine(
        title=title,
        says=str(record.data.get("note") or record.data.get("reason") or ""),
        note=str(_("%(when)s by %(who)s") % {"when": when, "who": who}),
    )


@dataclass(frozen=True, slots=True)
class HeldRow:
    url: str
    patient: str
    mrn: str
    patient_url: str
    step: str
    where: str
    due: str
    when: str
    by: str
    overridden: bool


def held_row(one: HeldLately, formats: Formats, *, today: date) -> HeldRow:
    """A step that was held lately."""
    return HeldRow(
        url=reverse("work_lists:decision", args=[one.decision_id]),
        patient=one.patient,
        mrn=one.mrn,
        patient_url=reverse("patient", args=[one.patient_id]),
        step=step_title(one.step),
        where=one.department,
        due=formats.money(one.due_minor),
        when=formats.moment(one.decided_at, today=today),
        by=formats.person(one.asked_by),
        overridden=one.override_id is not None,
    )


@dataclass(frozen=True, slots=True)
class DecisionPage:
    """A stored decision with the facts it was made from. ``action`` None: it was not held."""

    patient: str
    mrn: str
    patient_url: str
    step: str
    where: str
    outcome: Any
    tone: str
    reason: str
    due: str
    when: str
    by: str
    version: int
    facts: tuple[tuple[Any, str], ...]
    charges: tuple[tuple[str, str], ...]
    overrides: tuple[HistoryLine, ...]
    action: Button | None


def decision_page(
    one: GateDecision, overrides: list[Override], formats: Formats, actor: Actor, *, today: date
) -> DecisionPage:
    """``one`` as it was decided, and what people said otherwise since."""
    outcome, tone = OUTCOMES[one.outcome]
    facts = one.facts
    told: list[tuple[Any, str]] = [
        (_("Owed altogether"), formats.money(facts["outstanding_minor"])),
        (_("Deposit"), formats.money(facts["deposit_minor"])),
        (_("Department"), facts["department"]),
        (_("Visit class"), facts["encounter_class"]),
        (_("Triage level"), str(facts["triage_level"] or "–")),
        (_("Payment plan"), facts["plan_status"] or "–"),
    ]
    action = None
    if one.outcome == GateDecision.Outcome.HELD and one.encounter_id is not None:
        url = reverse("work_lists:decision-override", args=[one.id])
        action = button(
            _("Override retroactively"), url, icon="ambulance", permission=PERMISSION_OVERRIDE, actor=actor
        )
    return DecisionPage(
        patient=one.patient.name,
        mrn=one.patient.mrn,
        patient_url=reverse("patient", args=[one.patient_id]),
        step=step_title(one.step),
        where=f"{one.encounter.department.name} · {one.encounter.number}" if one.encounter else "",
        outcome=outcome,
        tone=tone,
        reason=one.reason,
        due=formats.money(one.due_minor),
        when=f"{formats.day(formats.local_date(one.decided_at))} {formats.time(one.decided_at)}",
        by=formats.person(one.asked_by),
        version=one.configuration_version,
        facts=tuple(told),
        charges=tuple(
            (item["name"], "–" if item["due_minor"] is None else formats.money(item["due_minor"]))
            for item in facts["items"]
        ),
        overrides=tuple(_overridden(row, formats, today) for row in overrides),
        action=action,
    )


def _overridden(row: Override, formats: Formats, today: date) -> HistoryLine:
    when = formats.moment(row.created_at, today=today)
    return HistoryLine(
        title=_("Overridden"),
        says=row.reason,
        note=str(_("%(when)s by %(who)s") % {"when": when, "who": formats.person(row.created_by)}),
    )


def shown_state(text: str) -> OverrideState | None:
    """What ``?show=`` asks for: what is to be reviewed when nothing, None for all. Raises ``ValueError``."""
    return None if text == "all" else OverrideState(text or OverrideState.TO_REVIEW)
