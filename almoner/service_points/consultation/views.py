"""The doctor's queue and the visit."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from almoner.enforcement.facts import Subject
from almoner.enforcement.queries import (
    billing_status,
    billing_statuses,
    decisions_now,
    service_point_status,
)
from almoner.kernel.errors import NotFound
from almoner.orders.findings import findings_of_encounter
from almoner.orders.referrals import find_referral
from almoner.pages.live import live_page
from almoner.pages.patient_page import patient_head
from almoner.pages.presenters import billing_widget, service_point_bar, visit_tags
from almoner.pages.staff import HospitalRequest, hospital_view
from almoner.pages.step_actions import action_urls
from almoner.patients.diagnoses import PERMISSION_DIAGNOSE, PERMISSION_READ_DIAGNOSES
from almoner.patients.operations import find_encounter
from almoner.service_points.consultation import presenting, queries
from almoner.service_points.consultation.actions import blank_forms
from almoner.service_points.consultation.operations import PERMISSION_CONSULT

STEP = "consultation.start"
EQUIPMENT_STEP = "equipment.use"
_DEPARTMENT = "consultation_department"


@require_safe
@hospital_view(PERMISSION_CONSULT)
def queue(request: HospitalRequest) -> HttpResponse:
    """``/consultation/?department=CODE``: who waits, in the order to see them. The department is
    remembered; at first it is the doctor's own, when there is one."""
    departments = queries.consulting_departments()
    mine = [code for code, _name in departments if code in request.departments]
    first = mine[0] if len(mine) == 1 else ""
    chosen = request.GET.get("department", request.session.get(_DEPARTMENT, first))
    if chosen and chosen not in dict(departments):
        raise NotFound(_("There is no such department."), field="department", code="unknown_department")
    if not request.htmx and chosen != request.session.get(_DEPARTMENT, ""):
        request.session[_DEPARTMENT] = chosen
    waiting = queries.queue(chosen, at=request.at)
    to_start = [one for one in waiting if one.state == "waiting"]
    decisions = dict(
        zip(
            (one.encounter_id for one in to_start),
            decisions_now(
                request.hospital.id, [(STEP, Subject(one.encounter_id)) for one in to_start], at=request.at
            ),
            strict=True,
        )
    )
    statuses = billing_statuses(
        request.hospital.id, {one.patient_id for one in waiting if one.state != "seen"}, at=request.at
    )
    rows = [
        presenting.queue_row(
            one,
            decisions.get(one.encounter_id),
            statuses,
            request.formats,
            request.actor,
            at=request.at,
            today=request.today,
        )
        for one in waiting
    ]
    context = {
        "rows": rows,
        "waiting": len(to_start),
        "held": sum(row.is_held for row in rows),
        "one_department": bool(chosen),
        "departments": departments,
        "chosen": chosen,
        "is_full": len(rows) == queries.MAXIMUM_QUEUE,
    }
    return live_page(
        request,
        "consultation/queue.html",
        "consultation/queue_content.html",
        context,
        query=f"department={chosen}",
    )


@require_safe
@hospital_view(PERMISSION_CONSULT)
def visit(request: HospitalRequest, encounter_id: UUID) -> HttpResponse:
    """``/consultation/visits/ID/``: start, or what can be done about a held start; notes, orders, finish."""
    encounter = find_encounter(encounter_id)
    formats, today, hospital = request.formats, request.today, request.hospital
    progress = queries.progress(encounter_id)
    stage = presenting.stage(progress, formats, today=today)
    subject = Subject(encounter_id)
    step = STEP if stage.state == "waiting" else EQUIPMENT_STEP if stage.uses_equipment else ""
    bar = None
    if step and encounter.ended_at is None:
        proceed = "consultation:start" if step == STEP else "consultation:equipment"
        status = service_point_status(hospital.id, step, subject, at=request.at)
        urls = {**action_urls(step, subject), "proceed": reverse(proceed, args=[encounter_id])}
        bar = service_point_bar(status, formats, request.actor, urls, today=today)
    findings = findings_of_encounter(encounter_id)
    billing = billing_status(hospital.id, encounter.patient_id, at=request.at)
    context = {
        "encounter": encounter,
        "head": patient_head(encounter.patient, formats, today=today),
        "tags": visit_tags(encounter.encounter_class, encounter.triage_level),
        "since": formats.moment(encounter.started_at, today=today),
        "stage": stage,
        "bar": bar,
        "billing": billing_widget(billing, formats, request.actor, today=today),
        "course": [
            presenting.course_line(line, findings, formats, request.actor, today=today)
            for line in queries.course(encounter_id, diagnoses=request.actor.may(PERMISSION_READ_DIAGNOSES))
        ],
    }
    if not request.htmx:
        offer = queries.offer(hospital, encounter_id, at=request.at, locale=hospital.locale)
        context["forms"] = blank_forms(offer)
        context["may_diagnose"] = request.actor.may(PERMISSION_DIAGNOSE)
    return live_page(request, "consultation/visit.html", "consultation/visit_content.html", context)


@require_safe
@hospital_view(PERMISSION_CONSULT)
def letter(request: HospitalRequest, referral_id: UUID) -> HttpResponse:
    """``/consultation/referrals/ID/``: the letter of a referral, to print."""
    referral = find_referral(referral_id)
    context = {
        "referral": referral,
        "head": patient_head(referral.patient, request.formats, today=request.today),
        "hospital_name": request.hospital.name,
        "aim": referral.department.name if referral.department else referral.outside,
        "day": request.formats.day(request.formats.local_date(referral.ordered_at), "long"),
    }
    return render(request, "consultation/letter.html", context)
