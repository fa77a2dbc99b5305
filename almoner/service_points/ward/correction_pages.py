"""The dialog in which a stay is corrected: the times, what they change, and only then the deed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods

from almoner.charging.models import ChargeItem
from almoner.enforcement.queries import billing_status
from almoner.kernel.tenancy import transaction
from almoner.pages.answers import done
from almoner.pages.forms import StaffForm, sent
from almoner.pages.patient_page import patient_head
from almoner.pages.presenters import Formats
from almoner.pages.staff import HospitalRequest, hospital_view
from almoner.service_points.ward import corrections, queries
from almoner.service_points.ward.corrections import CorrectionEffect
from almoner.service_points.ward.models import StayCorrection

INVALID = 422
_MINUTES = "%Y-%m-%dT%H:%M"


class CorrectionForm(StaffForm):
    """When the patient really came and left. A time that nobody touched stays what is recorded, to the second.

    ``was`` holds the times as the form was opened with, ``seen`` those whose effect was shown: only those are
    put right.
    """

    came_at = forms.CharField(
        label=gettext_lazy("Came into the first bed"),
        max_length=20,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
    )
    left_at = forms.CharField(
        label=gettext_lazy("Left the last bed"),
        max_length=20,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
    )
    reason = forms.CharField(
        label=gettext_lazy("Why the times are corrected"), max_length=corrections.MAXIMUM_REASON_LENGTH
    )
    was = forms.CharField(required=False, max_length=50, widget=forms.HiddenInput)
    seen = forms.CharField(required=False, max_length=50, widget=forms.HiddenInput)

    def __init__(
        self, *args: Any, came_at: datetime, left_at: datetime | None, zone: ZoneInfo, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.zone = zone
        recorded = {"came_at": came_at, "left_at": left_at}
        self.ends = [name for name, at in recorded.items() if at is not None]
        for name, at in recorded.items():
            if at is None:
                del self.fields[name]
            else:
                self.fields[name].initial = at.astimezone(zone).strftime(_MINUTES)
        self.fields["was"].initial = "|".join(str(self.fields[name].initial) for name in self.ends)

    def _moment(self, name: str) -> datetime | None:
        text = str(self.cleaned_data[name])
        was = dict(zip(self.ends, str(self.data.get("was", "")).split("|"), strict=False))
        if text[:16] == was.get(name):
            return None
        try:
            return datetime.fromisoformat(text).replace(tzinfo=self.zone)
        except ValueError as error:
            raise forms.ValidationError(_("Enter a day and a time.")) from error

    def clean_came_at(self) -> datetime | None:
        return self._moment("came_at")

    def clean_left_at(self) -> datetime | None:
        return self._moment("left_at")

    @property
    def times(self) -> dict[str, datetime | None]:
        """What a valid form asks for, as the operation takes it."""
        return {name: self.cleaned_data.get(name) for name in ("came_at", "left_at")}

    @property
    def typed_times(self) -> str:
        return "|".join(str(self.data.get(name, "")) for name in self.ends)


@dataclass(frozen=True, slots=True)
class ServiceChange:
    """What the stay was charged for a service, and would be."""

    service: str
    before: str
    after: str
    change: str


@dataclass(frozen=True, slots=True)
class EffectPanel:
    """A correction's effect in words: by service, in all, and what the patient owes or has left then."""

    services: tuple[ServiceChange, ...]
    total: ServiceChange
    kept: str
    owes: str
    credit: str


def effect_panel(effect: CorrectionEffect, formats: Formats) -> EffectPanel:
    """``effect`` by service, those with the greatest change first."""
    before, after = _by_service(effect.taken_back), _by_service(effect.charged)
    rows = [(name, before.get(name, 0), after.get(name, 0)) for name in {**before, **after}]
    rows.sort(key=lambda row: (-abs(row[2] - row[1]), row[0]))
    total = (_("In all"), sum(before.values()), sum(after.values()))
    count = len(effect.kept)
    gained = effect.after.available_credit_minor - effect.before.available_credit_minor
    return EffectPanel(
        services=tuple(_change(row, formats) for row in rows),
        total=_change(total, formats),
        kept=ngettext(
            "A payer settled %(n)d of these charges: it stays, for billing to settle with the payer.",
            "A payer settled %(n)d of these charges: they stay, for billing to settle with the payer.",
            count,
        )
        % {"n": count}
        if count
        else "",
        owes=formats.money(effect.after.outstanding_minor),
        credit=formats.money(effect.after.available_credit_minor) if gained > 0 else "",
    )


