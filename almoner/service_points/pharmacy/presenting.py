"""The pharmacy's pages in words and figures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from almoner.enforcement.queries import BillingStatus
from almoner.enforcement.rules import Decision
from almoner.kernel.actor import Actor
from almoner.pages.presenters import BillingWidget, Formats, billing_widget
from almoner.service_points.pharmacy.operations import PERMISSION_TAKE_BACK
from almoner.service_points.pharmacy.queries import HandedOut, PrescribedLine, WaitingPrescription
from almoner.service_points.pharmacy.rules import is_expired, is_near_expiry, plain

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


@dataclass(frozen=True, slots=True)
class LineRow:
    """A line of a prescription. ``stock`` is what may be handed out; empty for what is not kept in stock."""

    medication: str
    substituted_for: str
    prescribed: str
    handed_out: str
    left: str
    stock: str
    is_short: bool
    is_near_expiry: bool
    is_done: bool
    substitute_url: str


def line_row(
    line: PrescribedLine, prescription_id: UUID, formats: Formats, *, today: date, is_open: bool
) -> LineRow:
    """A line of a prescription."""
    usable = line.usable(today)
    good = [batch for batch in line.batches if not is_expired(batch.expires_on, today)]
    may_substitute = is_open and line.left > 0 and line.substitutes
    return LineRow(
        medication=line.medication,
        substituted_for=line.substituted_for,
        prescribed=plain(line.prescribed),
        handed_out=plain(line.handed_out),
        left=plain(line.left),
        stock=plain(usable) if line.is_stocked else "",
        is_short=line.is_stocked and usable < line.left,
        is_near_expiry=line.left > 0 and bool(good) and is_near_expiry(good[0].expires_on, today),
        is_done=line.left == 0,
        substitute_url=reverse("pharmacy:substitute", args=[prescription_id, line.line])
        if may_substitute
        else "",
    )


@dataclass(frozen=True, slots=True)
class HandedOutRow:
    """Something that was handed out, with its batches; ``return_url`` while some of it may come back."""

    url: str
    label_url: str
    return_url: str
    number: str
    patient: str
    patient_url: str
    mrn: str
    medication: str
    quantity: str
    returned: str
    batches: tuple[str, ...]
    when: str
    by: str


def handed_out_row(one: HandedOut, formats: Formats, actor: Actor, *, today: date) -> HandedOutRow:
    """Something that was handed out."""
    when = formats.time(one.dispensed_at)
    day = formats.local_date(one.dispensed_at)
    may_return = one.returned < one.quantity and actor.may(PERMISSION_TAKE_BACK)
    several = len(one.batches) > 1
    return HandedOutRow(
        url=reverse("pharmacy:prescription", args=[one.prescription_id]),
        label_url=reverse("pharmacy:label", args=[one.dispensing_id]),
        return_url=reverse("pharmacy:return", args=[one.dispensing_id]) if may_return else "",
        number=one.number,
        patient=one.patient_name,
        patient_url=reverse("patient", args=[one.patient_id]),
        mrn=one.mrn,
        medication=one.medication,
        quantity=plain(one.quantity),
        returned=plain(one.returned) if one.returned else "",
        batches=tuple(
            gettext("%(number)s, expires %(day)s")
            % {"number": part.number, "day": formats.day(part.expires_on)}
            + (f" (× {plain(part.quantity)})" if several else "")
            for part in one.batches
        ),
        when=when if day == today else f"{formats.day(day)}, {when}",
        by=formats.person(one.dispensed_by),
    )
