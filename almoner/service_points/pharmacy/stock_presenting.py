"""The stock as its pages show it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from almoner.pages.presenters import Formats
from almoner.service_points.pharmacy.models import Batch, StockMovement
from almoner.service_points.pharmacy.operations import CountLine
from almoner.service_points.pharmacy.rules import is_expired, is_near_expiry, plain
from almoner.service_points.pharmacy.stock_queries import StockLine

KINDS = {
    "received": _("Received"),
    "dispensed": _("Handed out"),
    "returned": _("Came back"),
    "adjusted": _("Adjusted"),
    "counted": _("Counted"),
    "disposed": _("Disposed of"),
}
VIEWS = {"": _("All"), "low": _("Low"), "near": _("Near expiry"), "expired": _("Expired")}


@dataclass(frozen=True, slots=True)
class Notice:
    """A word about stock; ``tone`` is a class of the style sheet."""

    text: Any
    tone: str


@dataclass(frozen=True, slots=True)
class StockRow:
    """A medication in a store."""

    url: str
    count_url: str
    minimum_url: str
    medication: str
    code: str
    store: str
    usable: str
    minimum: str
    expires_first: str
    notices: tuple[Notice, ...]


def stock_row(line: StockLine, formats: Formats) -> StockRow:
    """``line`` with what is to be noticed about it."""
    notices = []
    if not line.usable:
        notices.append(Notice(_("out of stock"), "overdue"))
    elif line.is_low:
        notices.append(Notice(_("low"), "due"))
    if line.near_expiry:
        notices.append(Notice(_("%(many)s near expiry") % {"many": plain(line.near_expiry)}, "due"))
    if line.expired:
        notices.append(Notice(_("%(many)s expired") % {"many": plain(line.expired)}, "overdue"))
    return StockRow(
        url=reverse("pharmacy:stock-item", args=[line.item_id]),
        count_url=reverse("pharmacy:count", args=[line.item_id]),
        minimum_url=reverse("pharmacy:minimum", args=[line.item_id]),
        medication=line.service,
        code=line.service_code,
        store=line.store,
        usable=plain(line.usable),
        minimum=plain(line.minimum),
        expires_first=formats.day(line.expires_first) if line.expires_first else "",
        notices=tuple(notices),
    )


@dataclass(frozen=True, slots=True)
class View:
    """A way to look at the list."""

    url: str
    title: Any
    is_current: bool


def views(words: str, show: str) -> list[View]:
    """All, low, near expiry, expired: with the words that were searched for."""
    return [
        View(f"{reverse('pharmacy:stock')}?{urlencode({'q': words, 'show': name})}", title, name == show)
        for name, title in VIEWS.items()
    ]


@dataclass(frozen=True, slots=True)
class BatchRow:
    """A batch on the shelf."""

    adjust_url: str
    expiry_url: str
    number: str
    expires_on: str
    on_hand: str
    is_empty: bool
    notice: Notice | None


def batch_row(batch: Batch, formats: Formats, *, today: date) -> BatchRow:
    """``batch``, and whether it has expired or soon will."""
    notice = None
    if batch.on_hand and is_expired(batch.expires_on, today):
        notice = Notice(_("expired: not handed out"), "overdue")
    elif batch.on_hand and is_near_expiry(batch.expires_on, today):
        notice = Notice(_("near expiry"), "due")
    return BatchRow(
        adjust_url=reverse("pharmacy:adjust", args=[batch.id]),
        expiry_url=reverse("pharmacy:expiry", args=[batch.id]),
        number=batch.number,
        expires_on=formats.day(batch.expires_on),
        on_hand=plain(batch.on_hand),
        is_empty=not batch.on_hand,
        notice=notice,
    )


def batch_label(batch: Batch, formats: Formats) -> str:
    """The batch on a count sheet: what stands on its box, and nothing about how much there is."""
    return str(
        _("Batch %(number)s, expires %(day)s")
        % {"number": batch.number, "day": formats.day(batch.expires_on)}
    )


@dataclass(frozen=True, slots=True)
class MovementRow:
    """Something that came or went."""

    when: str
    kind: Any
    batch: str
    quantity: str
    about: str
    by: str


def movement_row(one: StockMovement, formats: Formats, *, today: date) -> MovementRow:
    """``one`` with its sign."""
    sign = "+" if one.quantity > 0 else "−" if one.quantity < 0 else "±"
    when, day = formats.time(one.moved_at), formats.local_date(one.moved_at)
    return MovementRow(
        when=when if day == today else f"{formats.day(day)}, {when}",
        kind=KINDS[one.kind],
        batch=one.batch.number,
        quantity=f"{sign}{plain(abs(one.quantity))}",
        about=" · ".join(text for text in (one.reference, one.reason) if text),
        by=formats.person(one.moved_by),
    )


@dataclass(frozen=True, slots=True)
class DifferenceRow:
    """A batch that was counted, beside what was expected."""

    number: str
    expected: str
    counted: str
    difference: str
    differs: bool


def differences(lines: Iterable[CountLine]) -> list[DifferenceRow]:
    """Every batch that was counted."""
    return [
        DifferenceRow(
            number=line.number,
            expected=plain(line.expected),
            counted=plain(line.counted),
            difference=("+" if line.difference > 0 else "−" if line.difference < 0 else "")
            + plain(abs(line.difference)),
            differs=bool(line.difference),
        )
        for line in lines
    ]
