"""The billing office's lists, each with what settles a row right there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from almoner.charging.operations import (
    PERMISSION_CORRECT,
    confirm_delivery,
    price_unpriced,
    review_work,
)
from almoner.charging.unbilled import (
    LOOKED_BACK,
    MAXIMUM_UNBILLED,
    charge_unbilled,
    find_subject,
    find_unbilled,
)
from almoner.enforcement.operations import PERMISSION_REVIEW
from almoner.kernel.tenancy import transaction
from almoner.pages.answers import done
from almoner.pages.forms import StaffForm, sent
from almoner.pages.live import live_page
from almoner.pages.staff import HospitalRequest, hospital_view
from almoner.pages.work_lists import queries
from almoner.pages.work_lists.forms import NoteForm, PriceForm, ReasonForm
from almoner.pages.work_lists.presenting import lists as presenting
from almoner.pages.work_lists.presenting.overrides import Tab
from almoner.payments.corrections import cancel_with_reason

INVALID = 422
YEAR = timedelta(days=366)
DAYS = (3, 7, 30, 90)
Result = TypeVar("Result")


def _page(
    request: HospitalRequest, name: str, rows: Sequence[Any], is_full: bool, query: str = "", **more: Any
) -> HttpResponse:
    """A list with the tabs of all of them; ``more``: what the list has beside its rows."""
    unbilled = more.pop("unbilled", None)
    if unbilled is None:
        unbilled = len(
            find_unbilled(at=request.at, since=request.at - LOOKED_BACK, limit=MAXIMUM_UNBILLED + 1)
        )
    counts = queries.count_work(at=request.at)
    context = {
        "tabs": presenting.work_tabs(counts, unbilled, MAXIMUM_UNBILLED, name),
        "title": presenting.TITLES[name],
        "about": presenting.ABOUT[name],
        "rows": rows,
        "is_full": is_full,
        "choices": (),
        **more,
    }
    return live_page(request, "work_lists/list.html", "work_lists/list_content.html", context, query=query)


@require_safe
@hospital_view(PERMISSION_CORRECT, PERMISSION_REVIEW)
def unpriced(request: HospitalRequest) -> HttpResponse:
    """``/work/unpriced/``: charges that no tariff gave a price."""
    found = queries.unpriced_charges()
    rows = [
        presenting.charge_row(one, "unpriced", request.formats, request.actor, today=request.today)
        for one in found
    ]
    return _page(request, "unpriced", rows, len(found) == queries.MAXIMUM_ROWS)


@require_safe
@hospital_view(PERMISSION_CORRECT, PERMISSION_REVIEW)
def unbilled(request: HospitalRequest) -> HttpResponse:
    """``/work/unbilled/``: what was done in the last 31 days (``?back=year``: in a year) without its charge."""
    is_year = request.GET.get("back") == "year"
    found = find_unbilled(
        at=request.at, since=request.at - (YEAR if is_year else LOOKED_BACK), limit=MAXIMUM_UNBILLED + 1
    )
    rows = [
        presenting.unbilled_row(one, request.formats, request.actor, today=request.today)
        for one in found[:MAXIMUM_UNBILLED]
    ]
    choices = (
        Tab(_("Last 31 days"), request.path, "", not is_year),
        Tab(_("Last year"), f"{request.path}?back=year", "", is_year),
    )
    return _page(
        request,
        "unbilled",
        rows,
        len(found) > MAXIMUM_UNBILLED,
        query="back=year" if is_year else "",
        unbilled=len(found) if not is_year else None,
        choices=choices,
    )


@require_safe
@hospital_view(PERMISSION_CORRECT, PERMISSION_REVIEW)
def undelivered(request: HospitalRequest) -> HttpResponse:
    """``/work/undelivered/?days=7``: billed longer ago than that and never delivered."""
    text = request.GET.get("days", "")
    days = next((days for days in DAYS if str(days) == text), queries.DAYS_UNDELIVERED)
    found = queries.undelivered_charges(at=request.at, days=days)
    rows = [
        presenting.charge_row(one, "undelivered", request.formats, request.actor, today=request.today)
        for one in found
    ]
    choices = tuple(
        Tab(_("over %(n)d days") % {"n": one}, f"{request.path}?days={one}", "", one == days) for one in DAYS
    )
    return _page(
        request,
        "undelivered",
        rows,
        len(found) == queries.MAXIMUM_ROWS,
        query=f"days={days}",
        choices=choices,
    )


@require_safe
@hospital_view(PERMISSION_CORRECT, PERMISSION_REVIEW)
def late(request: HospitalRequest) -> HttpResponse:
    """``/work/late/``: what was recorded when the visit had ended."""
    found = queries.late_events()
    rows = [presenting.late_row(one, request.formats, request.actor, today=request.today) for one in found]
    return _page(request, "late", rows, len(found) == queries.MAXIMUM_ROWS)


def _settle(
    request: HospitalRequest,
    form: StaffForm,
    operation: Callable[[], Result],
    said: Callable[[Result], str],
    read: Callable[[], presenting.WorkRow],
    **words: str,
) -> HttpResponse:
    """A dialog about one row: ``operation`` settles it, ``read`` says what it is about; ``words``: title, says, submit."""
    if request.method == "POST":
        result = form.attempt(operation)
        if result is not None:
            return done(said(result))
    with transaction(request.hospital.id):
        row = read()
    context = {"form": form, "action": request.path, "row": row, **words}
    return render(request, "work_lists/dialog.html", context, status=INVALID if form.errors else 200)


def _charge_reader(
    request: HospitalRequest, charge_item_id: UUID, work_list: str
) -> Callable[[], presenting.WorkRow]:
    return lambda: presenting.charge_row(
        queries.read_charge(charge_item_id), work_list, request.formats, request.actor, today=request.today
    )


@require_http_methods(["GET", "POST"])
@hospital_view(PERMISSION_CORRECT)
def price(request: HospitalRequest, charge_item_id: UUID) -> HttpResponse:
    """A dialog: give an unpriced charge its price."""
    form = PriceForm(sent(request), currency=request.hospital.currency)

    def give() -> int:
        with transaction(request.hospital.id):
            priced = price_unpriced(
                charge_item_id,
                unit_price_minor=form.cleaned_data["price"],
                actor=request.actor,
                at=request.at,
            )
            return priced.net_minor or 0

    return _settle(
        request,
        form,
        give,
        lambda minor: _("Priced: %(amount)s.") % {"amount": request.formats.money(minor)},
        _charge_reader(request, charge_item_id, "unpriced"),
        title=_("Give the price"),
        says=_("The charge is posted at this price and never repriced: a correction reverses it."),
        submit=_("Give the price"),
    )


@require_http_methods(["GET", "POST"])
@hospital_view(PERMISSION_CORRECT)
def deliver(request: HospitalRequest, charge_item_id: UUID) -> HttpResponse:
    """A dialog: the charge was delivered, although no step said so."""
    form = ReasonForm(sent(request))
    return _settle(
        request,
        form,
        lambda: confirm_delivery(
            request.hospital.id,
            charge_item_id,
            reason=form.cleaned_data["reason"],
            actor=request.actor,
            at=request.at,
        ),
        lambda item: _("Delivered: it is revenue now."),
        _charge_reader(request, charge_item_id, "undelivered"),
        title=_("It was given"),
        says=_("The charge becomes revenue today. Say how you know."),
        submit=_("It was given"),
    )


@require_http_methods(["GET", "POST"])
@hospital_view(PERMISSION_CORRECT)
def cancel(request: HospitalRequest, charge_item_id: UUID) -> HttpResponse:
    """A dialog: take a charge back; what was paid for it becomes a deposit."""
    form = ReasonForm(sent(request))
    return _settle(
        request,
        form,
        lambda: cancel_with_reason(
            request.hospital.id,
            charge_item_id,
            reason=form.cleaned_data["reason"],
            idempotency_key=form.key,
            actor=request.actor,
            at=request.at,
        ),
        lambda outcome: _("The charge is taken back."),
        _charge_reader(request, charge_item_id, "undelivered"),
        title=_("Cancel the charge"),
        says=_("The charge is reversed. What was paid for it is kept as a deposit of the patient."),
        submit=_("Cancel the charge"),
    )


@require_POST
@hospital_view(PERMISSION_CORRECT)
def charge(request: HospitalRequest, subject: str) -> HttpResponse:
    """Charge work that was done without its charge; what is charged meanwhile is not charged again."""
    minor = charge_unbilled(request.hospital.id, subject, actor=request.actor, at=request.at)
    return done(_("Charged: %(amount)s.") % {"amount": request.formats.money(minor)})


@require_http_methods(["GET", "POST"])
@hospital_view(PERMISSION_CORRECT)
def no_charge(request: HospitalRequest, subject: str) -> HttpResponse:
    """A dialog: work that was done needs no charge, and why."""
    form = NoteForm(sent(request))

    def read() -> presenting.WorkRow:
        work = find_subject(subject, at=request.at)
        return presenting.unbilled_row(work, request.formats, request.actor, today=request.today)

    def review() -> object:
        with transaction(request.hospital.id):
            find_subject(subject, at=request.at)
            return review_work(
                request.hospital.id,
                "unbilled",
                subject,
                note=form.cleaned_data["note"],
                actor=request.actor,
                at=request.at,
            )

    return _settle(
        request,
        form,
        review,
        lambda review: _("Taken off the list."),
        read,
        title=_("No charge is needed"),
        says=_("It stays on record who decided so, and why."),
        submit=_("Take it off the list"),
    )


@require_http_methods(["GET", "POST"])
@hospital_view(PERMISSION_CORRECT)
def late_review(request: HospitalRequest, event_id: UUID) -> HttpResponse:
    """A dialog: an event after discharge was looked at."""
    form = NoteForm(sent(request))
    return _settle(
        request,
        form,
        lambda: review_work(
            request.hospital.id,
            "late",
            str(event_id),
            note=form.cleaned_data["note"],
            actor=request.actor,
            at=request.at,
        ),
        lambda review: _("Reviewed."),
        lambda: presenting.late_row(
            queries.read_late_event(event_id), request.formats, request.actor, today=request.today
        ),
        title=_("Reviewed"),
        says=_(
            "Its charges stay as they are. Say what was done: sent a bill, called the patient, wrote it off."
        ),
        submit=_("Take it off the list"),
    )
