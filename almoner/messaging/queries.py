"""What is in force: how a hospital writes, its words of a day, and who wants no messages."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from uuid import UUID

from django.conf import settings
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, Q, QuerySet
from django.db.models.functions import JSONObject

from almoner.kernel.tenancy import require_transaction
from almoner.messaging.models import Channel, MessagingSettings, OptOut, Wording
from almoner.messaging.rules import DEFAULTS, MessagingRules, QuietHours
from almoner.messaging.texts import Words, shipped_words
from almoner.patients.merging import records_of
from almoner.patients.models import Patient

Place = tuple[str, str, str]
"""Where a wording stands: kind, channel, locale."""


def read_rules() -> MessagingRules:
    """How the open transaction's hospital writes to its patients; one statement."""
    require_transaction()
    row = MessagingSettings.objects.first()
    if row is None:
        return DEFAULTS
    quiet = None
    if row.quiet_from is not None and row.quiet_until is not None:
        quiet = QuietHours(row.quiet_from, row.quiet_until)
    return MessagingRules(quiet, tuple(row.channels), tuple(row.days_before), tuple(row.days_after))


def wordings_in_force(on: date) -> dict[Place, Wording]:
    """The hospital's own words on that day, by where they stand; those that went back to the shipped ones are not
    among them. One statement."""
    rows = Wording.objects.filter(starts_on__lte=on).order_by("starts_on", "written_at", "id")
    latest = {(row.kind, row.channel, row.locale): row for row in rows}
    return {place: row for place, row in latest.items() if row.body}


def words_on(place: Place, own: dict[Place, Wording]) -> Words:
    """The words for ``place``: the hospital's ``own``, else the shipped ones."""
    row = own.get(place)
    return Words(row.body, row.subject) if row else shipped_words(*place)


def opt_outs_of(patient_id: UUID) -> dict[str, list[OptOut]]:
    """The opt-outs that stand for a person (any of their records), by channel; one statement."""
    standing: dict[str, list[OptOut]] = {}
    for row in OptOut.objects.filter(patient__in=records_of(patient_id), ended_at=None).order_by("since"):
        standing.setdefault(row.channel, []).append(row)
    return standing


def with_opt_outs(patients: QuerySet[Patient]) -> QuerySet[Patient]:
    """``patients`` (surviving records), each with ``opt_outs``: what stands, as ``{"channel", "since"}``."""
    own = Q(patient=OuterRef("id")) | Q(patient__merged_into=OuterRef("id"))
    standing = OptOut.objects.filter(own, ended_at=None).order_by("-since")
    said = JSONObject(channel="channel", since="since")
    return patients.annotate(opt_outs=ArraySubquery(standing.values(said=said)))


def opted_out(patient_ids: Iterable[UUID]) -> set[tuple[UUID, str]]:
    """(surviving record, channel) of the given patients who want no messages that way; one statement."""
    wanted = list(patient_ids)
    own = Q(patient__in=wanted) | Q(patient__merged_into__in=wanted)
    rows = OptOut.objects.filter(own, ended_at=None).select_related("patient")
    return {(row.patient.merged_into_id or row.patient_id, row.channel) for row in rows}


def address_of(patient: Patient, channel: str) -> str:
    """Where ``channel`` reaches the patient; empty when it does not."""
    return patient.email if channel == Channel.EMAIL else patient.phone


def locale_of(patient: Patient, hospital_locale: str) -> str:
    """The language in which the patient is written to: theirs, else the hospital's, else English."""
    known = [code for code, _name in settings.LANGUAGES]
    return next(
        (code for code in (patient.language, hospital_locale.partition("_")[0]) if code in known),
        settings.LANGUAGE_CODE,
    )
