"""The cashier's pages in words and figures."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from almoner.enforcement.concealment import PERMISSION_READ_BLOCKED
from almoner.kernel.actor import Actor
from almoner.pages.cashier.forms import Ticked
from almoner.pages.cashier.queries import DayTotals, Owed, Receipt, Taken
from almoner.pages.presenters import METHODS, Formats


@dataclass(frozen=True, slots=True)
class OwedLine:
    """A charge to tick. ``value`` is what the tick sends."""

    value: str
    id: str
    name: Any
    note: str
    day: str
    amount: str
    open: str
    ticked: bool


@dataclass(frozen=True, slots=True)
class OwedVisit:
    title: Any
    note: str
    total: str
    lines: tuple[OwedLine, ...]


def owed_visits(
    owed: Sequence[Owed], ticked: Collection[UUID] | None, formats: Formats, actor: Actor, *, today: date
) -> tuple[OwedVisit, ...]:
    """What is owed by visit; ``ticked`` None: everything is."""
    visits: dict[UUID | None, list[Owed]] = {}
    for one in owed:
        visits.setdefault(one.encounter_id, []).append(one)
    return tuple(
        OwedVisit(
            title=members[0].department or _("Without a visit"),
            note=_visit_note(members[0], formats, today),
            total=formats.money(sum(one.open_minor for one in members)),
            lines=tuple(_owed_line(one, ticked, formats, actor, today) for one in members),
        )
        for members in visits.values()
    )


def _visit_note(one: Owed, formats: Formats, today: date) -> str:
    if one.started_at is None:
        return ""
    return f"{one.visit} · {formats.moment(one.started_at, today=today)}"


def _owed_line(
    one: Owed, ticked: Collection[UUID] | None, formats: Formats, actor: Actor, today: date
) -> OwedLine:
    note = [one.order_number] if one.order_number else []
    may_read = actor.may(PERMISSION_READ_BLOCKED)
    if may_read and one.quantity != 1:
        note.append(f"× {one.quantity.normalize():f}")
    return OwedLine(
        value=str(Ticked(one.charge_item_id, one.open_minor)),
        id=f"owed-{one.charge_item_id}",
        name=one.service if may_read else _("A service"),
        note=" · ".join(note),
        day=str(_("today")) if one.service_date == today else formats.day(one.service_date),
        amount=formats.money(one.net_minor),
        open=formats.money(one.open_minor),
        ticked=ticked is None or one.charge_item_id in ticked,
    )


@dataclass(frozen=True, slots=True)
class TakenRow:
    url: str
    receipt: str
    patient: str
    patient_url: str
    method: Any
    when: str
    by: str
    amount: str
    note: Any
    voided: bool


def taken_row(one: Taken, formats: Formats, *, today: date) -> TakenRow:
    """A payment of the day's list."""
    note: Any = ""
    if one.voided:
        note = _("voided")
    elif one.refunded_minor:
        note = _("%(amount)s refunded") % {"amount": formats.money(one.refunded_minor)}
    return TakenRow(
        url=reverse("cashier:receipt", args=[one.payment_id]),
        receipt=one.receipt,
        patient=one.patient,
        patient_url=reverse("cashier:account", args=[one.patient_id]),
        method=METHODS.get(one.method, one.method),
        when=formats.moment(one.received_at, today=today),
        by=one.received_by.partition(":")[2],
        amount=formats.money(one.amount_minor),
        note=note,
        voided=one.voided,
    )


@dataclass(frozen=True, slots=True)
class MethodTotal:
    method: Any
    taken: str
    given_back: str
    net: str


def method_totals(totals: DayTotals, formats: Formats) -> tuple[MethodTotal, ...]:
    """What came in and went out by method, in the order of the methods."""
    return tuple(
        MethodTotal(
            method=title,
            taken=formats.money(totals.taken.get(code, 0)),
            given_back=formats.money(totals.given_back.get(code, 0)),
            net=formats.money(totals.taken.get(code, 0) - totals.given_back.get(code, 0)),
        )
        for code, title in METHODS.items()
        if code in totals.taken or code in totals.given_back
    )


@dataclass(frozen=True, slots=True)
class ReceiptLine:
    name: str
    day: str
    amount: str


@dataclass(frozen=True, slots=True)
class ReceiptPage:
    """A receipt in words; an amount is empty when there is none of it. ``copy``: how it is marked when printed again."""

    number: str
    hospital: str
    patient: str
    mrn: str
    account_url: str
    when: str
    cash_point: str
    by: str
    method: Any
    reference: str
    lines: tuple[ReceiptLine, ...]
    deposit: str
    applied: str
    tendered: str
    change: str
    voided: str
    refunded: str
    copy: Any


def receipt_page(read: Receipt, hospital: str, formats: Formats) -> ReceiptPage:
    """``read`` as it is printed: tendered, change and applied apart."""
    deposit_minor = read.amount_minor - sum(minor for _, _, minor in read.lines)
    local = read.received_at.astimezone(formats.zone)
    copy: Any = ""
    if read.prints > 1:
        copy = _("Reprint %(n)d") % {"n": read.prints - 1}
    return ReceiptPage(
        number=read.number,
        hospital=hospital,
        patient=read.patient,
        mrn=read.mrn,
        account_url=reverse("cashier:account", args=[read.patient_id]),
        when=f"{formats.day(local.date())} {formats.time(read.received_at)}",
        cash_point=read.cash_point,
        by=read.received_by.partition(":")[2],
        method=METHODS.get(read.method, read.method),
        reference=read.reference,
        lines=tuple(
            ReceiptLine(name, formats.day(day), formats.money(minor)) for name, day, minor in read.lines
        ),
        deposit=formats.money(deposit_minor) if deposit_minor else "",
        applied=formats.money(read.amount_minor),
        tendered=formats.money(read.tendered_minor) if read.method == "cash" else "",
        change=formats.money(read.change_minor) if read.method == "cash" else "",
        voided=formats.day(formats.local_date(read.voided_at)) if read.voided_at else "",
        refunded=formats.money(read.refunded_minor) if read.refunded_minor else "",
        copy=copy,
    )
