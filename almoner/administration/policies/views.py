"""Policies: what is in force and who says so, a change tried on the past, and put in force."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from almoner.administration.policies import presenting, queries
from almoner.administration.policies.forms import PolicyForm, PutInForceForm
from almoner.administration.policies.trying import try_policy
from almoner.enforcement.facts import policies_at
from almoner.enforcement.policy import PERMISSION_SET_POLICY
from almoner.hospitals.models import Hospital
from almoner.interop.hospital_file.operations import change_policy
from almoner.kernel.tenancy import transaction
from almoner.pages.answers import go_to
from almoner.pages.forms import sent
from almoner.pages.staff import HospitalRequest, hospital_view

INVALID = 422
MAXIMUM_LENGTH = 100
SHOWN_CHANGES = 6


@require_safe
@hospital_view(PERMISSION_SET_POLICY)
def overview(request: HospitalRequest) -> HttpResponse:
    """``/policies/``: every block that may be set, with what is in force there; the last changes."""
    hospital = request.hospital
    policies = policies_at(hospital.id, hospital.configuration_version)
    versions = queries.read_history()[:5]
    names = queries.read_names(
        [*policies.services, *(change["subject"] for version in versions for change in version.policies)]
    )
    services = sorted((code, names.of("service", code)) for code in policies.services)
    scopes = [
        ("hospital", [("", hospital.name)]),
        ("module", queries.modules_with_steps()),
        ("department", queries.departments()),
        ("service", services),
        ("patient_category", [(code, code) for code in queries.categories(policies)]),
    ]
    context = {
        "scopes": [
            (
                scope,
                presenting.SCOPES[scope],
                list(presenting.summary(policies, scope, subjects, request.formats, names)),
            )
            for scope, subjects in scopes
        ],
        "version": hospital.configuration_version,
        "versions": [
            row.shortened(SHOWN_CHANGES)
            for row in presenting.version_rows(versions, request.formats, names, today=request.today)
        ],
    }
    return render(request, "policies/overview.html", context)


@require_safe
@hospital_view(PERMISSION_SET_POLICY)
def find(request: HospitalRequest) -> HttpResponse:
    """``/policies/find/?q=words``: services by name or code; ``?category=code``: the settings of that category."""
    category = slugify(request.GET.get("category", "")[:40]).replace("-", "_")
    if category:
        return redirect("policies:block", "patient_category", category)
    words = request.GET.get("q", "").replace("\x00", "")[:MAXIMUM_LENGTH].strip()
    if not words and not request.htmx:
        return redirect("policies:overview")
    rows = [
        (presenting.block_url("service", code), name, code)
        for code, name in (queries.find_services(words) if words else [])
    ]
    template = "policies/found.html" if request.htmx else "policies/found_page.html"
    return render(request, template, {"rows": rows, "words": words})


@require_safe
@hospital_view(PERMISSION_SET_POLICY)
def history(request: HospitalRequest) -> HttpResponse:
    """``/policies/history/``: every version that changed a policy, who and when, the latest first."""
    versions = queries.read_history()
    names = queries.read_names(change["subject"] for version in versions for change in version.policies)
    rows = presenting.version_rows(versions, request.formats, names, today=request.today)
    context = {"versions": rows, "is_full": len(versions) == queries.HISTORY}
    return render(request, "policies/history.html", context)


@require_http_methods(["GET", "POST"])
@hospital_view(PERMISSION_SET_POLICY)
def block(request: HospitalRequest, scope: str, subject: str = "") -> HttpResponse:
    """``/policies/department/cardiology/``: the settings of one block. A POST tries the change on the past."""
    if request.method != "POST":
        form, page = _open(request, scope, subject)
        return render(request, "policies/block.html", page | {"form": form})
    with transaction(request.hospital.id):
        form, page = _open(request, scope, subject)
    panel = form.attempt(lambda: _try(request, form))
    if panel is None:
        return render(request, "policies/form.html", page | {"form": form}, status=INVALID)
    return render(request, "policies/form.html", page | {"form": form} | panel)


def _open(request: HospitalRequest, scope: str, subject: str) -> tuple[PolicyForm, dict[str, Any]]:
    """The form of a block and what stands around it."""
    hospital = Hospital.objects.get(id=request.hospital.id)
    current = queries.read_block(hospital, scope, subject)
    versions = queries.read_history(scope, subject)
    names = queries.read_names([subject] if scope == "service" else [])
    form = PolicyForm(
        sent(request),
        scope=scope,
        subject=subject,
        said=presenting.said_by(current),
        inherited=presenting.inherited_by(current, request.formats, names),
        version=hospital.configuration_version,
        currency=hospital.currency,
    )
    return form, {
        "title": current.title,
        "kind": presenting.SCOPES[scope],
        "sections": presenting.sections(form, current, request.formats, names),
        "action": presenting.block_url(scope, subject),
        "versions": presenting.version_rows(
            versions, request.formats, names, today=request.today, only=(scope, subject)
        ),
    }


def _try(request: HospitalRequest, form: PolicyForm) -> dict[str, Any]:
    """What the change of a valid form would have done, and the form that puts it in force."""
    policy, days = form.policy(), form.cleaned_data["days"]
    result = try_policy(request.hospital.id, policy, days=days, at=request.at)
    with transaction(request.hospital.id):
        patients = queries.names_of_patients(one.patient_id for one in (*result.held, *result.released))
        names = queries.read_names()
    panel = presenting.preview_panel(
        result,
        presenting.changes_of(form, request.formats),
        days,
        patients,
        request.formats,
        names,
        today=request.today,
    )
    signed = PutInForceForm.signed(policy, form.cleaned_data["based_on"])
    return {"panel": panel, "put_in_force": PutInForceForm(initial={"change": signed})}


@require_POST
@hospital_view(PERMISSION_SET_POLICY)
def save(request: HospitalRequest) -> HttpResponse:
    """Put a previewed change in force, as a new version from now on."""
    form = PutInForceForm(request.POST)

    def put_in_force() -> str:
        policy, based_on = form.cleaned_data["change"]
        loaded = change_policy(
            request.hospital.id, policy, based_on=based_on, actor=request.actor, at=request.at
        )
        messages.success(
            request, _("In force from now on, as version %(number)s.") % {"number": loaded.version}
        )
        return presenting.block_url(policy.scope, policy.subject)

    url = form.attempt(put_in_force)
    if url is not None:
        return go_to(url)
    return render(request, "policies/put_in_force.html", {"put_in_force": form}, status=INVALID)
