"""Reception: records that may be of one person, and making two of them one."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from almoner.enforcement.queries import billing_statuses
from almoner.kernel.tenancy import transaction
from almoner.pages.answers import go_to
from almoner.pages.forms import sent
from almoner.pages.patient_file import find_patient
from almoner.pages.patient_page import patient_head
from almoner.pages.search import MAXIMUM_LENGTH, find_duplicates, find_patients
from almoner.pages.staff import HospitalRequest, hospital_view
from almoner.patients.merging import CHOOSABLE, merge_patients
from almoner.patients.operations import PERMISSION_REGISTER, surviving
from almoner.service_points.checkin.merging import presenting, queries
from almoner.service_points.checkin.merging.forms import DUPLICATE, KEPT, MergeForm
from almoner.service_points.checkin.presenting import found_row

INVALID = 422


@require_safe
@hospital_view(PERMISSION_REGISTER)
def possible_duplicates(request: HospitalRequest) -> HttpResponse:
    """``/check-in/possible-duplicates/``: the latest records that may be somebody known before."""
    rows = [presenting.pair_row(pair, request.formats) for pair in queries.possible_duplicates()]
    return render(request, "checkin/merging/pairs.html", {"rows": rows, "latest": queries.LATEST})


@require_safe
@hospital_view(PERMISSION_REGISTER)
def choose(request: HospitalRequest, patient_id: UUID) -> HttpResponse:
    """``/check-in/patients/ID/merge/?q=words``: which other record is of this patient, too."""
    patient = find_patient(patient_id)
    if patient.merged_into_id is not None:
        return redirect("checkin:merge-choose", patient.merged_into_id)
    words = request.GET.get("q", "").replace("\x00", "")[:MAXIMUM_LENGTH].strip()
    found = (
        find_patients(words) if words else find_duplicates(patient.name, patient.birth_date, patient.phone)
    )
    rows = [
        {
            "row": found_row(one, request.formats),
            "url": reverse("checkin:merge", args=[patient.id, one.patient_id]),
        }
        for one in found
        if one.patient_id != patient.id
    ]
    context = {
        "head": patient_head(patient, request.formats, today=request.today),
        "patient_id": patient.id,
        "rows": rows,
        "words": words,
    }
    return render(request, "checkin/merging/choose.html", context)


@require_http_methods(["GET", "POST"])
@hospital_view(PERMISSION_REGISTER)
def merge(request: HospitalRequest, patient_id: UUID, duplicate_id: UUID) -> HttpResponse:
    """``/check-in/patients/ID/merge/DUPLICATE/``: both records side by side; which values survive; confirm."""
    with transaction(request.hospital.id):
        kept, duplicate = find_patient(patient_id), find_patient(duplicate_id)
        if duplicate.merged_into_id is not None or kept.merged_into_id is not None:
            # Merged meanwhile, by this very form or by somebody else: the surviving record says so.
            answer = reverse("patient", args=[surviving(kept.id).id])
            return go_to(answer) if request.method == "POST" else redirect(answer)
        if kept.id == duplicate.id:
            return redirect("checkin:merge-choose", kept.id)
    differs = {name for name in CHOOSABLE if getattr(kept, name) != getattr(duplicate, name)}
    form = MergeForm(
        sent(request),
        differs=differs,
        initial={name: KEPT if getattr(kept, name) or name == "sex" else DUPLICATE for name in differs},
    )
    if request.method == "POST":
        merged = form.attempt(
            lambda: merge_patients(
                request.hospital.id,
                duplicate_id=duplicate.id,
                survivor_id=kept.id,
                taken_from_duplicate=form.taken,
                actor=request.actor,
                at=request.at,
            )
        )
        if merged is not None:
            return go_to(reverse("patient", args=[merged.id]))
        if "confirmed" in form.errors:
            form.errors["confirmed"] = form.error_class([_("Confirm that both are of the same person.")])
    with transaction(request.hospital.id):
        context = _compared(request, kept.id, duplicate.id, form)
    template = "checkin/merging/form.html" if request.method == "POST" else "checkin/merging/merge.html"
    return render(request, template, context, status=INVALID if form.errors else 200)


def _compared(
    request: HospitalRequest, kept_id: UUID, duplicate_id: UUID, form: MergeForm
) -> dict[str, object]:
    """Both records with everything that is going to be together; the transaction is open."""
    kept, duplicate = find_patient(kept_id), find_patient(duplicate_id)
    ids = [kept.id, duplicate.id]
    statuses = billing_statuses(request.hospital.id, set(ids), at=request.at)
    visits, coverages = queries.visits_of(ids), queries.coverages_of(ids)
    columns = [
        presenting.record_column(
            one,
            visits[one.id],
            coverages[one.id],
            statuses,
            request.formats,
            request.actor,
            today=request.today,
        )
        for one in (kept, duplicate)
    ]
    return {
        "form": form,
        "action": request.path,
        "kept": columns[0],
        "duplicate": columns[1],
        "rows": presenting.field_rows(kept, duplicate, form, request.formats, today=request.today),
        "swap_url": reverse("checkin:merge", args=[duplicate.id, kept.id]),
    }
