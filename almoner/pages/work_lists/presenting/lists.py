"""The work lists in words and figures: whatever is on them, a row has the same parts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from almoner.charging.operations import PERMISSION_CORRECT
from almoner.charging.unbilled import Unbilled
from almoner.kernel.actor import Actor
from almoner.kernel.service_points import event_kinds, installed
from almoner.pages.presenters import Formats
from almoner.pages.work_lists.presenting.overrides import Button, Tab, button
from almoner.pages.work_lists.queries import MAXIMUM_COUNTED, Counts, LateEvent, WorkCharge
from almoner.payments.operations import PERMISSION_RECORD

TITLES = {
    "unpriced": _("No price"),
    "unbilled": _("Done, not billed"),
    "undelivered": _("Billed, not delivered"),
    "late": _("After discharge"),
    "overrides": _("Overrides"),
}
ABOUT = {
    "unpriced": _("No tariff gave these charges a price. They are posted once they have one."),
    "unbilled": _("Work that was done and that no charge is for."),
    "undelivered": _("Charged, and never given as far as anybody recorded: it is owed, and no revenue yet."),
    "late": _("What was recorded when the visit had ended: the patient may have left without paying it."),
}


@dataclass(frozen=True, slots=True)
class Direct:
    """A button that does it at once, by posting to ``url``."""

    title: Any
    url: str
    icon: str
    why_not: str


@dataclass(frozen=True, slots=True)
class WorkRow:
    """Something to settle. ``since`` is what it is ordered by; ``amount`` empty: not known."""

    patient: str
    mrn: str
    patient_url: str
    cashier_url: str
    what: Any
    note: str
    since: str
    since_note: str
    amount: str
    amount_note: str
    direct: Direct | None
    actions: tuple[Button, ...]


def counted(number: int, most: int) -> str:
    """``number``, or that there are more than can be counted cheaply."""
    return f"{most - 1}+" if number >= most else str(number)


def work_tabs(counts: Counts, unbilled: int, most_unbilled: int, current: str) -> tuple[Tab, ...]:
    """Every list with how long it is."""
    numbers = {
        "unpriced": counted(counts.unpriced, MAXIMUM_COUNTED),
        "unbilled": counted(unbilled, most_unbilled + 1),
        "undelivered": counted(counts.undelivered, MAXIMUM_COUNTED),
        "late": counted(counts.late, MAXIMUM_COUNTED),
        "overrides": counted(counts.overrides, MAXIMUM_COUNTED),
    }
    return tuple(
        Tab(title, reverse(f"work_lists:{name}"), numbers[name], name == current)
        for name, title in TITLES.items()
    )


def _cashier_url(actor: Actor, patient_id: UUID) -> str:
    return reverse("cashier:account", args=[patient_id]) if actor.may(PERMISSION_RECORD) else ""


def _correct(title: Any, url_name: str, subject: object, *, icon: str, actor: Actor) -> Button:
    url = reverse(f"work_lists:{url_name}", args=[subject])
    return button(title, url, icon=icon, permission=PERMISSION_CORRECT, actor=actor)


def charge_row(one: WorkCharge, work_list: str, formats: Formats, actor: Actor, *, today: date) -> WorkRow:
    """A charge without a price, or one that was never delivered."""
    note = [one.department, one.visit, one.order_number]
    what = f"{one.service} × {one.quantity.normalize():f}" if one.quantity != 1 else one.service
    item = one.charge_item_id
    cancel = _correct(_("Cancel"), "cancel", item, icon="ban", actor=actor)
    amount_note = ""
    if work_list == "unpriced":
        actions = (_correct(_("Give the price"), "price", item, icon="tag", actor=actor), cancel)
    else:
        actions = (_correct(_("It was given"), "deliver", item, icon="check", actor=actor), cancel)
        amount_note = str(_("paid")) if one.open_minor == 0 and one.net_minor else str(_("unpaid"))
    return WorkRow(
        patient=one.patient,
        mrn=one.mrn,
        patient_url=reverse("patient", args=[one.patient_id]),
        cashier_url=_cashier_url(actor, one.patient_id),
        what=what,
        note=" · ".join(part for part in note if part),
        since=formats.day(one.service_date),
        since_note=str(_("delivered")) if one.is_delivered else "",
        amount="" if one.net_minor is None else formats.money(one.net_minor),
        amount_note=amount_note,
        direct=None,
        actions=actions,
    )


def unbilled_row(one: Unbilled, formats: Formats, actor: Actor, *, today: date) -> WorkRow:
    """Work without its charge."""
    why_not = ""
    if not actor.may(PERMISSION_CORRECT):
        roles = ", ".join(actor.who_may(PERMISSION_CORRECT))
        why_not = str(_("This is done by: %(roles)s.") % {"roles": roles})
    point = next((point.title for point in installed() if point.label == one.subject.partition(":")[0]), "")
    return WorkRow(
        patient=one.patient,
        mrn=one.mrn,
        patient_url=reverse("patient", args=[one.patient_id]),
        cashier_url=_cashier_url(actor, one.patient_id),
        what=f"{one.what} × {one.quantity.normalize():f}" if one.quantity != 1 else one.what,
        note=f"{point} · {one.order_number}",
        since=formats.moment(one.done_at, today=today),
        since_note="",
        amount="",
        amount_note="",
        direct=Direct(
            _("Charge it"), reverse("work_lists:charge", args=[one.subject]), icon="receipt", why_not=why_not
        ),
        actions=(_correct(_("No charge"), "no-charge", one.subject, icon="x", actor=actor),),
    )


def late_row(one: LateEvent, formats: Formats, actor: Actor, *, today: date) -> WorkRow:
    """An event after discharge."""
    kinds = event_kinds()
    ended = formats.moment(one.ended_at, today=today) if one.ended_at else "–"
    note = _("%(department)s · %(visit)s ended %(ended)s") % {
        "department": one.department,
        "visit": one.visit,
        "ended": ended,
    }
    return WorkRow(
        patient=one.patient,
        mrn=one.mrn,
        patient_url=reverse("patient", args=[one.patient_id]),
        cashier_url=_cashier_url(actor, one.patient_id),
        what=kinds[one.kind].title if one.kind in kinds else one.kind,
        note=str(note),
        since=formats.moment(one.recorded_at, today=today),
        since_note=formats.person(one.recorded_by),
        amount=formats.money(one.charged_minor),
        amount_note=str(_("%(amount)s open") % {"amount": formats.money(one.open_minor)})
        if one.open_minor
        else "",
        direct=None,
        actions=(_correct(_("Reviewed"), "late-review", one.event_id, icon="check", actor=actor),),
    )
