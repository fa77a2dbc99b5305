"""The patient's page in words and figures."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext, pgettext_lazy

from almoner.charging.operations import PERMISSION_CORRECT, PERMISSION_DISPUTE
from almoner.enforcement.concealment import PERMISSION_READ_BLOCKED
from almoner.enforcement.facts import Subject
from almoner.enforcement.queries import BlockedService
from almoner.estimates.operations import PERMISSION_ESTIMATE
from almoner.kernel.actor import Actor
from almoner.kernel.service_points import NavigationEntry, ServicePointConfig, installed, steps
from almoner.pages.patient_file import Arrangement, Charge, MoneyIn, PatientFile, Visit
from almoner.pages.presenters import (
    ACTION_LOOKS,
    CLASSES,
    METHOD_NAMES,
    PLANS,
    ActionButton,
    BillingWidget,
    Formats,
    billing_widget,
    offer_button,
)
from almoner.pages.step_actions import action_urls
from almoner.patients.models import Patient
from almoner.patients.photos import photo_fingerprint
from almoner.payments.operations import PERMISSION_PLAN, PERMISSION_RECORD

STATES = {
    "cancelled": (_("Cancelled"), "none"),
    "planned": (_("Foreseen"), "none"),
    "unpriced": (_("No price yet"), "due"),
    "held": (_("Held"), "required"),
    "open": (pgettext_lazy("charge", "Open"), "due"),
    "payer": (_("Payer's part open"), "none"),
    "paid": (_("Paid"), "good"),
}
SEXES = {"female": _("female"), "male": _("male"), "other": _("other")}


@dataclass(frozen=True, slots=True)
class Link:
    title: Any
    icon: str
    url: str


@dataclass(frozen=True, slots=True)
class PatientHead:
    """``components/patient_head.html``: who this is. ``url`` leads to the patient's page."""

    name: str
    mrn: str
    born: str
    sex: Any
    phone: str
    category: str
    url: str


@dataclass(frozen=True, slots=True)
class HeldLine:
    """A step that is held now, and what can be done about it right there."""

    title: str
    reason: str
    amount: str
    actions: tuple[ActionButton, ...]


@dataclass(frozen=True, slots=True)
class VisitLine:
    number: str
    department: str
    reason: str
    tag: str
    tag_title: Any
    since: str
    until: str
    diagnoses: tuple[tuple[str, str], ...]
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class ChargeLine:
    name: Any
    note: str
    department: str
    day: str
    amount: str
    open: str
    state: Any
    tone: str
    is_void: bool
    dispute: str
    dispute_url: str
    resolve_url: str


@dataclass(frozen=True, slots=True)
class PaymentRow:
    receipt: str
    method: Any
    when: str
    by: str
    amount: str
    note: str
    voided: bool


@dataclass(frozen=True, slots=True)
class ArrangementLine:
    title: str
    says: str
    note: str
    in_force: bool
    url: str = ""


@dataclass(frozen=True, slots=True)
class PatientPage:
    head: PatientHead
    billing: BillingWidget
    payer_owes: str
    held: tuple[HeldLine, ...]
    held_count: int
    visits: tuple[VisitLine, ...]
    charges: tuple[ChargeLine, ...]
    payments: tuple[PaymentRow, ...]
    arrangements: tuple[ArrangementLine, ...]


def age(born: date, today: date) -> str:
    """``54 years``; of small children months or days."""
    years = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    if years >= 2:
        return ngettext("%(n)d year", "%(n)d years", years) % {"n": years}
    months = (today.year - born.year) * 12 + today.month - born.month - (today.day < born.day)
    if months >= 2:
        return ngettext("%(n)d month", "%(n)d months", months) % {"n": months}
    days = (today - born).days
    return ngettext("%(n)d day", "%(n)d days", days) % {"n": days}


