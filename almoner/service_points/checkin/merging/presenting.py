"""Two records side by side, in words and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from almoner.enforcement.queries import BillingStatus
from almoner.kernel.actor import Actor
from almoner.pages.patient_page import SEXES, age
from almoner.pages.presenters import BillingWidget, Formats, billing_widget
from almoner.patients.merging import CHOOSABLE
from almoner.patients.models import Coverage, Patient
from almoner.service_points.checkin.merging.forms import MergeForm
from almoner.service_points.checkin.merging.queries import Pair, Visits

LABELS = {
    "name": _("Name"),
    "birth_date": _("Birth date"),
    "sex": _("Sex"),
    "phone": _("Phone"),
    "email": _("Email"),
    "language": _("Language"),
    "category": _("Category"),
}


@dataclass(frozen=True, slots=True)
class PairRow:
    """Two records that may be of one person. ``says``: what they have in common."""

    url: str
    first: str
    first_about: str
    second: str
    second_about: str
    says: str


def pair_row(pair: Pair, formats: Formats) -> PairRow:
    """``pair`` as the list shows it; the earlier record is the one to keep unless the clerk says otherwise."""
    says = []
    if pair.same_birth_date:
        says.append(str(_("same birth date")))
    if pair.same_phone:
        says.append(str(_("same phone")))
    if pair.first.name.casefold() == pair.second.name.casefold():
        says.append(str(_("same name")))

    def about(mrn: str, born: date | None, phone: str) -> str:
        return " · ".join(filter(None, (mrn, formats.day(born) if born else "", phone)))

    return PairRow(
        url=reverse("checkin:merge", args=[pair.first.patient_id, pair.second.patient_id]),
        first=pair.first.name,
        first_about=about(pair.first.mrn, pair.first.birth_date, pair.first.phone),
        second=pair.second.name,
        second_about=about(pair.second.mrn, pair.second.birth_date, pair.second.phone),
        says=", ".join(says),
    )


@dataclass(frozen=True, slots=True)
class FieldRow:
    """A field of both records. ``name`` is the form's when they differ, else empty; ``chosen``: kept, duplicate."""

    label: Any
    name: str
    kept: str
    duplicate: str
    chosen: str


def field_rows(
    kept: Patient, duplicate: Patient, form: MergeForm, formats: Formats, *, today: date
) -> tuple[FieldRow, ...]:
    """The fields of the two records beside each other."""

    def shown(patient: Patient, name: str) -> str:
        if name == "birth_date":
            born = patient.birth_date
            return f"{formats.day(born)} ({age(born, today)})" if born else ""
        if name == "sex":
            return str(SEXES.get(patient.sex, ""))
        if name == "language":
            return dict(settings.LANGUAGES).get(patient.language, "")
        value = str(getattr(patient, name))
        return value.replace("_", " ").capitalize() if name == "category" else value

    return tuple(
        FieldRow(
            label=LABELS[name],
            name=name if name in form.fields else "",
            kept=shown(kept, name),
            duplicate=shown(duplicate, name),
            chosen=form.chosen(name),
        )
        for name in CHOOSABLE
    )


@dataclass(frozen=True, slots=True)
class RecordColumn:
    """What one record has: visits, money, payers."""

    name: str
    mrn: str
    url: str
    registered: str
    visit_count: int
    visits: tuple[str, ...]
    coverages: tuple[str, ...]
    billing: BillingWidget


def record_column(
    patient: Patient,
    visits: Visits,
    coverages: Sequence[Coverage],
    statuses: Mapping[UUID, BillingStatus],
    formats: Formats,
    actor: Actor,
    *,
    today: date,
) -> RecordColumn:
    """``patient``'s record as the page shows it above the choice."""
    return RecordColumn(
        name=patient.name,
        mrn=patient.mrn,
        url=reverse("patient", args=[patient.id]),
        registered=formats.day(formats.local_date(patient.registered_at)),
        visit_count=visits.count,
        visits=tuple(f"{formats.day(formats.local_date(at))} · {name}" for at, name in visits.latest),
        coverages=tuple(
            f"{one.payer.name}{f' · {one.member_id}' if one.member_id else ''}" for one in coverages
        ),
        billing=billing_widget(statuses[patient.id], formats, actor, today=today),
    )
