"""Payment plans: those that are behind, one plan with its schedule, and what changes it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from almoner.kernel.errors import DomainError
from almoner.kernel.tenancy import transaction
from almoner.pages.amounts import write_amount
from almoner.pages.answers import done, go_to
from almoner.pages.forms import StaffForm, sent
from almoner.pages.live import live_page
from almoner.pages.plans.forms import ChangeForm, PlanForm, ReasonForm
from almoner.pages.plans.presenting import TABS, plan_line, present_plan, preview_lines, tabs, total_minor
from almoner.pages.plans.queries import MAXIMUM_ROWS, list_plans, read_plan
from almoner.pages.staff import HospitalRequest, hospital_view
from almoner.payments.operations import (
    PERMISSION_PLAN,
    PERMISSION_RECORD,
    approve_plan_change,
    cancel_plan,
    fees_for,
    refuse_plan_change,
    request_plan_change,
)
from almoner.payments.plans import schedule

INVALID = 422


@require_safe
@hospital_view(PERMISSION_PLAN)
def plans(request: HospitalRequest) -> HttpResponse:
    """``/plans/``: plans that are behind (``?show=on-track``: another list), the longest overdue first."""
    show = request.GET.get("show", "")
    show = show if show in TABS else "behind"
    found = list_plans(TABS[show][1], at=request.at)
    context = {
        "tabs": tabs(show),
        "title": TABS[show][0],
        "rows": [plan_line(row, request.formats) for row in found],
        "behind": request.formats.money(total_minor(found)) if show == "behind" and found else "",
        "is_full": len(found) == MAXIMUM_ROWS,
    }
    return live_page(request, "plans/list.html", "plans/list_content.html", context, query=f"show={show}")


@require_safe
@hospital_view(PERMISSION_PLAN, PERMISSION_RECORD)
def plan(request: HospitalRequest, plan_id: UUID) -> HttpResponse:
    """One plan: what is due when, what was paid, what can be done."""
    page = present_plan(
        read_plan(plan_id, at=request.at, today=request.today),
        request.formats,
        request.actor,
        today=request.today,
    )
    return live_page(request, "plans/plan.html", "plans/plan_content.html", {"page": page})


@require_safe
@hospital_view(PERMISSION_PLAN, PERMISSION_RECORD)
def agreement(request: HospitalRequest, plan_id: UUID) -> HttpResponse:
    """The agreement on paper (A4), to be signed."""
    page = present_plan(
        read_plan(plan_id, at=request.at, today=request.today),
        request.formats,
        request.actor,
        today=request.today,
    )
    context = {"page": page, "hospital": request.hospital.name}
    return render(request, "plans/agreement.html", context)


@require_safe
@hospital_view(PERMISSION_PLAN)
def preview(request: HospitalRequest) -> HttpResponse:
    """The instalments that the typed terms would make; nothing is stored. ``left`` is the total of a change."""
    data = request.GET.copy()
    data["total"] = data.get("total") or data.get("left", "")
    data["idempotency_key"] = "page:preview"
    form = PlanForm(data, currency=request.hospital.currency)
    context: dict[str, Any] = {"problem": "", "lines": (), "total": "", "fees": ""}
    if not form.is_valid():
        context["problem"] = next(iter(form.errors.values()))[0]
    else:
        try:
            fees_minor = form.fees_shown.total_minor(form.terms)
            total_minor = form.cleaned_data["total"] + fees_minor
            parts = schedule(form.terms, total_minor, agreed_on=request.today)
            context["lines"] = preview_lines(parts, request.formats)
            context["total"] = request.formats.money(total_minor)
            context["fees"] = request.formats.money(fees_minor) if fees_minor else ""
        except DomainError as error:
            form.refuse(error)
            context["problem"] = next(iter(form.errors.values()))[0]
    return render(request, "plans/preview.html", context)


def _dialog(
    request: HospitalRequest, plan_id: UUID, form: StaffForm, template: str, **more: Any
) -> HttpResponse:
    with transaction(request.hospital.id):
        read = read_plan(plan_id, at=request.at, today=request.today)
    page = present_plan(read, request.formats, request.actor, today=request.today)
    context = {"form": form, "action": request.path, "page": page, **more}
    return render(request, template, context, status=INVALID if form.errors else 200)


@require_http_methods(["GET", "POST"])
@hospital_view(PERMISSION_PLAN)
def cancel(request: HospitalRequest, plan_id: UUID) -> HttpResponse:
    """A dialog: end the plan before it is paid."""
    form = ReasonForm(sent(request))
    if request.method == "POST":
        made = form.attempt(
            lambda: cancel_plan(
                request.hospital.id,
                plan_id,
                reason=form.cleaned_data["reason"],
                actor=request.actor,
                at=request.at,
            )
        )
        if made is not None:
            return done(_("The plan is cancelled. What is open is due as it would be without it."))
    return _dialog(request, plan_id, form, "plans/cancel.html")


@require_http_methods(["GET", "POST"])
@hospital_view(PERMISSION_PLAN)
def change(request: HospitalRequest, plan_id: UUID) -> HttpResponse:
    """A dialog: ask that what is left be paid by other instalments."""
    with transaction(request.hospital.id):
        read = read_plan(plan_id, at=request.at, today=request.today)
        fees = fees_for(request.hospital.id, read.patient.id, read.plan.encounter_id)
    form = ChangeForm(
        sent(request),
        currency=request.hospital.currency,
        initial={
            "first_due_on": request.today + timedelta(days=30),
            "grace_days": read.plan.grace_days,
            "fee_per_instalment": fees.instalment_minor,
        },
    )
    if request.method == "POST":
        asked = form.attempt(
            lambda: request_plan_change(
                request.hospital.id,
                plan_id,
                terms=form.terms,
                reason=form.cleaned_data["reason"],
                idempotency_key=form.key,
                actor=request.actor,
                at=request.at,
            )
        )
        if asked is not None:
            return done(_("Asked. The plan stands until somebody else approves the change."))
    left = write_amount(read.to_settle_minor, read.plan.currency)
    return _dialog(request, plan_id, form, "plans/change.html", left=left)


@require_POST
@hospital_view(PERMISSION_PLAN)
def approve(request: HospitalRequest, plan_change_id: UUID) -> HttpResponse:
    """Replace the plan, as the second person."""
    made = approve_plan_change(request.hospital.id, plan_change_id, actor=request.actor, at=request.at)
    return go_to(reverse("plans:plan", args=[made.id]))


@require_POST
@hospital_view(PERMISSION_PLAN)
def refuse(request: HospitalRequest, plan_change_id: UUID) -> HttpResponse:
    """Leave the plan as it is, as the second person."""
    refuse_plan_change(request.hospital.id, plan_change_id, actor=request.actor, at=request.at)
    return done(_("Refused. The plan stands as it is."))