def patient_head(patient: Patient, formats: Formats, *, today: date) -> PatientHead:
    """Who ``patient`` is, in one line."""
    born = patient.birth_date
    return PatientHead(
        name=patient.name,
        mrn=patient.mrn,
        born=f"{formats.day(born)} ({age(born, today)})" if born else "",
        sex=SEXES.get(patient.sex, ""),
        phone=patient.phone,
        category="" if patient.category == "general" else patient.category.replace("_", " "),
        url=reverse("patient", args=[patient.id]),
    )


def photo_url(patient_id: UUID) -> str:
    """Where the patient's picture is, empty when there is none; one statement in the hospital's transaction."""
    fingerprint = photo_fingerprint(patient_id)
    return f"{reverse('patient-photo', args=[patient_id])}?{fingerprint}" if fingerprint else ""


def patient_links(actor: Actor, patient_id: UUID) -> tuple[Link, ...]:
    """Where the service points take a patient, and the cashier, as far as ``actor`` may go."""
    links = _links(actor, lambda point: point.patient_links, patient_id)
    if actor.may(PERMISSION_RECORD):
        account = reverse("cashier:account", args=[patient_id])
        links = (*links, Link(_("Take a payment"), icon="cash-register", url=account))
    if actor.may(PERMISSION_ESTIMATE):
        estimate = f"{reverse('estimates:new')}?patient={patient_id}"
        links = (*links, Link(_("Make an estimate"), icon="file-dollar", url=estimate))
    return links


def _links(
    actor: Actor, entries: Callable[[ServicePointConfig], tuple[NavigationEntry, ...]], subject_id: UUID
) -> tuple[Link, ...]:
    return tuple(
        Link(entry.title, entry.icon, reverse(entry.url_name, args=[subject_id]))
        for point in installed()
        for entry in entries(point)
        if not entry.permissions or any(actor.may(code) for code in entry.permissions)
    )


def present_patient(read: PatientFile, formats: Formats, actor: Actor, *, today: date) -> PatientPage:
    """``read`` as ``actor`` may see it."""
    may_read = actor.may(PERMISSION_READ_BLOCKED)
    blocked = read.status.blocked_services
    return PatientPage(
        head=patient_head(read.patient, formats, today=today),
        billing=billing_widget(read.status, formats, actor, today=today),
        payer_owes=formats.money(read.status.payer_outstanding_minor)
        if read.status.payer_outstanding_minor
        else "",
        held=held_lines(blocked, formats, actor),
        held_count=len(blocked),
        visits=tuple(_visit(visit, formats, actor, today) for visit in read.visits),
        charges=tuple(charge_line(charge, formats, actor, today=today) for charge in read.charges),
        payments=tuple(_payment(payment, formats, today) for payment in read.payments),
        arrangements=tuple(_arrangement(one, actor, formats, may_read, today) for one in read.arrangements),
    )


def held_lines(blocked: Iterable[BlockedService], formats: Formats, actor: Actor) -> tuple[HeldLine, ...]:
    """What is held, with what can be done; nothing for who may not read which services are blocked."""
    if not actor.may(PERMISSION_READ_BLOCKED):
        return ()
    return tuple(_held(one, formats, actor) for one in blocked)


def _held(blocked: BlockedService, formats: Formats, actor: Actor) -> HeldLine:
    urls = action_urls(blocked.step, Subject(blocked.encounter_id, blocked.order_id))
    actions = []
    for option in blocked.options:
        if option.code not in urls:
            continue
        why_not = ""
        if not actor.may(option.permission):
            why_not = str(_("Done by: %(roles)s") % {"roles": ", ".join(actor.who_may(option.permission))})
        look = ACTION_LOOKS[option.code]
        actions.append(ActionButton(option.code, str(look.title), look.icon, why_not, urls[option.code]))
        if option.code == "plan" and blocked.plan_offer:
            actions.append(offer_button(blocked.plan_offer, formats, actor, urls["offer"]))
    return HeldLine(str(blocked.title), blocked.reason, formats.money(blocked.due_minor), tuple(actions))


