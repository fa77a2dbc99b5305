"""The cashier's drawer: open it with a counted float, move cash, close it with a count, and its report."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from almoner.identity import audit
from almoner.kernel.errors import PermissionRefused
from almoner.kernel.tenancy import transaction
from almoner.pages.answers import done, go_to
from almoner.pages.cashier import drawers, presenting, queries
from almoner.pages.cashier.drawer_forms import CloseForm, CountForm, MoveForm, OpenForm
from almoner.pages.cashier.views.receipts import INVALID, known_paper
from almoner.pages.forms import sent
from almoner.pages.live import live_page
from almoner.pages.staff import HospitalRequest, hospital_view
from almoner.pages.step_actions import cash_points
from almoner.payments.denominations import worth
from almoner.payments.models import CashSession
from almoner.payments.operations import (
    PERMISSION_RECORD,
    PERMISSION_SUPERVISE,
    close_session,
    move_cash,
    open_session,
)
from almoner.payments.queries import find_session, open_session_of, session_report


def _session(request: HospitalRequest, session_id: UUID) -> CashSession:
    """The session, for its cashier and for who supervises drawers."""
    with transaction(request.hospital.id):
        session = find_session(session_id)
    if session.cashier_id != request.user.id and not request.actor.may(PERMISSION_SUPERVISE):
        raise PermissionRefused(PERMISSION_SUPERVISE)
    return session


@require_safe
@hospital_view(PERMISSION_RECORD, PERMISSION_SUPERVISE)
def sessions(request: HospitalRequest) -> HttpResponse:
    """``/cashier/drawers/``: everybody's drawers for who supervises them, else one's own."""
    sees_all = request.actor.may(PERMISSION_SUPERVISE)
    listed = drawers.list_sessions(None if sees_all else request.user.id)
    mine = open_session_of(request.user.id)
    context = {
        "rows": [drawers.session_row(one, request.formats, today=request.today) for one in listed],
        "sees_all": sees_all,
        "may_open": mine is None and request.actor.may(PERMISSION_RECORD),
        "is_full": len(listed) == drawers.MAXIMUM_SESSIONS,
    }
    return live_page(request, "cashier/sessions.html", "cashier/sessions_content.html", context)


def _next(request: HospitalRequest, fallback: str) -> str:
    """Where the page that sent here wants to go on, when that is a page of ours."""
    wanted = request.GET.get("next", "")
    allowed = url_has_allowed_host_and_scheme(wanted, allowed_hosts=None)
    return wanted if wanted and allowed else fallback


@require_http_methods(["GET", "POST"])
@hospital_view(PERMISSION_RECORD)
def open_drawer(request: HospitalRequest) -> HttpResponse:
    """``/cashier/drawers/open/``: choose the cash point and count the float."""
    with transaction(request.hospital.id):
        mine, points = open_session_of(request.user.id), cash_points()
    if mine is not None and request.method != "POST":
        return redirect("cashier:session", mine.id)
    form = OpenForm(
        sent(request),
        currency=request.hospital.currency,
        locale=request.hospital.locale,
        cash_points=points,
    )
    if request.method == "POST":
        opened = form.attempt(
            lambda: open_session(
                request.hospital.id,
                cash_point=form.cleaned_data["cash_point"],
                count=form.count(),
                idempotency_key=form.key,
                actor=request.actor,
                at=request.at,
            )
        )
        if opened is not None:
            return go_to(_next(request, reverse("cashier:desk")))
    context = {"form": form, "here": request.get_full_path(), "total": _total(request, form)}
    template = "cashier/open_form.html" if request.htmx else "cashier/open.html"
    return render(request, template, context, status=INVALID if form.errors else 200)


def _total(request: HospitalRequest, form: CountForm) -> str:
    """What was counted so far."""
    form.is_valid()
    count = form.count() if form.is_bound else {}
    return request.formats.money(worth(count, form.currency))


@require_safe
@hospital_view(PERMISSION_RECORD)
def counted(request: HospitalRequest) -> HttpResponse:
    """What the pieces typed so far come to."""
    form = CountForm(request.GET, currency=request.hospital.currency, locale=request.hospital.locale)
    return render(request, "cashier/count_total.html", {"total": _total(request, form)})


def _page(request: HospitalRequest, session: CashSession, *, copy: str = "") -> drawers.SessionPage:
    taken_over = CashSession.objects.filter(handed_over_from=session).first()
    return drawers.session_page(
        session_report(session),
        taken_over,
        request.hospital.name,
        request.formats,
        request.actor,
        attempts=queries.refused_attempts(session),
        copy=copy,
    )


@require_safe
@hospital_view(PERMISSION_RECORD, PERMISSION_SUPERVISE)
def session(request: HospitalRequest, session_id: UUID) -> HttpResponse:
    """``/cashier/drawers/ID/``: the X report of an open drawer, the Z report of a closed one."""
    found = _session(request, session_id)
    context = {"session": _page(request, found), "may_act": request.actor.may(PERMISSION_RECORD)}
    return live_page(request, "cashier/session.html", "cashier/session_content.html", context)


@require_http_methods(["GET", "POST"])
@hospital_view(PERMISSION_RECORD)
def close(request: HospitalRequest, session_id: UUID) -> HttpResponse:
    """``/cashier/drawers/ID/close/``: count what is there, without being told what should be."""
    found = _session(request, session_id)
    if found.closed_at is not None and request.method != "POST":
        return redirect("cashier:session", found.id)
    with transaction(request.hospital.id):
        colleagues = drawers.colleagues_of(request.hospital.id, found)
    form = CloseForm(
        sent(request),
        currency=found.currency,
        locale=request.hospital.locale,
        colleagues=colleagues,
    )
    if request.method == "POST":
        closed = form.attempt(lambda: _close(request, found.id, form))
        if closed is not None:
            return go_to(reverse("cashier:session", args=[found.id]))
    context = {"form": form, "session": found, "total": _total(request, form)}
    template = "cashier/close_form.html" if request.htmx else "cashier/close.html"
    return render(request, template, context, status=INVALID if form.errors else 200)


def _close(request: HospitalRequest, session_id: UUID, form: CloseForm) -> CashSession:
    data = form.cleaned_data
    return close_session(
        request.hospital.id,
        session_id,
        count=form.count(),
        reason=data["reason"],
        banked_minor=data["banked"] or 0,
        slip=data["slip"],
        hand_to=data["hand_to"],
        idempotency_key=form.key,
        actor=request.actor,
        at=request.at,
    )


@require_http_methods(["GET", "POST"])
@hospital_view(PERMISSION_RECORD)
def move(request: HospitalRequest, session_id: UUID) -> HttpResponse:
    """A dialog: cash to the bank or to the safe, or change from the safe."""
    found = _session(request, session_id)
    form = MoveForm(sent(request), currency=found.currency)
    if request.method == "POST":
        moved = form.attempt(
            lambda: move_cash(
                request.hospital.id,
                session_id,
                kind=form.cleaned_data["kind"],
                amount_minor=form.cleaned_data["amount"],
                reference=form.cleaned_data["reference"],
                idempotency_key=form.key,
                actor=request.actor,
                at=request.at,
            )
        )
        if moved is not None:
            return done(
                _("%(what)s: %(amount)s.")
                % {
                    "what": drawers.TRANSFERS[moved.kind],
                    "amount": request.formats.money(moved.amount_minor),
                }
            )
    context = {"form": form, "action": request.path, "session": found}
    return render(request, "cashier/move.html", context, status=INVALID if form.errors else 200)


@require_POST
@hospital_view(PERMISSION_RECORD, PERMISSION_SUPERVISE)
def print_session(request: HospitalRequest, session_id: UUID, paper: str) -> HttpResponse:
    """Note that the report is printed, so that the next one is marked as a copy, and lead to the paper."""
    found = _session(request, session_id)
    known_paper(paper)
    with transaction(request.hospital.id):
        audit.record(
            drawers.PRINTED,
            actor=request.actor,
            at=request.at,
            subject_kind="cash_session",
            subject_id=found.id,
            paper=paper,
        )
    return go_to(reverse("cashier:session-paper", args=[session_id, paper]))


@require_safe
@hospital_view(PERMISSION_RECORD, PERMISSION_SUPERVISE)
def paper_session(request: HospitalRequest, session_id: UUID, paper: str) -> HttpResponse:
    """``/cashier/drawers/ID/paper/80mm/``: the report alone, as wide as the paper."""
    found = _session(request, session_id)
    known_paper(paper)
    prints = queries.prints_of(drawers.PRINTED, found.id, since=found.closed_at or found.opened_at)
    copy = presenting.copy_mark(prints, request.formats) if found.closed_at else ""
    context: dict[str, Any] = {
        "session": _page(request, found, copy=copy),
        "paper": paper,
        "back": reverse("cashier:session", args=[session_id]),
    }
    return render(request, "cashier/session_paper.html", context)
