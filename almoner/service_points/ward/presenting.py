"""The ward's pages in words and figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from almoner.enforcement.queries import BillingStatus
from almoner.enforcement.rules import Decision
from almoner.kernel.actor import Actor
from almoner.kernel.clock import local_date
from almoner.orders.models import Admission
from almoner.pages.presenters import BillingWidget, Formats, billing_widget, duration, visit_tags
from almoner.service_points.ward.deposits import lasts_until
from almoner.service_points.ward.models import BedStay
from almoner.service_points.ward.queries import BoardBed, StayCharge, Waiting


@dataclass(frozen=True, slots=True)
class BedTile:
    """A bed of the board. ``tone``: good, due or overdue, as the patient in it stands; "" when it is free."""

    code: str
    url: str
    patient: str
    mrn: str
    since: str
    lasts: str
    status: Any
    tone: str
    move_url: str = ""


@dataclass(frozen=True, slots=True)
class WardPicture:
    id: str
    name: str
    beds: tuple[BedTile, ...]
    free: int


@dataclass(frozen=True, slots=True)
class WaitingRow:
    """An admission that waits for its bed. ``says``: the amount a day, as section 6.3 shows it."""

    url: str
    number: str
    patient: str
    patient_url: str
    mrn: str
    ward: str
    since: str
    waited: str
    tags: tuple[tuple[str, str], ...]
    says: Any
    deposit: str
    is_held: bool
    billing: BillingWidget | None


def ward_pictures(
    beds: Sequence[BoardBed],
    statuses: dict[UUID, BillingStatus],
    formats: Formats,
    actor: Actor,
    *,
    at: datetime,
    today: date,
) -> tuple[WardPicture, ...]:
    """The wards by name, each with its beds."""
    by_ward: dict[str, list[BoardBed]] = {}
    for bed in beds:
        by_ward.setdefault(bed.ward_code, []).append(bed)
    return tuple(
        WardPicture(
            id=f"ward-{code}",
            name=members[0].ward,
            beds=tuple(_tile(bed, statuses, formats, actor, at=at, today=today) for bed in members),
            free=sum(bed.admission_id is None for bed in members),
        )
        for code, members in by_ward.items()
    )


def _tile(
    bed: BoardBed,
    statuses: dict[UUID, BillingStatus],
    formats: Formats,
    actor: Actor,
    *,
    at: datetime,
    today: date,
) -> BedTile:
    if bed.admission_id is None or bed.since is None or bed.patient_id is None:
        return BedTile(bed.code, "", "", "", "", "", "", "")
    widget = billing_widget(statuses[bed.patient_id], formats, actor, today=today)
    return BedTile(
        code=bed.code,
        url=reverse("ward:stay", args=[bed.admission_id]),
        patient=bed.patient,
        mrn=bed.mrn,
        since=formats.moment(bed.since, today=today),
        lasts=duration(int((at - bed.since).total_seconds() // 60)),
        status=widget.status,
        tone=widget.tone,
        move_url=reverse("ward:transfer", args=[bed.admission_id]),
    )


def waiting_row(
    one: Waiting,
    statuses: dict[UUID, BillingStatus],
    formats: Formats,
    actor: Actor,
    *,
    at: datetime,
    today: date,
) -> WaitingRow:
    """``one`` as ``actor`` may see it at ``at``."""
    status = statuses.get(one.patient_id)
    is_held = one.decision is None or not one.decision.may_proceed
    daily = "–" if one.daily_minor is None else formats.money(one.daily_minor)
    says: Any
    if one.daily_minor is None:
        says = _("A price is missing")
    elif is_held:
        says = _("Payment Required: %(amount)s/day") % {"amount": daily}
    else:
        says = _("%(amount)s/day, a bed can be assigned") % {"amount": daily}
    return WaitingRow(
        url=reverse("ward:stay", args=[one.admission_id]),
        number=one.number,
        patient=one.patient,
        patient_url=reverse("patient", args=[one.patient_id]),
        mrn=one.mrn,
        ward=one.ward,
        since=formats.moment(one.ordered_at, today=today),
        waited=duration(int((at - one.ordered_at).total_seconds() // 60)),
        tags=visit_tags(one.encounter_class, one.triage_level),
        says=says,
        deposit=deposit_says(one.decision, formats),
        is_held=is_held,
        billing=billing_widget(status, formats, actor, today=today) if status else None,
    )


def deposit_says(decision: Decision | None, formats: Formats) -> str:
    """How much there is of the deposit that a step asks for beforehand; empty when it asks for none."""
    if decision is None or decision.deposit is None:
        return ""
    given, asked = (
        formats.money(minor) for minor in (decision.deposit.given_minor, decision.deposit.asked_minor)
    )
    return str(_("Deposit %(given)s of %(asked)s") % {"given": given, "asked": asked})


@dataclass(frozen=True, slots=True)
class LeftRow:
    """A stay that ended lately."""

    url: str
    patient: str
    note: str
    left: str


def left_row(admission: Admission, formats: Formats, *, today: date) -> LeftRow:
    """A discharged ``admission`` in words."""
    if admission.discharged_at is None:
        raise ValueError("The patient was not discharged yet.")
    return LeftRow(
        url=reverse("ward:stay", args=[admission.id]),
        patient=admission.patient.name,
        note=f"{admission.patient.mrn} · {admission.number} · {admission.ward.name}",
        left=_moment(admission.discharged_at, formats, today),
    )


CHARGE_STATES = {
    "planned": (_("Foreseen"), "none"),
    "unpriced": (_("No price yet"), "due"),
    "open": (pgettext_lazy("charge", "Open"), "due"),
    "paid": (_("Paid"), "good"),
}


@dataclass(frozen=True, slots=True)
class ChargeRow:
    name: str
    day: str
    amount: str
    open: str
    state: Any
    tone: str


@dataclass(frozen=True, slots=True)
class BedPeriod:
    """A bed that the patient lay in. ``until`` "": lies there now."""

    bed: str
    ward: str
    since: str
    until: str
    lasts: str
    note: str


@dataclass(frozen=True, slots=True)
class Stay:
    """An admission in words. ``phase``: waiting, lying or discharged. ``uncharged_days``: not charged yet.

    ``ward`` is where the patient lies or lay last. ``periods``: the beds one after the other, when there were
    several.
    """

    number: str
    ward: str
    phase: str
    admitted: str
    bed: str
    since: str
    lasts: str
    until: str
    periods: tuple[BedPeriod, ...]
    daily: tuple[ChargeRow, ...]
    other: tuple[ChargeRow, ...]
    daily_total: str
    other_total: str
    uncharged_days: int
    deposit: str
    deposit_is_low: bool


def _charge_row(charge: StayCharge, formats: Formats, today: date) -> ChargeRow:
    kind = charge.status
    if kind == "billable":
        kind = "open" if charge.open_minor else "paid"
    state, tone = CHARGE_STATES[kind]
    name = f"{charge.name} × {charge.quantity}" if charge.quantity else charge.name
    return ChargeRow(
        name=name,
        day=str(_("today")) if charge.day == today else formats.day(charge.day),
        amount="–" if charge.net_minor is None else formats.money(charge.net_minor),
        open=formats.money(charge.open_minor) if charge.open_minor else "",
        state=state,
        tone=tone,
    )


def _period(stay: BedStay, formats: Formats, *, at: datetime, today: date) -> BedPeriod:
    ended = stay.ended_at or at
    who = formats.person(stay.assigned_by)
    return BedPeriod(
        bed=stay.bed.code,
        ward=stay.bed.ward.name,
        since=_moment(stay.started_at, formats, today),
        until=_moment(stay.ended_at, formats, today) if stay.ended_at else "",
        lasts=duration(int((ended - stay.started_at).total_seconds() // 60)),
        note=f"{stay.reason} · {who}" if stay.reason else who,
    )


def _moment(at: datetime, formats: Formats, today: date) -> str:
    """Day and time; the time alone when it is today."""
    time, day = formats.time(at), formats.local_date(at)
    return time if day == today else f"{formats.moment(at, today=today)}, {time}"


def stay_of(
    admission: Admission,
    stays: Sequence[BedStay],
    charges: Sequence[StayCharge],
    status: BillingStatus,
    formats: Formats,
    *,
    deposit_low_days: int,
    at: datetime,
    today: date,
) -> Stay:
    """``admission`` with its beds, the first one first, and what its visit was charged.

    ``deposit_low_days``: more is asked for when the deposit lasts for fewer days.
    """
    stay = stays[-1] if stays else None
    lying = stay if stay is not None and stay.ended_at is None else None
    phase = "discharged" if admission.discharged_at else "lying" if lying else "waiting"
    daily = [charge for charge in charges if charge.is_daily and charge.of_admission]
    other = [charge for charge in charges if not (charge.is_daily and charge.of_admission)]
    charged = [charge.day for charge in daily if charge.status == "billable"]
    uncharged = 0
    if lying and charged:
        uncharged = max(0, (local_date(at, str(formats.zone)) - max(charged)).days)
    ended = admission.discharged_at or at
    deposit_ends = _deposit_ends(daily, status) if lying else None
    return Stay(
        number=admission.number,
        ward=stay.bed.ward.name if stay else admission.ward.name,
        phase=phase,
        admitted=formats.moment(admission.ordered_at, today=today),
        bed=stay.bed.code if stay else "",
        since=formats.moment(stay.started_at, today=today) if stay else "",
        lasts=duration(int((ended - stay.started_at).total_seconds() // 60)) if stay else "",
        until=formats.moment(admission.discharged_at, today=today) if admission.discharged_at else "",
        periods=tuple(_period(one, formats, at=at, today=today) for one in stays) if len(stays) > 1 else (),
        daily=tuple(_charge_row(charge, formats, today) for charge in daily),
        other=tuple(_charge_row(charge, formats, today) for charge in other),
        daily_total=formats.money(sum(charge.net_minor or 0 for charge in daily)),
        other_total=formats.money(sum(charge.net_minor or 0 for charge in other)),
        uncharged_days=uncharged,
        deposit=_deposit(status, deposit_ends, formats) if deposit_ends else "",
        deposit_is_low=deposit_ends is not None and (deposit_ends - today).days < deposit_low_days,
    )


def _deposit_ends(daily: Sequence[StayCharge], status: BillingStatus) -> date | None:
    """Until when the patient's deposit lasts, at what the last charged day cost."""
    billed = [charge for charge in daily if charge.status == "billable"]
    if not billed:
        return None
    last = max(charge.day for charge in billed)
    return lasts_until(
        status.available_credit_minor,
        status.outstanding_minor,
        sum(charge.net_minor or 0 for charge in billed if charge.day == last),
        charged_until=last,
    )


def _deposit(status: BillingStatus, ends: date, formats: Formats) -> str:
    amount, day = formats.money(status.available_credit_minor), formats.day(ends)
    return str(_("The deposit of %(amount)s lasts until %(day)s.") % {"amount": amount, "day": day})
