"""Reception's pages in words and figures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from almoner.charging.queries import PreviewedCharge
from almoner.enforcement.queries import BillingStatus
from almoner.kernel.actor import Actor
from almoner.kernel.service_points import event_kinds
from almoner.orders.models import Referral
from almoner.pages.presenters import BillingWidget, Formats, billing_widget, duration, visit_tags
from almoner.pages.search import Found
from almoner.service_points.checkin.queries import Arrival


@dataclass(frozen=True, slots=True)
class ArrivalRow:
    """A visit in the list of the day. ``tags``: emergency, inpatient, triage."""

    url: str
    leave_url: str
    patient: str
    patient_url: str
    mrn: str
    token: str
    department: str
    reason: str
    since: str
    waited: str
    state: Any
    is_open: bool
    tags: tuple[tuple[str, str], ...]
    billing: BillingWidget | None


def arrival_row(
    arrival: Arrival,
    statuses: dict[UUID, BillingStatus],
    formats: Formats,
    actor: Actor,
    *,
    at: datetime,
    today: date,
) -> ArrivalRow:
    """``arrival`` as ``actor`` may see it at ``at``."""
    is_open = arrival.ended_at is None
    status = statuses.get(arrival.patient_id)
    waited = int((at - arrival.started_at).total_seconds() // 60)
    happened = event_kinds().get(arrival.last_event or "")
    state = happened.title if happened else _("Arrived")
    if arrival.last_event == "patient.checked_in":
        state = _("Called") if arrival.called_at else _("Waiting")
    return ArrivalRow(
        url=reverse("checkin:visit", args=[arrival.encounter_id]),
        leave_url=reverse("checkin:leave", args=[arrival.encounter_id]),
        patient=arrival.patient_name,
        patient_url=reverse("patient", args=[arrival.patient_id]),
        mrn=arrival.mrn,
        token=str(arrival.token) if arrival.token else "",
        department=arrival.department,
        reason=arrival.reason,
        since=formats.time(arrival.started_at),
        waited=duration(waited) if is_open else "",
        state=state if is_open else _("Left"),
        is_open=is_open,
        tags=visit_tags(arrival.encounter_class, arrival.triage_level),
        billing=billing_widget(status, formats, actor, today=today) if status else None,
    )


@dataclass(frozen=True, slots=True)
class FoundRow:
    url: str
    name: str
    mrn: str
    born: str
    phone: str
    by: str


def found_row(found: Found, formats: Formats) -> FoundRow:
    """Somebody who was found, with the way to check them in."""
    return FoundRow(
        url=reverse("checkin:patient", args=[found.patient_id]),
        name=found.name,
        mrn=found.mrn,
        born=formats.day(found.birth_date) if found.birth_date else "",
        phone=found.phone,
        by=found.by if found.by != found.mrn else "",
    )


@dataclass(frozen=True, slots=True)
class FeeLine:
    """A fee that checking in would charge. ``asked``: before the visit can go on, or later."""

    name: str
    amount: str
    note: Any


@dataclass(frozen=True, slots=True)
class Fees:
    lines: tuple[FeeLine, ...]
    total: str


def fees(charges: list[PreviewedCharge], formats: Formats) -> Fees:
    """What would be charged, and what it comes to."""
    return Fees(
        lines=tuple(
            FeeLine(
                name=charge.name,
                amount="–" if charge.net_minor is None else formats.money(charge.net_minor),
                note=_("no price yet") if charge.net_minor is None else "",
            )
            for charge in charges
        ),
        total=formats.money(sum(charge.net_minor or 0 for charge in charges)),
    )


@dataclass(frozen=True, slots=True)
class ReferredRow:
    """Somebody a doctor sent to a department. ``url`` leads to the check-in with its fees."""

    url: str
    patient: str
    patient_url: str
    mrn: str
    number: str
    department: str
    came_from: str
    since: str
    text: str


def referred_row(one: Referral, formats: Formats, *, today: date) -> ReferredRow:
    """``one`` as reception shows it."""
    return ReferredRow(
        url=f"{reverse('checkin:patient', args=[one.patient_id])}?referral={one.id}",
        patient=one.patient.name,
        patient_url=reverse("patient", args=[one.patient_id]),
        mrn=one.patient.mrn,
        number=one.number,
        department=one.department.name if one.department else "",
        came_from=one.encounter.department.name,
        since=formats.moment(one.ordered_at, today=today),
        text=one.text,
    )
