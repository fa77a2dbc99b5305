"""The doctor's pages in words and figures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from almoner.enforcement.queries import BillingStatus
from almoner.enforcement.rules import Decision, Outcome
from almoner.kernel.actor import Actor
from almoner.orders.findings import Finding
from almoner.pages.patient_page import SEXES, age
from almoner.pages.presenters import BillingWidget, Formats, billing_widget, duration, visit_tags
from almoner.patients.diagnoses import PERMISSION_DIAGNOSE
from almoner.service_points.consultation.models import ConsultationNote
from almoner.service_points.consultation.queries import Line, Progress, Waiting

VISIT_TYPES = {"follow_up": _("Follow-up"), "elective": _("Planned"), "maintenance": _("Standing")}
OUTCOMES = {
    Outcome.ALLOWED: (_("Ready"), "good"),
    Outcome.REMINDED: (_("Remind of payment"), "due"),
    Outcome.DEFERRED: (_("Payment deferred"), "due"),
    Outcome.HELD: (_("Payment required"), "required"),
    Outcome.OVERRIDDEN: (_("Released"), "good"),
}
KINDS = {
    "note": _("Note"),
    "diagnosis": _("Diagnosis"),
    "tests": _("Tests"),
    "medication": _("Prescription"),
    "admission": _("Admission"),
    "referral": _("Referral"),
    "provided": _("Provided"),
}
FLAGS = {
    "": "",
    "L": _("Low"),
    "H": _("High"),
    "LL": _("Critically low"),
    "HH": _("Critically high"),
}
LINE_STATES = {
    "ordered": _("ordered"),
    "delivered": _("in work"),
    "completed": _("done"),
    "cancelled": _("cancelled"),
    "discharged": _("discharged"),
    "followed": _("has come"),
    "corrected": _("corrected"),
    "withdrawn": _("withdrawn"),
}


@dataclass(frozen=True, slots=True)
class QueueRow:
    """A patient in the queue. ``gate``: may the consultation start, in a word; empty once it has started."""

    url: str
    call_url: str
    patient: str
    about: str
    token: str
    department: str
    reason: str
    waited: str
    since: str
    state: str
    state_title: Any
    gate: Any
    gate_tone: str
    is_held: bool
    can_be_called: bool
    tags: tuple[tuple[str, str], ...]
    billing: BillingWidget | None


def queue_row(
    waiting: Waiting,
    decision: Decision | None,
    statuses: dict[UUID, BillingStatus],
    formats: Formats,
    actor: Actor,
    *,
    at: datetime,
    today: date,
) -> QueueRow:
    """``waiting`` as ``actor`` may see it at ``at``."""
    status = statuses.get(waiting.patient_id)
    gate, tone = OUTCOMES[decision.outcome] if decision else ("", "")
    tags = list(visit_tags(waiting.encounter_class, waiting.triage_level))
    if waiting.visit_type in VISIT_TYPES:
        tags.append(("visit", str(VISIT_TYPES[waiting.visit_type])))
    about = [waiting.mrn]
    if waiting.birth_date:
        about.append(age(waiting.birth_date, today))
    if waiting.sex in SEXES:
        about.append(str(SEXES[waiting.sex]))
    return QueueRow(
        url=reverse("consultation:visit", args=[waiting.encounter_id]),
        call_url=reverse("consultation:call", args=[waiting.encounter_id]),
        patient=waiting.patient_name,
        about=" · ".join(about),
        token=str(waiting.token) if waiting.token else "",
        department=waiting.department,
        reason=waiting.reason,
        waited=duration(max(0, int((at - waiting.started_at).total_seconds() // 60))),
        since=formats.moment(waiting.started_at, today=today),
        state=waiting.state,
        state_title=_state(waiting, formats, today),
        gate=gate,
        gate_tone=tone,
        is_held=decision is not None and not decision.may_proceed,
        can_be_called=waiting.state == "waiting" and waiting.token is not None,
        tags=tuple(tags),
        billing=billing_widget(status, formats, actor, today=today) if status else None,
    )


def _state(waiting: Waiting, formats: Formats, today: date) -> str:
    if waiting.consultation_ended_at is not None:
        return str(_("seen %(when)s") % {"when": formats.moment(waiting.consultation_ended_at, today=today)})
    if waiting.consultation_started_at is not None:
        who = formats.person(waiting.consultation_started_by)
        when = formats.moment(waiting.consultation_started_at, today=today)
        return str(_("in since %(when)s · %(who)s") % {"when": when, "who": who})
    if waiting.called_at is not None:
        return str(_("called %(when)s") % {"when": formats.moment(waiting.called_at, today=today)})
    return str(_("waiting"))


@dataclass(frozen=True, slots=True)
class ResultLine:
    """A value that the laboratory released. ``tone`` colours its flag."""

    name: str
    value: str
    usual: str
    flag: Any
    tone: str
    is_corrected: bool
    when: str


@dataclass(frozen=True, slots=True)
class CourseLine:
    """``versions_url`` leads to what a corrected note said before; ``correct_url`` and ``withdraw_url`` are empty
    where there is nothing of the kind to do."""

    kind: str
    title: Any
    number: str
    text: str
    note: str
    is_void: bool
    results: tuple[ResultLine, ...]
    letter_url: str
    correct_url: str
    versions_url: str
    withdraw_url: str


def course_line(
    line: Line, findings: dict[UUID, list[Finding]], formats: Formats, actor: Actor, *, today: date
) -> CourseLine:
    """A note or an order of the visit, an order of tests with what the laboratory released of it."""
    when, who = formats.moment(line.at, today=today), formats.person(line.by)
    note = f"{when} · {who}"
    if line.state and line.kind != "provided":
        note += f" · {LINE_STATES[line.state]}"
    results = tuple(_result_line(one, formats, today) for one in findings.get(line.id, []))
    stands = line.state != "withdrawn"
    may_withdraw = line.kind == "diagnosis" and stands and actor.may(PERMISSION_DIAGNOSE)

    def lead_to(name: str, shown: bool) -> str:
        return reverse(f"consultation:{name}", args=[line.id]) if shown else ""

    return CourseLine(
        kind=line.kind,
        title=KINDS[line.kind],
        number=line.title,
        text=line.text,
        note=note,
        is_void=line.state in ("cancelled", "withdrawn"),
        results=results,
        letter_url=lead_to("letter", line.kind == "referral"),
        correct_url=lead_to("correct-note", line.kind == "note"),
        versions_url=lead_to("note-versions", line.kind == "note" and line.state == "corrected"),
        withdraw_url=lead_to("withdraw-diagnosis", may_withdraw),
    )


@dataclass(frozen=True, slots=True)
class NoteVersion:
    """What a note said, from when on and by whom."""

    text: str
    note: str


def note_version(note: ConsultationNote, formats: Formats) -> NoteVersion:
    """``note`` as it was written."""
    when = f"{formats.day(formats.local_date(note.written_at))} {formats.time(note.written_at)}"
    return NoteVersion(note.text, f"{when} · {formats.person(note.written_by)}")


def _result_line(finding: Finding, formats: Formats, today: date) -> ResultLine:
    name = finding.name if finding.name == finding.test else f"{finding.test}: {finding.name}"
    return ResultLine(
        name=name,
        value=f"{finding.value} {finding.unit}".strip(),
        usual=finding.usual,
        flag=FLAGS[finding.flag],
        tone="required" if len(finding.flag) == 2 else "overdue",
        is_corrected=finding.is_corrected,
        when=formats.moment(finding.released_at, today=today),
    )


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the consultation stands: waiting, in or seen; in words."""

    state: str
    token: str
    says: str
    uses_equipment: bool


def stage(progress: Progress, formats: Formats, *, today: date) -> Stage:
    """``progress`` in words."""
    token = str(progress.token) if progress.token else ""
    who = formats.person(progress.started_by)
    if progress.started_at is None:
        says = ""
        if progress.called_at is not None:
            says = str(_("Called %(when)s") % {"when": formats.moment(progress.called_at, today=today)})
        return Stage("waiting", token, says, progress.uses_equipment)
    started = formats.moment(progress.started_at, today=today)
    if progress.ended_at is None:
        says = str(_("In consultation since %(when)s with %(who)s.") % {"when": started, "who": who})
        return Stage("in", token, says, progress.uses_equipment)
    ended = formats.moment(progress.ended_at, today=today)
    says = str(_("Seen by %(who)s, %(from)s to %(to)s.") % {"who": who, "from": started, "to": ended})
    return Stage("seen", token, says, progress.uses_equipment)
