"""Ward billing templates: sets of charges, named, and put to wards together (section 7.3)."""

from __future__ import annotations

from datetime import timedelta

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from almoner.administration.ward_charges import presenting, queries
from almoner.administration.ward_charges.forms import ApplyForm, TemplateForm
from almoner.charging.definitions import PERMISSION_DEFINE
from almoner.charging.templates import apply_template, make_template
from almoner.kernel.tenancy import transaction
from almoner.pages.answers import go_to
from almoner.pages.staff import HospitalRequest, hospital_view

INVALID = 422


@require_http_methods(["GET", "POST"])
@hospital_view(PERMISSION_DEFINE)
def new(request: HospitalRequest) -> HttpResponse:
    """``/ward-charges/templates/new/``: name a set of charges that are there."""
    with transaction(request.hospital.id):
        known = queries.read_known(request.hospital)
    form = TemplateForm(
        request.POST or None, known=known, initial={"starts_on": request.today + timedelta(days=1)}
    )
    if request.method != "POST":
        return render(request, "ward_charges/new_template.html", {"form": form})
    form = TemplateForm(request.POST, known=known)
    saved = form.attempt(
        lambda: make_template(
            request.hospital.id,
            form.cleaned_data["code"],
            name=form.cleaned_data["name"],
            ward_types=form.cleaned_data["ward_types"],
            members=form.cleaned_data["members"],
            starts_on=form.cleaned_data["starts_on"],
            actor=request.actor,
            at=request.at,
        )
    )
    if saved is None:
        return render(request, "ward_charges/template_form.html", {"form": form}, status=INVALID)
    messages.success(request, _("The template is saved."))
    return go_to(reverse("ward_charges:template", args=[saved.code]))


@require_http_methods(["GET", "POST"])
@hospital_view(PERMISSION_DEFINE)
def template(request: HospitalRequest, template_code: str) -> HttpResponse:
    """``/ward-charges/templates/<code>/``: its charges. A POST puts them to wards from a day on."""
    with transaction(request.hospital.id):
        found = queries.read_template(template_code)
        known = queries.read_known(request.hospital)
        overview = queries.read_overview() if request.method != "POST" else None
    if overview is not None:
        overview.charges[:] = [
            charge for charge in overview.charges if charge.on(request.today).template == found.code
        ]
        initial = {"ward_types": found.ward_types, "starts_on": request.today + timedelta(days=1)}
        context = {
            "template": found,
            "wards": ", ".join(found.ward_types) or _("everywhere"),
            "groups": presenting.overview_groups(overview, request.formats, today=request.today),
            "form": ApplyForm(initial=initial, known=known),
        }
        return render(request, "ward_charges/template.html", context)
    form = ApplyForm(request.POST, known=known)
    saved = form.attempt(
        lambda: apply_template(
            request.hospital.id,
            found.code,
            ward_types=tuple(form.cleaned_data["ward_types"]),
            starts_on=form.cleaned_data["starts_on"],
            actor=request.actor,
            at=request.at,
        )
    )
    if saved is None:
        return render(
            request, "ward_charges/apply_form.html", {"form": form, "template": found}, status=INVALID
        )
    count = ngettext(
        "%(count)d charge holds in these wards from then on.",
        "%(count)d charges hold in these wards from then on.",
        len(saved),
    )
    messages.success(request, count % {"count": len(saved)})
    return go_to(reverse("ward_charges:template", args=[found.code]))
