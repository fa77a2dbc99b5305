"""The cashier's pages in words and figures."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from almoner.enforcement.concealment import PERMISSION_READ_BLOCKED
from almoner.kernel.actor import Actor
from almoner.pages.cashier.forms import Ticked
from almoner.pages.cashier.queries import DayTotals, Moved, Owed, Receipt, Taken, TenderLine, WaitingRequest
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


def methods_said(methods: Sequence[str]) -> str:
    """The methods of a payment in words: ``Cash + Card``."""
    return " + ".join(str(METHODS.get(method, method)) for method in dict.fromkeys(methods))


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
        method=methods_said(one.methods),
        when=formats.moment(one.received_at, today=today),
        by=formats.person(one.received_by),
        amount=formats.money(one.amount_minor),
        note=note,
        voided=one.voided,
    )


@dataclass(frozen=True, slots=True)
class TotalRow:
    """The day's money of a method, or of a drawer (``url`` leads to its report, ``by`` is its cashier)."""

    title: Any
    taken: str
    given_back: str
    net: Any
    url: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class DaySums:
    """The day's sums in words; ``net`` of all methods is empty for whom the cash is hidden."""

    methods: tuple[TotalRow, ...]
    drawers: tuple[TotalRow, ...]
    net: str


def day_sums(totals: DayTotals, formats: Formats, *, is_blind: bool, sees_drawers: bool) -> DaySums:
    """What came in and went out, by method in their order, and by drawer for who ``sees_drawers``.

    ``is_blind``: whoever looks is still to count a drawer, and so is not told what was taken in cash.
    """
    net_minor = sum(one.taken_minor - one.given_back_minor for one in totals.by_method.values())
    return DaySums(
        methods=tuple(
            TotalRow(title, "", "", _("to be counted"))
            if is_blind and code == "cash"
            else _total_row(title, totals.by_method[code], formats)
            for code, title in METHODS.items()
            if code in totals.by_method
        ),
        drawers=tuple(
            _total_row(
                drawer.name if drawer else _("Without a drawer"),
                moved,
                formats,
                url=reverse("cashier:session", args=[drawer.session_id]) if drawer else "",
                by=formats.person(drawer.cashier) if drawer else "",
            )
            for drawer, moved in totals.by_drawer.items()
            if sees_drawers
        ),
        net="" if is_blind and "cash" in totals.by_method else formats.money(net_minor),
    )


def _total_row(title: Any, moved: Moved, formats: Formats, *, url: str = "", by: str = "") -> TotalRow:
    return TotalRow(
        title=title,
        taken=formats.money(moved.taken_minor),
        given_back=formats.money(moved.given_back_minor),
        net=formats.money(moved.taken_minor - moved.given_back_minor),
        url=url,
        by=by,
    )


@dataclass(frozen=True, slots=True)
class ReceiptLine:
    name: str
    day: str
    amount: str


@dataclass(frozen=True, slots=True)
class ReceiptTender:
    """One method of a payment; ``tendered`` and ``change`` are empty unless change was given."""

    method: str
    reference: str
    amount: str
    tendered: str
    change: str


def _receipt_tender(one: TenderLine, formats: Formats) -> ReceiptTender:
    is_cash = one.method == "cash"
    return ReceiptTender(
        method=str(METHODS.get(one.method, one.method)),
        reference=one.reference,
        amount=formats.money(one.amount_minor),
        tendered=formats.money(one.tendered_minor) if is_cash else "",
        change=formats.money(one.change_minor) if is_cash else "",
    )


@dataclass(frozen=True, slots=True)
class ReceiptPage:
    """A receipt in words; an amount is empty when there is none of it.

    ``change`` is what is given back of all tenders. ``copy``: how it is marked when printed again, by whom and when.
    """

    number: str
    hospital: str
    patient: str
    mrn: str
    account_url: str
    when: str
    cash_point: str
    by: str
    method: str
    reference: str
    lines: tuple[ReceiptLine, ...]
    deposit: str
    applied: str
    tenders: tuple[ReceiptTender, ...]
    change: str
    voided: str
    refunded: str
    session: str
    session_url: str
    copy: str


def receipt_page(read: Receipt, hospital: str, formats: Formats) -> ReceiptPage:
    """``read`` as it is printed: tendered, change and applied apart."""
    deposit_minor = read.amount_minor - sum(line.amount_minor for line in read.lines)
    local = read.received_at.astimezone(formats.zone)
    return ReceiptPage(
        number=read.number,
        hospital=hospital,
        patient=read.patient,
        mrn=read.mrn,
        account_url=reverse("cashier:account", args=[read.patient_id]),
        when=f"{formats.day(local.date())} {formats.time(read.received_at)}",
        cash_point=read.cash_point,
        by=formats.person(read.received_by),
        method=methods_said([one.method for one in read.tenders]),
        reference=read.reference if len(read.tenders) > 1 else "",
        lines=tuple(
            ReceiptLine(line.name, formats.day(line.service_date), formats.money(line.amount_minor))
            for line in read.lines
        ),
        deposit=formats.money(deposit_minor) if deposit_minor else "",
        applied=formats.money(read.amount_minor),
        tenders=tuple(_receipt_tender(one, formats) for one in read.tenders),
        change=formats.money(read.change_minor) if any(one.method == "cash" for one in read.tenders) else "",
        voided=formats.day(formats.local_date(read.voided_at)) if read.voided_at else "",
        refunded=formats.money(read.refunded_minor) if read.refunded_minor else "",
        session=read.session,
        session_url=reverse("cashier:session", args=[read.session_id]) if read.session_id else "",
        copy=copy_mark(read.prints, formats),
    )


def copy_mark(prints: Sequence[tuple[str, datetime]], formats: Formats) -> str:
    """How a paper is marked when it was printed before: which copy, by whom and when; empty on the first."""
    if len(prints) < 2:
        return ""
    by, at = prints[-1]
    return _("Copy %(number)d, printed %(when)s by %(who)s") % {
        "number": len(prints),
        "when": f"{formats.day(formats.local_date(at))} {formats.time(at)}",
        "who": formats.person(by),
    }


@dataclass(frozen=True, slots=True)
class WaitingRow:
    """A void or a refund that somebody has to decide. ``why_not`` says why it is not for whoever looks."""

    url: str
    receipt: str
    amount: str
    patient: str
    reason: str
    note: str
    why_not: str


def waiting_row(one: WaitingRequest, formats: Formats, actor: Actor, *, today: date) -> WaitingRow:
    """``one`` as the desk of those who approve shows it."""
    return WaitingRow(
        url=reverse("cashier:receipt", args=[one.payment_id]),
        receipt=one.receipt,
        amount=formats.money(one.amount_minor),
        patient=one.patient,
        reason=one.reason,
        note=f"{formats.person(one.requested_by)} · {formats.moment(one.at, today=today)}",
        why_not=own_request(one.requested_by, one.requester_id, actor),
    )


def own_request(requested_by: str, requester_id: UUID | None, actor: Actor) -> str:
    """Why ``actor`` may not decide: they asked for it themselves; empty when they may."""
    if requested_by == actor.name or (requester_id is not None and requester_id == actor.user_id):
        return str(_("You asked for this: somebody else decides."))
    return ""