def _visit(visit: Visit, formats: Formats, actor: Actor, today: date) -> VisitLine:
    is_open = visit.ended_at is None
    return VisitLine(
        number=visit.number,
        department=visit.department,
        reason=visit.reason,
        tag=visit.encounter_class if visit.encounter_class in CLASSES else "",
        tag_title=CLASSES.get(visit.encounter_class, ""),
        since=formats.moment(visit.started_at, today=today),
        until="" if visit.ended_at is None else formats.moment(visit.ended_at, today=today),
        diagnoses=visit.diagnoses,
        links=_links(actor, lambda point: point.encounter_links, visit.encounter_id) if is_open else (),
    )


def charge_line(charge: Charge, formats: Formats, actor: Actor, *, today: date) -> ChargeLine:
    """``charge`` as ``actor`` may see it; of concealed ones the order's number alone."""
    state, tone = STATES[charge.state]
    note = charge.order_number
    if charge.quantity:
        note = f"{note} · × {charge.quantity}" if note else f"× {charge.quantity}"
    return ChargeLine(
        name=charge.name or _("Order %(number)s") % {"number": charge.order_number},
        note=note if charge.name else "",
        department=charge.department,
        day=formats.day(charge.service_date) if charge.service_date != today else str(_("today")),
        amount="–" if charge.net_minor is None else formats.money(charge.net_minor),
        open=formats.money(charge.open_minor) if charge.open_minor and charge.state != "cancelled" else "",
        state=state,
        tone=tone,
        is_void=charge.state == "cancelled",
        dispute=charge.dispute,
        dispute_url=reverse("charge-dispute", args=[charge.charge_item_id])
        if charge.name and charge.open_minor and not charge.dispute and actor.may(PERMISSION_DISPUTE)
        else "",
        resolve_url=reverse("charge-resolve", args=[charge.charge_item_id])
        if charge.dispute and actor.may(PERMISSION_CORRECT)
        else "",
    )


def _payment(payment: MoneyIn, formats: Formats, today: date) -> PaymentRow:
    notes = []
    if payment.voided:
        notes.append(str(_("voided")))
    elif payment.unallocated_minor:
        deposit = formats.money(payment.unallocated_minor)
        notes.append(str(_("%(amount)s held as a deposit") % {"amount": deposit}))
    if payment.refunded_minor:
        refunded = formats.money(payment.refunded_minor)
        notes.append(str(_("%(amount)s refunded") % {"amount": refunded}))
    if payment.by_payer:
        notes.append(str(_("from the payer")))
    return PaymentRow(
        receipt=payment.receipt,
        method=METHOD_NAMES.get(payment.method, payment.method),
        when=formats.moment(payment.received_at, today=today),
        by=formats.person(payment.received_by),
        amount=formats.money(payment.amount_minor),
        note=", ".join(notes),
        voided=payment.voided,
    )


def _arrangement(
    one: Arrangement, actor: Actor, formats: Formats, may_read: bool, today: date
) -> ArrangementLine:
    when, who = formats.moment(one.at, today=today), formats.person(one.by)
    note = str(_("%(when)s by %(who)s") % {"when": when, "who": who})
    if one.kind == "plan":
        may_open = actor.may(PERMISSION_PLAN) or actor.may(PERMISSION_RECORD)
        parts = ngettext("%(n)s instalment", "%(n)s instalments", int(one.says)) % {"n": one.says}
        return ArrangementLine(
            title=str(_("Payment plan: %(amount)s") % {"amount": formats.money(one.total_minor)}),
            says=f"{parts} · {PLANS.get(one.status, one.status)}",
            note=note,
            in_force=one.status in ("on_track", "behind"),
            url=reverse("plans:plan", args=[one.id]) if may_open else "",
        )
    known = steps().get(one.title)
    until = formats.moment(one.ends, today=today)
    title = _("Override: %(step)s") % {"step": known.title if known and may_read else _("a service")}
    return ArrangementLine(
        title=str(title),
        says=one.says if may_read else "",
        note=f"{note} · {_('revoked') if one.status else _('until %(until)s') % {'until': until}}",
        in_force=not one.status,
    )
