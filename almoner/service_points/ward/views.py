"""The ward: who waits for a bed, who lies where, a stay and its end."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from almoner.enforcement.facts import Subject, policies_at
from almoner.enforcement.queries import billing_status, billing_statuses, service_point_status
from almoner.kernel.errors import Conflict
from almoner.kernel.tenancy import transaction
from almoner.orders.models import Admission
from almoner.pages.answers import done
from almoner.pages.forms import sent
from almoner.pages.live import live_page
from almoner.pages.patient_page import patient_head
from almoner.pages.presenters import ServicePointBar, billing_widget, service_point_bar
from almoner.pages.staff import HospitalRequest, hospital_view
from almoner.pages.step_actions import action_urls
from almoner.service_points.ward import operations, presenting, queries, transfers
from almoner.service_points.ward.accrual import settle
from almoner.service_points.ward.correction_pages import correction_rows
from almoner.service_points.ward.corrections import PERMISSION_CORRECT_STAY
from almoner.service_points.ward.forms import ExceptionForm, TransferForm
from almoner.service_points.ward.models import BedStay

INVALID = 422
ASSIGN = "bed.assign"
DISCHARGE = "ward.discharge"


@require_safe
@hospital_view(operations.PERMISSION_WARD)
def board(request: HospitalRequest) -> HttpResponse:
    """``/ward/``: admissions that await a bed, and the picture of wards and beds."""
    hospital_id, at, today = request.hospital.id, request.at, request.today
    waiting = queries.waiting_admissions(hospital_id, at=at, step=ASSIGN)
    beds = queries.board_beds()
    patients = {one.patient_id for one in waiting} | {bed.patient_id for bed in beds if bed.patient_id}
    statuses = billing_statuses(hospital_id, patients, at=at)
    wards = presenting.ward_pictures(beds, statuses, request.formats, request.actor, at=at, today=today)
    context = {
        "waiting": [
            presenting.waiting_row(one, statuses, request.formats, request.actor, at=at, today=today)
            for one in waiting
        ],
        "is_full": len(waiting) == queries.MAXIMUM_WAITING,
        "wards": wards,
        "free": sum(ward.free for ward in wards),
        "beds": len(beds),
        "left": [presenting.left_row(one, request.formats, today=today) for one in queries.left_lately(at)],
    }
    return live_page(request, "ward/board.html", "ward/board_content.html", context)


@require_safe
@hospital_view(operations.PERMISSION_WARD)
def stay(request: HospitalRequest, admission_id: UUID) -> HttpResponse:
    """``/ward/admissions/ID/``: the bed to assign, or the stay with its daily charges and its end."""
    admission = queries.find_admission(admission_id)
    status = billing_status(request.hospital.id, admission.patient_id, at=request.at)
    beds = queries.bed_stays(admission.id)
    shown = presenting.stay_of(
        admission,
        beds,
        queries.stay_charges(admission),
        status,
        request.formats,
        deposit_low_days=_deposit_low_days(request, admission, beds),
        at=request.at,
        today=request.today,
    )
    bar = None
    if admission.cancelled_at is None and shown.phase != "discharged":
        bar = _bar(request, admission, ASSIGN if shown.phase == "waiting" else DISCHARGE)
    context = {
        "stay": shown,
        "is_cancelled": admission.cancelled_at is not None,
        "head": patient_head(admission.patient, request.formats, today=request.today),
        "billing": billing_widget(status, request.formats, request.actor, today=request.today),
        "bar": bar,
        "beds": [
            {"code": bed.code, "url": reverse("ward:assign", args=[admission.id, bed.id])}
            for bed in (queries.free_beds(admission.ward_id) if shown.phase == "waiting" else [])
        ],
        "transfer_url": reverse("ward:transfer", args=[admission.id]),
        "correct_url": reverse("ward:correct", args=[admission.id])
        if beds and request.actor.may(PERMISSION_CORRECT_STAY)
        else "",
        "corrections": correction_rows(
            queries.stay_corrections(admission.id) if beds else (), request.formats, today=request.today
        ),
        "charge_days_url": reverse("ward:charge-days", args=[admission.id]),
        "exception_url": reverse("ward:exception", args=[admission.id]),
    }
    return live_page(request, "ward/stay.html", "ward/stay_content.html", context)


def _deposit_low_days(request: HospitalRequest, admission: Admission, beds: list[BedStay]) -> int:
    """Below how many days that a deposit lasts more is asked for, where the patient lies."""
    policies = policies_at(request.hospital.id, request.hospital.configuration_version)
    ward = beds[-1].bed.ward if beds else admission.ward
    settings = policies.resolve(
        department=ward.department.code, module="ward", category=admission.patient.category
    )
    return settings.deposit_low_days or 0


def _bar(request: HospitalRequest, admission: Admission, step: str) -> ServicePointBar:
    """The bar of section 5.2. A bed is assigned by choosing it, so that step has no button to proceed."""
    subject = Subject(admission.encounter_id, admission.id)
    status = service_point_status(request.hospital.id, step, subject, at=request.at)
    urls = action_urls(step, subject)
    if step == DISCHARGE:
        urls["proceed"] = reverse("ward:discharge", args=[admission.id])
    return service_point_bar(status, request.formats, request.actor, urls, today=request.today)


@require_POST
@hospital_view(operations.PERMISSION_WARD)
def assign(request: HospitalRequest, admission_id: UUID, bed_id: UUID) -> HttpResponse:
    """Give the patient the bed, if the gate lets it."""
    passage = operations.assign_bed(
        request.hospital.id, admission_id, bed_id=bed_id, actor=request.actor, at=request.at
    )
    if passage.result is None:
        raise Conflict(passage.decision.reason, field="admission_id", code="held")
    return done(_("Bed %(bed)s is assigned.") % {"bed": passage.result.bed.code})


@require_http_methods(["GET", "POST"])
@hospital_view(operations.PERMISSION_WARD)
def transfer(request: HospitalRequest, admission_id: UUID) -> HttpResponse:
    """A dialog: move the patient to another free bed of any ward, now or recorded afterwards."""
    with transaction(request.hospital.id):
        admission = queries.find_admission(admission_id)
        stays = queries.bed_stays(admission_id)
        beds = queries.free_beds_by_ward()
    form = TransferForm(
        sent(request),
        beds=beds,
        zone=request.formats.zone,
        may_backdate=request.actor.may(transfers.PERMISSION_BACKDATE),
    )
    if request.method == "POST":
        moved = form.attempt(
            lambda: transfers.transfer(
                request.hospital.id,
                admission_id,
                bed_id=form.cleaned_data["bed_id"],
                moved_at=form.cleaned_data.get("moved_at"),
                reason=form.cleaned_data["reason"],
                idempotency_key=form.key,
                actor=request.actor,
                at=request.at,
            )
        )
        if moved is not None:
            return done(
                _("%(name)s lies in bed %(bed)s, %(ward)s, now.")
                % {
                    "name": admission.patient.name,
                    "bed": moved.stay.bed.code,
                    "ward": moved.stay.bed.ward.name,
                }
            )
    context = {
        "form": form,
        "action": request.path,
        "head": patient_head(admission.patient, request.formats, today=request.today),
        "from_bed": stays[-1].bed.code if stays else "",
        "from_ward": stays[-1].bed.ward.name if stays else "",
        "has_beds": bool(beds),
    }
    return render(request, "ward/transfer.html", context, status=INVALID if form.errors else 200)


@require_POST
@hospital_view(operations.PERMISSION_WARD)
def charge_days(request: HospitalRequest, admission_id: UUID) -> HttpResponse:
    """Charge every day up to today that was not charged yet; each day is charged once."""
    with transaction(request.hospital.id):
        queries.find_admission(admission_id)
        charged = settle(request.hospital.id, admission_id, actor=request.actor, at=request.at)
    if not charged:
        return done(_("Every day up to today is charged already."))
    total = request.formats.money(sum(item.net_minor or 0 for item in charged))
    count = len({item.service_date for item in charged})
    return done(
        ngettext("%(n)d day is charged: %(total)s.", "%(n)d days are charged: %(total)s.", count)
        % {"n": count, "total": total}
    )


@require_POST
@hospital_view(operations.PERMISSION_WARD)
def discharge(request: HospitalRequest, admission_id: UUID) -> HttpResponse:
    """End the stay, once what is owed is paid or arranged."""
    passage = operations.discharge(request.hospital.id, admission_id, actor=request.actor, at=request.at)
    if passage.result is None:
        raise Conflict(passage.decision.reason, field="admission_id", code="held")
    return done(_("The patient is discharged; the bed is free."))


@require_http_methods(["GET", "POST"])
@hospital_view(operations.PERMISSION_WARD)
def exception(request: HospitalRequest, admission_id: UUID) -> HttpResponse:
    """A dialog: discharge a patient who leaves without an arrangement, and say why."""
    form = ExceptionForm(sent(request))
    if request.method == "POST":
        passage = form.attempt(
            lambda: operations.discharge_with_exception(
                request.hospital.id,
                admission_id,
                exception=form.cleaned_data["exception"],
                actor=request.actor,
                at=request.at,
            )
        )
        if passage is not None:
            if passage.result is None:
                raise Conflict(passage.decision.reason, field="admission_id", code="held")
            return done(_("The patient is discharged. Billing will review the exception."))
    with transaction(request.hospital.id):
        admission = queries.find_admission(admission_id)
        status = billing_status(request.hospital.id, admission.patient_id, at=request.at)
    context = {
        "form": form,
        "action": request.path,
        "head": patient_head(admission.patient, request.formats, today=request.today),
        "owes": request.formats.money(status.outstanding_minor),
    }
    return render(request, "ward/exception.html", context, status=INVALID if form.errors else 200)
