"""Building a charge: the form by type, tried on a past stay, kept as a draft, put in force."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from almoner.administration.ward_charges import presenting, queries
from almoner.administration.ward_charges.forms import ChargeForm, PreviewForm, initial_of
from almoner.administration.ward_charges.words import CONDITION_WORDS, TYPES
from almoner.charging.definitions import PERMISSION_DEFINE
from almoner.charging.drafts import discard_draft, put_in_force, save_draft
from almoner.charging.models import ChargeDefinition, ChargeDraft
from almoner.kernel.tenancy import transaction
from almoner.pages.answers import go_to
from almoner.pages.staff import HospitalRequest, hospital_view
from almoner.service_points.ward.preview import preview_on_stay

INVALID = 422
DRAFT = "draft"


@require_safe
@hospital_view(PERMISSION_DEFINE)
def new(request: HospitalRequest) -> HttpResponse:
    """``/ward-charges/new/``: an empty form; ``?copy=code`` with what another charge says."""
    tomorrow = request.today + timedelta(days=1)
    initial: dict[str, Any] = {"starts_on": tomorrow}
    copied = request.GET.get("copy", "")[:80].replace("\x00", "")
    if copied:
        charge = queries.read_versions(copied)
        initial = initial_of(charge.on(request.today), starts_on=tomorrow)
        initial |= {"name": _("%(name)s (copy)") % {"name": charge.name}, "code": f"{copied[:75]}_copy"}
    return _page(request, _form(request, initial=initial))


@require_safe
@hospital_view(PERMISSION_DEFINE)
def change(request: HospitalRequest, charge_code: str) -> HttpResponse:
    """``/ward-charges/charges/<code>/change/``: what the charge says now, to be changed from tomorrow on."""
    return _page(request, _form(request, charge_code))


@require_safe
@hospital_view(PERMISSION_DEFINE)
def draft(request: HospitalRequest, charge_code: str) -> HttpResponse:
    """``/ward-charges/drafts/<code>/``: a draft as it was typed."""
    kept = queries.read_draft(charge_code)
    typed = QueryDict(mutable=True)
    for name, values in kept.typed.items():
        typed.setlist(name, values)
    return _page(request, _form(request, str(typed.get("of", "")), typed), kept)


@require_POST
@hospital_view(PERMISSION_DEFINE)
def draw(request: HospitalRequest) -> HttpResponse:
    """The form again, for the type that was chosen and with room for more tiers; nothing is judged."""
    with transaction(request.hospital.id):
        form = _form(request, request.POST.get("of", ""), request.POST)
    return render(request, "ward_charges/form.html", _around(form))


@require_POST
@hospital_view(PERMISSION_DEFINE)
def preview(request: HospitalRequest) -> HttpResponse:
    """What the charge as it stands in the form would have cost on the chosen stay, and what is wrong with it."""
    typed = request.POST.copy()
    for name, otherwise in (("code", "preview"), ("name", "?"), ("starts_on", request.today.isoformat())):
        typed[name] = typed.get(name, "").strip() or otherwise
    with transaction(request.hospital.id):
        form = _form(request, str(typed.get("of", "")), typed, is_sent=True)
        stays = queries.read_stays_to_try()
    chosen = request.POST.get("stay", "")
    stay = next((one for one in stays if str(one.admission_id) == chosen), stays[0] if stays else None)
    result = None
    if stay is not None:
        result = form.attempt(
            lambda: preview_on_stay(
                request.hospital.id, form.terms(), stay.admission_id, actor=request.actor, at=request.at
            )
        )
    context: dict[str, Any] = {"panel": None, "problems": [], "form": form}
    if result is not None and stay is not None:
        with transaction(request.hospital.id):
            charged = queries.read_charged(stay.encounter_id, form.cleaned_data["code"])
        context["panel"] = presenting.preview_panel(result, charged, request.formats)
    elif stay is not None:
        context["problems"] = [
            (form.fields[name].label if name in form.fields else "", problem)
            for name, problems in form.errors.items()
            for problem in problems
        ]
    return render(request, "ward_charges/preview.html", context)


@require_POST
@hospital_view(PERMISSION_DEFINE)
def save(request: HospitalRequest) -> HttpResponse:
    """Keep the form as a draft (``do=draft``), or put it in force from its first day on."""
    with transaction(request.hospital.id):
        form = _form(request, request.POST.get("of", ""), request.POST, is_sent=True)
    url = _keep(request, form) if request.POST.get("do") == DRAFT else _put_in_force(request, form)
    if url:
        return go_to(url)
    return render(request, "ward_charges/form.html", _around(form), status=INVALID)


def _keep(request: HospitalRequest, form: ChargeForm) -> str:
    form.judge_only("code", "name", "idempotency_key")
    typed = {
        name: [value.replace("\x00", "") for value in request.POST.getlist(name)]
        for name in form.names_sent()
        if name in request.POST
    }
    kept = form.attempt(
        lambda: save_draft(
            request.hospital.id,
            form.cleaned_data["code"],
            name=form.cleaned_data["name"],
            typed=typed,
            actor=request.actor,
            at=request.at,
        )
    )
    if kept is None:
        return ""
    messages.success(request, _("The draft is kept. It charges nothing until it is put in force."))
    return reverse("ward_charges:draft", args=[kept.code])


def _put_in_force(request: HospitalRequest, form: ChargeForm) -> str:
    saved = form.attempt(
        lambda: put_in_force(
            request.hospital.id,
            form.terms(),
            based_on=form.cleaned_data["based_on"] or 0,
            actor=request.actor,
            at=request.at,
        )
    )
    if saved is None:
        return ""
    day = request.formats.day(saved.starts_on)
    messages.success(
        request, _("Version %(number)d holds from %(day)s on.") % {"number": saved.version, "day": day}
    )
    return reverse("ward_charges:charge", args=[saved.code])


@require_POST
@hospital_view(PERMISSION_DEFINE)
def discard(request: HospitalRequest, charge_code: str) -> HttpResponse:
    """Throw a draft away."""
    discard_draft(request.hospital.id, charge_code, actor=request.actor, at=request.at)
    messages.success(request, _("The draft is gone."))
    return go_to(reverse("ward_charges:overview"))


def _latest(charge: queries.Versions) -> ChargeDefinition:
    """The version that a change starts from: the last one that nothing took the place of."""
    return max((row for row in charge.rows if not row.superseded), key=lambda row: row.starts_on)


def _form(
    request: HospitalRequest,
    of: str = "",
    typed: QueryDict | None = None,
    *,
    is_sent: bool = False,
    initial: dict[str, Any] | None = None,
) -> ChargeForm:
    """The form of a new charge, or of a change of the charge ``of``. ``typed`` is judged when it ``is_sent``."""
    about: dict[str, Any] = {"known": queries.read_known(request.hospital)}
    if of:
        charge = queries.read_versions(of.replace("\x00", "")[:80])
        about |= {"charge": _latest(charge), "name": charge.name}
        initial = initial_of(_latest(charge), starts_on=request.today + timedelta(days=1))
    if typed is not None and not is_sent:
        return ChargeForm.as_typed(typed, **about)
    return ChargeForm(typed, initial=initial, **about)


def _page(request: HospitalRequest, form: ChargeForm, kept: ChargeDraft | None = None) -> HttpResponse:
    stays = presenting.stay_choices(queries.read_stays_to_try(), request.formats)
    context = _around(form) | {
        "draft": kept,
        "stay_form": PreviewForm(stays=stays) if stays else None,
        "services": form.known.services,
    }
    return render(request, "ward_charges/build.html", context)


def _around(form: ChargeForm) -> dict[str, Any]:
    return {
        "form": form,
        "changed": form.charge,
        "sections": presenting.sections(form),
        "unused": list(presenting.unused(form)),
        "type_title": TYPES[form.chosen_type][0],
        "type_help": TYPES[form.chosen_type][1],
        "condition_words": CONDITION_WORDS,
    }
