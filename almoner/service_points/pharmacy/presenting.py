"""The pharmacy's pages in words and figures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from almoner.enforcement.queries import BillingStatus
from almoner.enforcement.rules import Decision
from almoner.kernel.actor import Actor
from almoner.pages.presenters import BillingWidget, Formats, billing_widget
from almoner.service_points.pharmacy.queries import HandedOut, PrescribedLine, WaitingPrescription

PRIORITIES = {"urgent": ("triage", _("Urgent")), "stat": ("critical", _("Immediately"))}
KINDS = {
    "maintenance": _("standing"),
    "elective": _("elective"),
    "emergency": _("emergency medication"),
}


@dataclass(frozen=True, slots=True)
class PrescriptionRow:
    """A prescription in a list. ``why`` says what a held one waits for."""

    url: str
    patient: str
    patient_url: str
    mrn: str
    number: str
    medications: str
    is_begun: bool
    kind: Any
    tag: str
    tag_title: Any
    since: str
    why: str
    billing: BillingWidget | None


def prescription_row(
    one: WaitingPrescription,
    decision: Decision | None,
    statuses: dict[UUID, BillingStatus],
    formats: Formats,
    actor: Actor,
    *,
    today: date,
) -> PrescriptionRow:
    """``one`` with what the gate would say now."""
    tag, tag_title = PRIORITIES.get(one.priority, ("", ""))
    status = statuses.get(one.patient_id)
    return PrescriptionRow(
        url=reverse("pharmacy:prescription", args=[one.prescription_id]),
        patient=one.patient_name,
        patient_url=reverse("patient", args=[one.patient_id]),
        mrn=one.mrn,
        number=one.number,
        medications=one.medications,
        is_begun=one.is_begun,
        kind=KINDS.get(one.request_type, ""),
        tag=tag,
        tag_title=tag_title,
        since=formats.moment(one.ordered_at, today=today),
        why=decision.reason if decision is not None and not decision.may_proceed else "",
        billing=billing_widget(status, formats, actor, today=today) if status else None,
    )


def plain(quantity: Decimal) -> str:
    """A quantity without trailing zeros."""
    return f"{quantity.normalize():f}" if quantity else "0"


@dataclass(frozen=True, slots=True)
class LineRow:
    medication: str
    prescribed: str
    handed_out: str
    left: str
    is_done: bool


def line_row(line: PrescribedLine) -> LineRow:
    """A line of a prescription."""
    return LineRow(
        medication=line.medication,
        prescribed=plain(line.prescribed),
        handed_out=plain(line.handed_out),
        left=plain(line.left),
        is_done=line.left == 0,
    )


@dataclass(frozen=True, slots=True)
class HandedOutRow:
    url: str
    number: str
    patient: str
    patient_url: str
    mrn: str
    medication: str
    quantity: str
    when: str
    by: str


def handed_out_row(one: HandedOut, formats: Formats, *, today: date) -> HandedOutRow:
    """Something that was handed out."""
    when = formats.time(one.dispensed_at)
    day = formats.local_date(one.dispensed_at)
    return HandedOutRow(
        url=reverse("pharmacy:prescription", args=[one.prescription_id]),
        number=one.number,
        patient=one.patient_name,
        patient_url=reverse("patient", args=[one.patient_id]),
        mrn=one.mrn,
        medication=one.medication,
        quantity=plain(one.quantity),
        when=when if day == today else f"{formats.day(day)}, {when}",
        by=one.dispensed_by.partition(":")[2] or one.dispensed_by,
    )
