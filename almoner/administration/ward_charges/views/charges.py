"""The charges there are: the list, one with its versions, two of them compared, its end."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from almoner.administration.ward_charges import comparing, presenting, queries
from almoner.administration.ward_charges.forms import EndForm
from almoner.charging.definitions import PERMISSION_DEFINE, end_charge_definition
from almoner.charging.models import ChargeDefinition
from almoner.kernel.tenancy import transaction
from almoner.pages.answers import go_to
from almoner.pages.staff import HospitalRequest, hospital_view

INVALID = 422


@require_safe
@hospital_view(PERMISSION_DEFINE)
def overview(request: HospitalRequest) -> HttpResponse:
    """``/ward-charges/``: every charge by type, the drafts, the templates."""
    found = queries.read_overview()
    context = {
        "groups": presenting.overview_groups(found, request.formats, today=request.today),
        "drafts": presenting.draft_rows(found.drafts, request.formats, today=request.today),
        "templates": [
            (
                reverse("ward_charges:template", args=[template.code]),
                template.name,
                ", ".join(template.ward_types) or _("everywhere"),
                sum(charge.on(request.today).template == template.code for charge in found.charges),
            )
            for template in found.templates
        ],
    }
    return render(request, "ward_charges/overview.html", context)


@require_safe
@hospital_view(PERMISSION_DEFINE)
def charge(request: HospitalRequest, charge_code: str) -> HttpResponse:
    """``/ward-charges/charges/<code>/``: its versions; ``?first=1&second=2`` compares these two."""
    found = queries.read_versions(charge_code)
    standing = queries.Versions(found.code, found.name, [row for row in found.rows if not row.superseded])
    current = standing.on(request.today)
    first = _chosen(found, request.GET.get("first", ""), found.rows[-2 if len(found.rows) > 1 else -1])
    second = _chosen(found, request.GET.get("second", ""), found.rows[-1])
    context = {
        "charge": found,
        "current": current,
        "state": presenting.state_of(current, request.today),
        "kind": presenting.type_title(current.billing_type),
        "facts": comparing.facts_of(current, request.formats),
        "versions": presenting.version_rows(found, request.formats, today=request.today),
        "endings": presenting.endings(queries.read_endings(found.rows), request.formats),
        "first": first,
        "second": second,
        "differences": comparing.differences(first, second, request.formats),
        "form": EndForm(initial={"ends_on": request.today}),
        "can_end": current.is_active and (current.ends_on is None or current.ends_on > request.today),
    }
    return render(request, "ward_charges/charge.html", context)


def _chosen(found: queries.Versions, number: str, otherwise: ChargeDefinition) -> ChargeDefinition:
    return next((row for row in found.rows if str(row.version) == number), otherwise)


@require_POST
@hospital_view(PERMISSION_DEFINE)
def end(request: HospitalRequest, charge_code: str) -> HttpResponse:
    """Let a charge end with a day."""
    with transaction(request.hospital.id):
        queries.read_versions(charge_code)
    form = EndForm(request.POST)
    ended = form.attempt(
        lambda: end_charge_definition(
            request.hospital.id,
            charge_code,
            ends_on=form.cleaned_data["ends_on"],
            actor=request.actor,
            at=request.at,
        )
    )
    if ended is None:
        return render(
            request, "ward_charges/end_form.html", {"form": form, "code": charge_code}, status=INVALID
        )
    messages.success(
        request,
        _("It charges nothing after %(day)s.") % {"day": request.formats.day(form.cleaned_data["ends_on"])},
    )
    return go_to(reverse("ward_charges:charge", args=[charge_code]))
