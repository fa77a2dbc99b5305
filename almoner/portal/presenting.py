"""The patient's own page in words and figures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from almoner.enforcement.queries import BlockedService
from almoner.kernel.actor import Actor
from almoner.pages.cashier.presenting import ReceiptPage, receipt_page
from almoner.pages.cashier.queries import Receipt
from almoner.pages.patient_file import Arrangement, MoneyIn, PatientFile, Visit
from almoner.pages.patient_page import ChargeLine, charge_line
from almoner.pages.presenters import (
    CLASSES,
    METHOD_NAMES,
    PLANS,
    BillingWidget,
    Formats,
    billing_widget,
)
from almoner.portal.logins import Access
from almoner.scheduling.models import Appointment


@dataclass(frozen=True, slots=True)
class HeldService:
    """What waits for payment, and what the patient can do."""

    title: str
    amount: str
    says: str


@dataclass(frozen=True, slots=True)
class OwnVisit:
    department: str
    tag: str
    tag_title: Any
    when: str
    number: str
    is_open: bool
    charges: tuple[ChargeLine, ...]


@dataclass(frozen=True, slots=True)
class OwnPayment:
    url: str
    receipt: str
    method: Any
    when: str
    amount: str
    note: str
    voided: bool


@dataclass(frozen=True, slots=True)
class OwnPlan:
    title: str
    says: str
    agreed: str


@dataclass(frozen=True, slots=True)
class OwnAppointment:
    day: str
    time: str
    department: str
    with_whom: str


@dataclass(frozen=True, slots=True)
class OwnPage:
    name: str
    mrn: str
    billing: BillingWidget
    payer_owes: str
    held: tuple[HeldService, ...]
    plans: tuple[OwnPlan, ...]
    appointments: tuple[OwnAppointment, ...]
    visits: tuple[OwnVisit, ...]
    other_charges: tuple[ChargeLine, ...]
    payments: tuple[OwnPayment, ...]


def present_own_page(
    read: PatientFile, appointments: Iterable[Appointment], formats: Formats, reader: Actor, *, today: date
) -> OwnPage:
    """``read`` as its patient sees it: nothing of the staff's, and no name that ``read`` conceals."""
    of_visits: dict[UUID | None, list[ChargeLine]] = {visit.encounter_id: [] for visit in read.visits}
    others: list[ChargeLine] = []
    for charge in read.charges:
        of_visits.get(charge.encounter_id, others).append(charge_line(charge, formats, reader, today=today))
    owed_minor = read.status.payer_outstanding_minor
    return OwnPage(
        name=read.patient.name,
        mrn=read.patient.mrn,
        billing=billing_widget(read.status, formats, reader, today=today),
        payer_owes=formats.money(owed_minor) if owed_minor else "",
        held=tuple(_held(one, formats) for one in read.status.blocked_services),
        plans=tuple(_plan(one, formats) for one in read.arrangements if one.kind == "plan"),
        appointments=tuple(_appointment(one, formats) for one in appointments),
        visits=tuple(_visit(visit, of_visits[visit.encounter_id], formats) for visit in read.visits),
        other_charges=tuple(others),
        payments=tuple(_payment(one, formats) for one in read.payments),
    )


def _held(blocked: BlockedService, formats: Formats) -> HeldService:
    """The gate's own reason may tell what was ordered, so the amount alone is said."""
    amount = formats.money(blocked.due_minor)
    says = _("Pay %(amount)s at the cashier, and it goes ahead.") % {"amount": amount}
    if any(option.code == "plan" for option in blocked.options):
        says = _("Pay %(amount)s at the cashier, or ask the billing office to pay in instalments.") % {
            "amount": amount
        }
    return HeldService(str(blocked.title), amount, says)


def _visit(visit: Visit, charges: list[ChargeLine], formats: Formats) -> OwnVisit:
    began = formats.day(formats.local_date(visit.started_at))
    ended = "" if visit.ended_at is None else formats.day(formats.local_date(visit.ended_at))
    return OwnVisit(
        department=visit.department,
        tag=visit.encounter_class if visit.encounter_class in CLASSES else "",
        tag_title=CLASSES.get(visit.encounter_class, ""),
        when=began if ended in ("", began) else f"{began} – {ended}",
        number=visit.number,
        is_open=visit.ended_at is None,
        charges=tuple(charges),
    )


def _payment(payment: MoneyIn, formats: Formats) -> OwnPayment:
    notes = []
    if payment.voided:
        notes.append(_("voided"))
    elif payment.unallocated_minor:
        notes.append(_("%(amount)s held as a deposit") % {"amount": formats.money(payment.unallocated_minor)})
    if payment.refunded_minor:
        notes.append(_("%(amount)s refunded") % {"amount": formats.money(payment.refunded_minor)})
    if payment.by_payer:
        notes.append(_("from the payer"))
    return OwnPayment(
        url=reverse("portal:receipt", args=[payment.payment_id]),
        receipt=payment.receipt,
        method=METHOD_NAMES.get(payment.method, payment.method),
        when=formats.day(formats.local_date(payment.received_at)),
        amount=formats.money(payment.amount_minor),
        note=", ".join(notes),
        voided=payment.voided,
    )


def _plan(one: Arrangement, formats: Formats) -> OwnPlan:
    parts = ngettext("%(n)s instalment", "%(n)s instalments", int(one.says)) % {"n": one.says}
    agreed = formats.day(formats.local_date(one.at))
    return OwnPlan(
        title=_("Payment plan: %(amount)s") % {"amount": formats.money(one.total_minor)},
        says=f"{parts} · {PLANS.get(one.status, one.status)}",
        agreed=_("agreed on %(day)s") % {"day": agreed},
    )


def _appointment(one: Appointment, formats: Formats) -> OwnAppointment:
    return OwnAppointment(
        day=formats.day(formats.local_date(one.starts_at), "full"),
        time=formats.time(one.starts_at),
        department=one.department.name,
        with_whom=one.practitioner,
    )


def present_receipt(read: Receipt, hospital: str, formats: Formats) -> ReceiptPage:
    """``read`` as the patient prints it: always marked, so that it does not pass for the paper of the cashier."""
    return replace(receipt_page(read, hospital, formats), copy=_("Copy from the patient's own page"))


@dataclass(frozen=True, slots=True)
class AccessLine:
    """Somebody who sees the record, or was asked to; ``url`` is where that is ended."""

    email: str
    note: str
    url: str


@dataclass(frozen=True, slots=True)
class AccessPage:
    people: tuple[AccessLine, ...]
    invited: tuple[AccessLine, ...]


def present_access(patient_id: UUID, read: Access, formats: Formats, *, today: date) -> AccessPage:
    """Who sees the record, for the staff."""
    return AccessPage(
        people=tuple(
            AccessLine(
                email=login.user.email,
                note=_("%(name)s, since %(when)s")
                % {"name": login.user.name, "when": formats.moment(login.created_at, today=today)},
                url=reverse("portal:end", args=[patient_id, login.user_id]),
            )
            for login in read.logins
        ),
        invited=tuple(
            AccessLine(
                email=one.email,
                note=_("letter sent %(when)s") % {"when": formats.moment(one.invited_at, today=today)},
                url=reverse("portal:withdraw", args=[patient_id, one.id]),
            )
            for one in read.invitations
        ),
    )
