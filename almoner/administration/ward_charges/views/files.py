"""Charges as YAML: out of this hospital, and in from another."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from django.views.decorators.http import require_http_methods, require_safe

from almoner.administration.ward_charges.forms import FileForm
from almoner.charging.definitions import PERMISSION_DEFINE
from almoner.interop.hospital_file.operations import export_charges, load_charges, plan_charges
from almoner.interop.hospital_file.plan import ADDED, CHANGED, REMOVED, Plan
from almoner.pages.answers import go_to
from almoner.pages.staff import HospitalRequest, hospital_view

INVALID = 422
SHOWN = 50
KINDS = {ADDED: _lazy("New"), CHANGED: _lazy("Changed"), REMOVED: _lazy("Gone")}


@require_safe
@hospital_view(PERMISSION_DEFINE)
def download(request: HospitalRequest) -> HttpResponse:
    """``/ward-charges/file/``: all charges as YAML; ``?template=code`` those of one template."""
    template = request.GET.get("template", "")[:80]
    text = export_charges(request.hospital.id, template=template)
    answer = HttpResponse(text, content_type="application/yaml; charset=utf-8")
    name = f"{request.hospital.slug}-{template or 'charges'}.yaml"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


@require_http_methods(["GET", "POST"])
@hospital_view(PERMISSION_DEFINE)
def load(request: HospitalRequest) -> HttpResponse:
    """``/ward-charges/load/``: first what a file would change, then the change."""
    if request.method != "POST":
        return render(
            request, "ward_charges/load.html", {"form": FileForm(), "problems": [], "changes": None}
        )
    form = FileForm(request.POST)
    result = form.attempt(lambda: _load(request, form))
    if isinstance(result, int):
        messages.success(request, _("In force, as version %(number)d.") % {"number": result})
        return go_to(reverse("ward_charges:overview"))
    if result is None:
        context = {"form": form, "problems": form.problems[:SHOWN], "changes": None}
        return render(request, "ward_charges/load_form.html", context, status=INVALID)
    changes = [
        (KINDS[change.kind], change.label, change.describe(request.hospital.currency))
        for change in result.changes
    ]
    agreed = FileForm(
        initial=form.agreeing_to(result.version) if changes else {"text": form.cleaned_data["text"]}
    )
    return render(
        request, "ward_charges/load_form.html", {"form": agreed, "problems": [], "changes": changes}
    )


def _load(request: HospitalRequest, form: FileForm) -> Plan | int:
    """What the file would change; the new version once that was agreed to."""
    text, based_on = form.cleaned_data["text"], form.agreed_version()
    if based_on is None:
        return plan_charges(request.hospital.id, text)
    loaded = load_charges(request.hospital.id, text, based_on=based_on, actor=request.actor, at=request.at)
    return loaded.version
