"""Quiet hours, channels, and when patients are reminded."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from almoner.enforcement.facts import policies_at
from almoner.enforcement.policy import PERMISSION_SET_POLICY
from almoner.kernel.tenancy import transaction
from almoner.messaging.operations import PERMISSION_CONFIGURE, set_rules
from almoner.messaging.queries import read_rules
from almoner.pages.answers import go_to
from almoner.pages.forms import sent
from almoner.pages.patient_messages.forms import RulesForm
from almoner.pages.staff import HospitalRequest, hospital_view

INVALID = 422


@require_http_methods(["GET", "POST"])
@hospital_view(PERMISSION_CONFIGURE)
def settings(request: HospitalRequest) -> HttpResponse:
    """``/messages/settings/``: how the hospital writes to its patients."""
    hospital = request.hospital
    with transaction(hospital.id):
        form = RulesForm(sent(request), rules=read_rules())
        policies = policies_at(hospital.id, hospital.configuration_version)
    if request.method == "POST":
        saved = form.attempt(lambda: set_rules(hospital.id, form.rules, actor=request.actor, at=request.at))
        if saved is not None:
            messages.success(request, _("Saved. What waits goes by it, too."))
            return go_to(reverse("patient_messages:messages"))
    context = {
        "form": form,
        "reminds": bool(policies.resolve().reminders),
        "may_set_policy": request.actor.may(PERMISSION_SET_POLICY),
        "zone": hospital.time_zone,
    }
    template = "patient_messages/settings_form.html" if form.errors else "patient_messages/settings.html"
    return render(request, template, context, status=INVALID if form.errors else 200)
