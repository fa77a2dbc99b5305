"""Disputed charges, from the patient's page: written down, and resolved."""

from __future__ import annotations

from uuid import UUID

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from almoner.charging.api import find_charge_item
from almoner.charging.operations import (
    PERMISSION_CORRECT,
    PERMISSION_DISPUTE,
    dispute_charge,
    resolve_dispute,
)
from almoner.kernel.tenancy import transaction
from almoner.pages.answers import done
from almoner.pages.forms import StaffForm
from almoner.pages.staff import HospitalRequest, hospital_view

INVALID = 422


class DisputeForm(StaffForm):
    """What the patient says is wrong."""

    reason = forms.CharField(
        label=gettext_lazy("What the patient says"), max_length=500, widget=forms.Textarea(attrs={"rows": 3})
    )


class ResolutionForm(StaffForm):
    """What came of it."""

    note = forms.CharField(
        label=gettext_lazy("What came of it"), max_length=500, widget=forms.Textarea(attrs={"rows": 3})
    )


def _dialog(
    request: HospitalRequest, charge_item_id: UUID, form: StaffForm, title: str, says: str
) -> HttpResponse:
    """The dialog of ``form``. What was charged is not named: it may be concealed."""
    with transaction(request.hospital.id):
        item = find_charge_item(charge_item_id)
    context = {
        "form": form,
        "action": request.path,
        "title": title,
        "says": says,
        "day": request.formats.day(item.service_date),
        "amount": request.formats.money(item.net_minor or 0),
    }
    return render(request, "patients/dispute.html", context, status=INVALID if form.errors else 200)


@require_http_methods(["GET", "POST"])
@hospital_view(PERMISSION_DISPUTE)
def dispute(request: HospitalRequest, charge_item_id: UUID) -> HttpResponse:
    """A dialog: the patient says that the charge is not right."""
    form = DisputeForm(request.POST or None)
    if request.method == "POST":
        made = form.attempt(
            lambda: dispute_charge(
                request.hospital.id,
                charge_item_id,
                reason=form.cleaned_data["reason"],
                actor=request.actor,
                at=request.at,
            )
        )
        if made is not None:
            return done(_("The dispute is written down. The charge bears no late fee until it is resolved."))
    says = _("The charge stays owed until billing has looked at it.")
    return _dialog(request, charge_item_id, form, _("Dispute the charge"), says)


@require_http_methods(["GET", "POST"])
@hospital_view(PERMISSION_CORRECT)
def resolve(request: HospitalRequest, charge_item_id: UUID) -> HttpResponse:
    """A dialog: end the dispute of a charge."""
    form = ResolutionForm(request.POST or None)
    if request.method == "POST":
        made = form.attempt(
            lambda: resolve_dispute(
                request.hospital.id,
                charge_item_id,
                note=form.cleaned_data["note"],
                actor=request.actor,
                at=request.at,
            )
        )
        if made is not None:
            return done(_("The dispute is resolved."))
    says = _("A charge that was wrong is corrected or cancelled besides.")
    return _dialog(request, charge_item_id, form, _("Resolve the dispute"), says)
