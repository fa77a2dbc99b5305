"""Charges, versions, comparisons and previews in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.forms import BoundField
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from almoner.administration.ward_charges.forms import ChargeForm, Choices
from almoner.administration.ward_charges.queries import Charged, Overview, PastStay, Versions
from almoner.administration.ward_charges.words import (
    BASES,
    DAY_RULES,
    KINDS,
    LIMITS,
    SECTIONS,
    TYPES,
    UNITS,
)
from almoner.charging.models import ChargeDefinition, ChargeDraft
from almoner.identity.models import AuditRecord
from almoner.interop.hospital_file.state import BEGINNING
from almoner.pages.presenters import Formats
from almoner.service_points.ward.preview import StayPreview

LINES_SHOWN = 40


@dataclass(frozen=True, slots=True)
class ChargeRow:
    url: str
    name: str
    code: str
    amount: str
    limits: str
    where: str
    state: str
    state_kind: str
    dates: str


@dataclass(frozen=True, slots=True)
class DraftRow:
    url: str
    discard_url: str
    name: str
    code: str
    by: str
    when: str


def type_title(billing_type: str) -> str:
    return str(TYPES[billing_type][0])


def amount_text(row: ChargeDefinition, formats: Formats) -> str:
    """What a unit costs: ``$45.00 an hour``, tiers, a percentage of its base, or the tariffs."""
    if row.percent is not None:
        return _("%(percent)s%% of %(base)s") % {
            "percent": f"{row.percent.normalize():f}",
            "base": base_text(row.base),
        }
    unit = UNITS[row.billing_type]
    if row.tiers:
        tiers = [
            _("to %(last)d %(rate)s") % {"last": last, "rate": formats.money(rate)}
            if last is not None
            else _("from %(first)d %(rate)s") % {"first": first, "rate": formats.money(rate)}
            for first, last, rate in row.tiers
        ]
        return _("%(tiers)s per %(unit)s") % {"tiers": ", ".join(tiers), "unit": unit}
    if row.rate_minor is None:
        return _("by tariff per %(unit)s") % {"unit": unit}
    return _("%(rate)s per %(unit)s") % {"rate": formats.money(row.rate_minor), "unit": unit}


def base_text(base: Mapping[str, Any]) -> str:
    """What a percentage is taken of."""
    if base.get("of") == "outstanding":
        return str(BASES["outstanding"]).lower()
    named = [str(KINDS.get(kind, kind)).lower() for kind in base.get("service_kinds", ())]
    named += [*base.get("services", ()), *base.get("definitions", ())]
    return ", ".join(named) or _("all charges")


def limits_text(row: ChargeDefinition, formats: Formats) -> str:
    """Free units, minimum, cap, rounding and day rule in a line; empty for none."""
    parts = []
    if row.free_units:
        parts.append(_("first %(count)d free") % {"count": row.free_units})
    if row.minimum_minor:
        parts.append(_("at least %(amount)s") % {"amount": formats.money(row.minimum_minor)})
    if row.cap_minor is not None:
        per = str(LIMITS.get(row.cap_per, "")).lower()
        parts.append((_("at most %(amount)s") % {"amount": formats.money(row.cap_minor)} + f" {per}").strip())
    if row.rounding_minor > 1:
        parts.append(_("rounded to %(amount)s") % {"amount": formats.money(row.rounding_minor)})
    if row.day_rule != "full":
        parts.append(str(DAY_RULES[row.day_rule]).lower())
    return ", ".join(parts)


def where_text(row: ChargeDefinition, wards_of_template: Mapping[str, list[str]]) -> str:
    """Wards, departments and categories that it is for."""
    wards = row.ward_types or wards_of_template.get(row.template, [])
    parts = [", ".join(named) for named in (wards, row.departments, row.patient_categories) if named]
    return " · ".join(parts) or _("everywhere")


def state_of(row: ChargeDefinition, today: date) -> tuple[str, str]:
    """Whether a version charges today: a word and its colour."""
    if row.superseded:
        return _("Replaced"), "none"
    if not row.is_active:
        return _("Not in use"), "none"
    if row.starts_on > today:
        return _("Coming"), "due"
    if row.ends_on is not None and row.ends_on < today:
        return _("Ended"), "none"
    return _("In force"), "good"


def dates_text(row: ChargeDefinition, formats: Formats) -> str:
    starts = formats.day(row.starts_on) if row.starts_on > BEGINNING else ""
    if row.ends_on is None:
        return _("from %(day)s") % {"day": starts} if starts else _("always")
    ends = formats.day(row.ends_on)
    return (
        _("%(from)s to %(until)s") % {"from": starts, "until": ends}
        if starts
        else _("until %(day)s") % {"day": ends}
    )


def overview_groups(
    overview: Overview, formats: Formats, *, today: date
) -> list[tuple[str, str, list[ChargeRow]]]:
    """By type: title, what one charge is made for, the charges of it."""
    wards = {template.code: template.ward_types for template in overview.templates}
    groups: dict[str, list[ChargeRow]] = {code: [] for code in TYPES}
    for charge in sorted(overview.charges, key=lambda one: one.name.casefold()):
        row = charge.on(today)
        state, kind = state_of(row, today)
        groups[row.billing_type].append(
            ChargeRow(
                url=reverse("ward_charges:charge", args=[charge.code]),
                name=charge.name,
                code=charge.code,
                amount=amount_text(row, formats),
                limits=limits_text(row, formats),
                where=where_text(row, wards),
                state=state,
                state_kind=kind,
                dates=dates_text(row, formats),
            )
        )
    return [(str(TYPES[code][0]), str(TYPES[code][1]), rows) for code, rows in groups.items() if rows]


def draft_rows(drafts: Iterable[ChargeDraft], formats: Formats, *, today: date) -> list[DraftRow]:
    return [
        DraftRow(
            url=reverse("ward_charges:draft", args=[draft.code]),
            discard_url=reverse("ward_charges:discard", args=[draft.code]),
            name=draft.name or draft.code,
            code=draft.code,
            by=formats.person(draft.saved_by),
            when=formats.moment(draft.saved_at, today=today),
        )
        for draft in drafts
    ]


@dataclass(frozen=True, slots=True)
class VersionRow:
    number: int
    amount: str
    dates: str
    state: str
    state_kind: str
    by: str
    when: str


def version_rows(charge: Versions, formats: Formats, *, today: date) -> list[VersionRow]:
    """Every version, the latest first."""
    rows = []
    for row in reversed(charge.rows):
        state, kind = state_of(row, today)
        rows.append(
            VersionRow(
                number=row.version,
                amount=amount_text(row, formats),
                dates=dates_text(row, formats),
                state=state,
                state_kind=kind,
                by=formats.person(row.saved_by),
                when=f"{formats.day(formats.local_date(row.saved_at))}, {formats.time(row.saved_at)}",
            )
        )
    return rows


def endings(records: Iterable[AuditRecord], formats: Formats) -> list[tuple[str, str, str]]:
    """Who let a charge end with which day, and when."""
    return [
        (
            formats.day(date.fromisoformat(record.data["ends_on"])),
            formats.person(record.actor),
            f"{formats.day(formats.local_date(record.at))}, {formats.time(record.at)}",
        )
        for record in records
    ]


@dataclass(frozen=True, slots=True)
class Section:
    title: Any
    fields: list[BoundField]


def sections(form: ChargeForm) -> list[Section]:
    """The fields that mean something for the chosen type, as people think of them."""
    found = []
    for title, names in SECTIONS:
        fields = [form[name] for name in names if form.says(name)]
        if fields:
            found.append(Section(title, fields))
    return found


def unused(form: ChargeForm) -> Iterator[BoundField]:
    """What was typed for another type: it goes along, hidden."""
    for name in form.fields:
        if not form.says(name) and name != "tiers":
            yield form[name]


def stay_choices(stays: Iterable[PastStay], formats: Formats) -> Choices:
    """Each stay with its wards and dates."""
    choices: Choices = []
    for stay in stays:
        wards = " → ".join(dict.fromkeys(stay.ward_types))
        began = formats.day(formats.local_date(stay.began_at))
        ended = formats.day(formats.local_date(stay.ended_at)) if stay.ended_at else _("now")
        choices.append((str(stay.admission_id), f"{stay.patient} · {wards} · {began} – {ended}"))
    return choices


@dataclass(frozen=True, slots=True)
class PreviewLine:
    period: str
    ward: str
    quantity: str
    amount: str
    problem: str


@dataclass(frozen=True, slots=True)
class PreviewPanel:
    """What the stay would have cost, and did: this charge alone, and the whole stay."""

    would: str
    did: str
    stay_would: str
    stay_did: str
    difference: str
    count: str
    unpriced: str
    lines: list[PreviewLine]
    more: str


def preview_panel(preview: StayPreview, charged: Charged, formats: Formats) -> PreviewPanel:
    would = charged.total_minor - charged.by_charge_minor + preview.total_minor
    more = len(preview.charges) - LINES_SHOWN
    return PreviewPanel(
        would=formats.money(preview.total_minor),
        did=formats.money(charged.by_charge_minor),
        stay_would=formats.money(would),
        stay_did=formats.money(charged.total_minor),
        difference=("+" if would > charged.total_minor else "") + formats.money(would - charged.total_minor),
        count=ngettext("%(count)d charge", "%(count)d charges", len(preview.charges))
        % {"count": len(preview.charges)},
        unpriced=ngettext(
            "%(count)d has no price and would wait in the work list.",
            "%(count)d have no price and would wait in the work list.",
            preview.unpriced,
        )
        % {"count": preview.unpriced}
        if preview.unpriced
        else "",
        lines=[
            PreviewLine(
                period=_period(charge.service_period, charge.service_date, formats),
                ward=charge.ward_type,
                quantity=f"{charge.quantity.normalize():f}",
                amount="" if charge.net_minor is None else formats.money(charge.net_minor),
                problem=charge.problem,
            )
            for charge in preview.charges[:LINES_SHOWN]
        ],
        more=_("and %(count)d more") % {"count": more} if more > 0 else "",
    )


def _period(key: str, day: date, formats: Formats) -> str:
    """The date, with the UTC hour of an hourly charge."""
    return f"{formats.day(day)} {key[11:13]}:00 UTC" if "T" in key else formats.day(day)
