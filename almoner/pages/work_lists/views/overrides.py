"""Overrides for review, and what the gate held: narrowed, accepted, disputed, revoked, applied afterwards."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from almoner.enforcement import overrides as queries
from almoner.enforcement.facts import Subject
from almoner.enforcement.operations import (
    PERMISSION_OVERRIDE,
    PERMISSION_REVIEW,
    PERMISSION_REVOKE,
    grant_override,
    review_override,
    revoke_override,
)
from almoner.identity.models import AuditRecord
from almoner.kernel.errors import Conflict, NotFound
from almoner.kernel.tenancy import transaction
from almoner.pages.answers import done
from almoner.pages.forms import StaffForm, sent
from almoner.pages.live import live_page
from almoner.pages.staff import HospitalRequest, hospital_view
from almoner.pages.work_lists.forms import HeldForm, ReasonForm, ReviewForm
from almoner.pages.work_lists.presenting import overrides as presenting

INVALID = 422


@require_safe
@hospital_view(PERMISSION_REVIEW)
def overrides(request: HospitalRequest) -> HttpResponse:
    """``/work/overrides/?show=to_review``: who let what go ahead unpaid, and whether it was paid since."""
    try:
        state = presenting.shown_state(request.GET.get("show", ""))
    except ValueError:
        raise NotFound(_("There is no such list of overrides."), field="show", code="unknown_list") from None
    found = queries.list_overrides(state, at=request.at)
    counts = queries.count_overrides(at=request.at)
    context = {
        "tabs": presenting.override_tabs(counts, state),
        "rows": [
            presenting.override_row(one, request.formats, request.actor, at=request.at, today=request.today)
            for one in found
        ],
        "is_full": len(found) == queries.MAXIMUM_OVERRIDES,
    }
    query = f"show={state.value if state else 'all'}"
    return live_page(
        request, "work_lists/overrides.html", "work_lists/overrides_content.html", context, query=query
    )


@require_safe
@hospital_view(PERMISSION_REVIEW)
def override(request: HospitalRequest, override_id: UUID) -> HttpResponse:
    """``/work/overrides/ID/``: one override, what went ahead under it, and everything that was said to it."""
    found = queries.read_override(override_id)
    records = AuditRecord.objects.filter(subject_kind="override", subject_id=override_id).order_by("at", "id")
    context = {
        "row": presenting.override_row(
            found, request.formats, request.actor, at=request.at, today=request.today
        ),
        "charges": [
            presenting.passed_line(one, request.formats) for one in queries.passed_charges(override_id)
        ],
        "history": [presenting.history_line(one, request.formats, today=request.today) for one in records],
    }
    return live_page(request, "work_lists/override.html", "work_lists/override_content.html", context)


def _dialog(
    request: HospitalRequest, form: StaffForm, override_id: UUID, title: str, says: str, submit: str
) -> HttpResponse:
    with transaction(request.hospital.id):
        found = queries.read_override(override_id)
    context = {
        "form": form,
        "action": request.path,
        "title": title,
        "says": says,
        "submit": submit,
        "row": presenting.override_row(
            found, request.formats, request.actor, at=request.at, today=request.today
        ),
    }
    return render(request, "work_lists/override_dialog.html", context, status=INVALID if form.errors else 200)


@require_http_methods(["GET", "POST"])
@hospital_view(PERMISSION_REVIEW)
def review(request: HospitalRequest, override_id: UUID) -> HttpResponse:
    """A dialog: accept the override with a note, or dispute it."""
    form = ReviewForm(sent(request))
    if request.method == "POST":
        reviewed = form.attempt(
            lambda: review_override(
                request.hospital.id,
                override_id,
                verdict=form.cleaned_data["verdict"],
                note=form.cleaned_data["note"],
                idempotency_key=form.key,
                actor=request.actor,
                at=request.at,
            )
        )
        if reviewed is not None:
            said = _("Accepted.") if reviewed.verdict == reviewed.Verdict.ACCEPTED else _("Disputed.")
            return done(said)
    says = _("The charges stay as they are: what is open is still to be paid.")
    return _dialog(request, form, override_id, _("Review the override"), says, _("Save the verdict"))


@require_http_methods(["GET", "POST"])
@hospital_view(PERMISSION_REVOKE)
def revoke(request: HospitalRequest, override_id: UUID) -> HttpResponse:
    """A dialog: the override ends now."""
    form = ReasonForm(sent(request))
    if request.method == "POST":
        revoked = form.attempt(
            lambda: revoke_override(
                request.hospital.id,
                override_id,
                reason=form.cleaned_data["reason"],
                actor=request.actor,
                at=request.at,
            )
        )
        if revoked is not None:
            return done(_("Revoked. What went ahead under it stays done."))
    says = _("From now on the step asks for payment again. What went ahead stays done.")
    return _dialog(request, form, override_id, _("Revoke the override"), says, _("Revoke"))


@require_safe
@hospital_view(PERMISSION_OVERRIDE, PERMISSION_REVIEW)
def held(request: HospitalRequest) -> HttpResponse:
    """``/work/decisions/``: what the gate held in the last seven days."""
    found = queries.held_lately(at=request.at)
    context = {
        "rows": [presenting.held_row(one, request.formats, today=request.today) for one in found],
        "is_full": len(found) == queries.MAXIMUM_HELD,
    }
    return live_page(request, "work_lists/held.html", "work_lists/held_content.html", context)


@require_safe
@hospital_view(PERMISSION_OVERRIDE, PERMISSION_REVIEW)
def decision(request: HospitalRequest, decision_id: UUID) -> HttpResponse:
    """``/work/decisions/ID/``: what the gate answered, from which facts, and what people said otherwise."""
    found = queries.find_decision(decision_id)
    page = presenting.decision_page(
        found, queries.overrides_of(found), request.formats, request.actor, today=request.today
    )
    return live_page(request, "work_lists/decision.html", "work_lists/decision_content.html", {"page": page})


@require_http_methods(["GET", "POST"])
@hospital_view(PERMISSION_OVERRIDE)
def apply_override(request: HospitalRequest, decision_id: UUID) -> HttpResponse:
    """A dialog: let the step have gone ahead since the decision that held it (section 8.1)."""
    with transaction(request.hospital.id):
        found = queries.find_decision(decision_id)
    if found.encounter_id is None:
        raise Conflict(_("This decision is of no visit."), field="decision_id", code="no_encounter")
    subject = Subject(found.encounter_id, found.order_id)
    form = HeldForm(sent(request), formats=request.formats, at=request.at)
    if request.method == "POST":
        granted = form.attempt(
            lambda: grant_override(
                request.hospital.id,
                step=found.step,
                subject=subject,
                reason=form.cleaned_data["reason"],
                triage_level=form.cleaned_data["triage_level"],
                expires_at=form.cleaned_data["expires_at"],
                held_decision_id=found.id,
                idempotency_key=form.key,
                actor=request.actor,
                at=request.at,
            )
        )
        if granted is not None:
            since = request.formats.moment(granted.starts_at, today=request.today)
            return done(_("Released as of %(since)s. Billing will review it.") % {"since": since})
    context: dict[str, Any] = {
        "form": form,
        "action": request.path,
        "page": presenting.decision_page(found, [], request.formats, request.actor, today=request.today),
    }
    return render(request, "work_lists/decision_dialog.html", context, status=INVALID if form.errors else 200)