def _by_service(items: Iterable[ChargeItem]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for item in items:
        sums[item.service.name] = sums.get(item.service.name, 0) + (item.net_minor or 0)
    return sums


def _change(row: tuple[str, int, int], formats: Formats) -> ServiceChange:
    name, before, after = row
    return ServiceChange(name, formats.money(before), formats.money(after), formats.money(after - before))


@dataclass(frozen=True, slots=True)
class CorrectionRow:
    """A correction in words: from when to when, why and by whom."""

    what: tuple[str, ...]
    when: str
    note: str


def correction_rows(
    rows: Iterable[StayCorrection], formats: Formats, *, today: date
) -> tuple[CorrectionRow, ...]:
    """The corrections of a stay in words, in the order given."""
    return tuple(
        CorrectionRow(
            what=tuple(_moves(row, formats)),
            when=formats.moment(row.corrected_at, today=today),
            note=f"{row.reason} · {formats.person(row.corrected_by)}",
        )
        for row in rows
    )


def _moves(row: StayCorrection, formats: Formats) -> Iterable[str]:
    if row.came_at != row.came_at_before:
        yield _("Came %(after)s, not %(before)s.") % {
            "after": _written(row.came_at, formats),
            "before": _written(row.came_at_before, formats),
        }
    if row.left_at and row.left_at_before and row.left_at != row.left_at_before:
        yield _("Left %(after)s, not %(before)s.") % {
            "after": _written(row.left_at, formats),
            "before": _written(row.left_at_before, formats),
        }


def _written(at: datetime, formats: Formats) -> str:
    return f"{formats.day(formats.local_date(at))} {formats.time(at)}"


@require_http_methods(["GET", "POST"])
@hospital_view(corrections.PERMISSION_CORRECT_STAY)
def correct(request: HospitalRequest, admission_id: UUID) -> HttpResponse:
    """A dialog: put right when the patient came or left, once what changes by it was shown."""
    with transaction(request.hospital.id):
        admission = queries.find_admission(admission_id)
        stays = queries.bed_stays(admission_id)
    head = patient_head(admission.patient, request.formats, today=request.today)
    if not stays:
        return render(request, "ward/correct.html", {"form": None, "head": head, "panel": None})
    form = CorrectionForm(
        sent(request),
        came_at=stays[0].started_at,
        left_at=stays[-1].ended_at,
        zone=request.formats.zone,
    )
    context: dict[str, Any] = {"form": form, "action": request.path, "head": head, "panel": None}
    if request.method == "POST":
        if form.is_valid() and form.cleaned_data["seen"] == form.typed_times:
            return _correct(request, admission_id, admission.patient_id, form, context)
        effect = form.attempt(
            lambda: corrections.preview_correction(
                request.hospital.id, admission_id, **form.times, actor=request.actor, at=request.at
            )
        )
        if effect is not None:
            context |= {"panel": effect_panel(effect, request.formats), "seen": form.typed_times}
    return render(request, "ward/correct.html", context, status=INVALID if form.errors else 200)


def _correct(
    request: HospitalRequest,
    admission_id: UUID,
    patient_id: UUID,
    form: CorrectionForm,
    context: dict[str, Any],
) -> HttpResponse:
    corrected = form.attempt(
        lambda: corrections.correct_stay(
            request.hospital.id,
            admission_id,
            **form.times,
            reason=form.cleaned_data["reason"],
            idempotency_key=form.key,
            actor=request.actor,
            at=request.at,
        )
    )
    if corrected is None:
        return render(request, "ward/correct.html", context, status=INVALID)
    status = billing_status(request.hospital.id, patient_id, at=request.at)
    if status.available_credit_minor:
        return done(
            _("The stay is corrected. The patient has a credit of %(amount)s.")
            % {"amount": request.formats.money(status.available_credit_minor)}
        )
    return done(_("The stay is corrected; its charges follow."))
