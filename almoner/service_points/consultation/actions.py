"""What the doctor does in a visit: call, start, order, provide, admit, finish. What is written down: ``chart``."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from almoner.enforcement.gate import Passage
from almoner.kernel.service_points import steps
from almoner.kernel.tenancy import transaction
from almoner.orders.operations import PERMISSION_ORDER, admit, order_tests, prescribe
from almoner.orders.referrals import refer
from almoner.pages.answers import done, held
from almoner.pages.forms import StaffForm
from almoner.pages.presenters import told_reason
from almoner.pages.staff import HospitalRequest, hospital_view
from almoner.patients.operations import find_encounter
from almoner.scheduling.operations import PERMISSION_CALL, call_token
from almoner.service_points.consultation import operations
from almoner.service_points.consultation.forms import (
    AdmissionForm,
    DiagnosisForm,
    NoteForm,
    PrescriptionForm,
    ReferralForm,
    ServicesForm,
    TestsForm,
)
from almoner.service_points.consultation.operations import PERMISSION_CONSULT
from almoner.service_points.consultation.queries import Offer, offer

INVALID = 422
KINDS = ("note", "diagnosis", "tests", "prescription", "services", "admission", "referral")


def _form(kind: str, choices: Offer, data: QueryDict | None = None) -> StaffForm:
    """The form of ``kind``; its field ids differ from those of the others on the page."""
    more: dict[str, Any] = {"auto_id": f"{kind}-%s"}
    if kind == "tests":
        return TestsForm(data, tests=choices.tests, **more)
    if kind == "prescription":
        return PrescriptionForm(data, services=choices.medications, quantity="", **more)
    if kind == "services":
        return ServicesForm(data, services=choices.services, quantity="1", **more)
    if kind == "admission":
        return AdmissionForm(data, wards=choices.wards, **more)
    if kind == "referral":
        return ReferralForm(data, departments=choices.departments, **more)
    if kind == "diagnosis":
        return DiagnosisForm(data, **more)
    return NoteForm(data, **more)


def blank_forms(choices: Offer) -> dict[str, StaffForm]:
    """An empty form of every kind, for the page of a visit."""
    return {kind: _form(kind, choices) for kind in KINDS}


def _choices(request: HospitalRequest, encounter_id: UUID) -> Offer:
    with transaction(request.hospital.id):
        find_encounter(encounter_id)
        return offer(request.hospital, encounter_id, at=request.at, locale=request.hospital.locale)


def shown(
    request: HospitalRequest, kind: str, encounter_id: UUID, form: StaffForm, *, is_open: bool
) -> HttpResponse:
    """The form of ``kind`` in the place where it stands in the visit."""
    context = {"form": form, "encounter_id": encounter_id, "is_open": is_open}
    status = INVALID if form.errors else 200
    return render(request, f"consultation/forms/{kind}.html", context, status=status)


def _common(request: HospitalRequest, form: StaffForm) -> dict[str, Any]:
    return {"idempotency_key": form.key, "actor": request.actor, "at": request.at}


def _passed(request: HospitalRequest, passage: Passage[Any], step: str, message: str) -> HttpResponse:
    if passage.went_ahead:
        return done(message)
    return held(told_reason(passage.decision, steps()[step], request.formats, request.actor))


@require_POST
@hospital_view(PERMISSION_CALL)
def call(request: HospitalRequest, encounter_id: UUID) -> HttpResponse:
    """Call the patient in: the waiting room shows the number."""
    token = call_token(request.hospital.id, encounter_id, actor=request.actor, at=request.at)
    return done(_("Number %(number)d is called.") % {"number": token.number})


@require_POST
@hospital_view(PERMISSION_CONSULT)
def start(request: HospitalRequest, encounter_id: UUID) -> HttpResponse:
    """Start the consultation, unless the gate holds it (section 6.1)."""
    passage = operations.start(request.hospital.id, encounter_id, actor=request.actor, at=request.at)
    return _passed(request, passage, "consultation.start", _("The consultation has started."))


@require_POST
@hospital_view(PERMISSION_CONSULT)
def equipment(request: HospitalRequest, encounter_id: UUID) -> HttpResponse:
    """Use the department's equipment, unless the gate holds it."""
    passage = operations.use_equipment(request.hospital.id, encounter_id, actor=request.actor, at=request.at)
    return _passed(request, passage, "equipment.use", _("The use of the equipment is recorded."))


@require_POST
@hospital_view(PERMISSION_CONSULT)
def finish(request: HospitalRequest, encounter_id: UUID) -> HttpResponse:
    """End the consultation; the visit goes on to the laboratory, the pharmacy or home."""
    operations.finish(request.hospital.id, encounter_id, actor=request.actor, at=request.at)
    return done(_("The consultation has ended."))


@require_POST
@hospital_view(PERMISSION_ORDER)
def tests(request: HospitalRequest, encounter_id: UUID) -> HttpResponse:
    """Order laboratory tests. Never blocked."""
    choices = _choices(request, encounter_id)
    form = TestsForm(request.POST, tests=choices.tests, auto_id="tests-%s")
    placed = form.attempt(
        lambda: order_tests(
            request.hospital.id,
            encounter_id=encounter_id,
            services=form.cleaned_data["tests"],
            priority=form.cleaned_data["priority"],
            **_common(request, form),
        )
    )
    if placed is None:
        return shown(request, "tests", encounter_id, form, is_open=True)
    said = _("%(number)s is ordered: %(amount)s.") % {
        "number": placed.order.number,
        "amount": request.formats.money(placed.captured.total_minor),
    }
    return done(said, shown(request, "tests", encounter_id, _form("tests", choices), is_open=False))


@require_POST
@hospital_view(PERMISSION_ORDER)
def prescription(request: HospitalRequest, encounter_id: UUID) -> HttpResponse:
    """Prescribe medications. Never blocked."""
    choices = _choices(request, encounter_id)
    form = PrescriptionForm(
        request.POST, services=choices.medications, quantity="", auto_id="prescription-%s"
    )
    placed = form.attempt(
        lambda: prescribe(
            request.hospital.id,
            encounter_id=encounter_id,
            medications=form.medications,
            priority=form.cleaned_data["priority"],
            request_type=form.cleaned_data["request_type"],
            **_common(request, form),
        )
    )
    if placed is None:
        return shown(request, "prescription", encounter_id, form, is_open=True)
    said = _("%(number)s is prescribed: %(amount)s.") % {
        "number": placed.order.number,
        "amount": request.formats.money(placed.captured.total_minor),
    }
    blank = _form("prescription", choices)
    return done(said, shown(request, "prescription", encounter_id, blank, is_open=False))


@require_POST
@hospital_view(PERMISSION_CONSULT)
def services(request: HospitalRequest, encounter_id: UUID) -> HttpResponse:
    """Record services provided here and now."""
    choices = _choices(request, encounter_id)
    form = ServicesForm(request.POST, services=choices.services, quantity="1", auto_id="services-%s")
    captured = form.attempt(
        lambda: operations.provide_services(
            request.hospital.id, encounter_id=encounter_id, lines=form.lines, **_common(request, form)
        )
    )
    if captured is None:
        return shown(request, "services", encounter_id, form, is_open=True)
    count = len(captured.items)
    said = ngettext(
        "%(count)d service is recorded: %(amount)s.", "%(count)d services are recorded: %(amount)s.", count
    ) % {"count": count, "amount": request.formats.money(captured.total_minor)}
    blank = _form("services", choices)
    return done(said, shown(request, "services", encounter_id, blank, is_open=False))


@require_POST
@hospital_view(PERMISSION_ORDER)
def admission(request: HospitalRequest, encounter_id: UUID) -> HttpResponse:
    """Order an admission. Never blocked: the patient awaits a bed."""
    choices = _choices(request, encounter_id)
    form = AdmissionForm(request.POST, wards=choices.wards, auto_id="admission-%s")
    placed = form.attempt(
        lambda: admit(
            request.hospital.id,
            encounter_id=encounter_id,
            ward=form.cleaned_data["ward"],
            priority=form.cleaned_data["priority"],
            request_type=form.cleaned_data["request_type"],
            **_common(request, form),
        )
    )
    if placed is None:
        return shown(request, "admission", encounter_id, form, is_open=True)
    said = _("%(number)s: the patient awaits a bed.") % {"number": placed.order.number}
    blank = _form("admission", choices)
    return done(said, shown(request, "admission", encounter_id, blank, is_open=False))


@require_POST
@hospital_view(PERMISSION_ORDER)
def referral(request: HospitalRequest, encounter_id: UUID) -> HttpResponse:
    """Refer the patient to another department, where reception expects them, or elsewhere with a letter."""
    choices = _choices(request, encounter_id)
    form = ReferralForm(request.POST, departments=choices.departments, auto_id="referral-%s")
    referred = form.attempt(
        lambda: refer(
            request.hospital.id,
            encounter_id=encounter_id,
            department=form.cleaned_data["department"],
            outside=form.cleaned_data["outside"],
            text=form.cleaned_data["text"],
            priority=form.cleaned_data["priority"],
            **_common(request, form),
        )
    )
    if referred is None:
        return shown(request, "referral", encounter_id, form, is_open=True)
    said = _("%(number)s: the letter can be printed.") % {"number": referred.number}
    if referred.department is not None:
        said = _("%(number)s: reception expects the patient at %(department)s.") % {
            "number": referred.number,
            "department": referred.department.name,
        }
    blank = _form("referral", choices)
    return done(said, shown(request, "referral", encounter_id, blank, is_open=False))
