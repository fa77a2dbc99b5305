"""Two records of one person become one."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.apps import apps
from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils.translation import gettext

from almoner.identity import audit
from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict, DomainError, NotFound
from almoner.kernel.tenancy import TenantForeignKey, transaction
from almoner.patients.models import Coverage, Patient, PatientPhoto
from almoner.patients.operations import PERMISSION_REGISTER

CHOOSABLE = ("name", "birth_date", "sex", "phone", "email", "language", "category")
"""Fields of which the duplicate's value may be the right one."""


def merge_patients(
    hospital_id: UUID,
    *,
    duplicate_id: UUID,
    survivor_id: UUID,
    actor: Actor,
    at: datetime,
    taken_from_duplicate: Collection[str] = (),
) -> Patient:
    """Let ``duplicate`` point at ``survivor``; its accounts, visits, orders and (new) coverages follow,
    and its photo when the survivor has none.

    ``taken_from_duplicate`` names the fields (of ``CHOOSABLE``) whose value the survivor gets from the
    duplicate. Money stays on the account it was posted to: both accounts are the survivor's from now on. What
    happened (events, charges, decisions) keeps the record it happened under. What is recorded for the
    duplicate from now on goes to the survivor, whose name and number it is found by. There is no way back.

    Raises ``NotFound``, ``Conflict`` when the duplicate was merged before.
    """
    actor.require(PERMISSION_REGISTER)
    for name in taken_from_duplicate:
        if name not in CHOOSABLE:
            raise DomainError(
                gettext("Expected some of %(choosable)s.") % {"choosable": ", ".join(CHOOSABLE)},
                field="taken_from_duplicate",
                code="unknown_field",
            )
    with transaction(hospital_id):
        duplicate, survivor = _locked(duplicate_id, survivor_id)
        Patient.objects.filter(Q(id=duplicate.id) | Q(merged_into=duplicate)).update(merged_into=survivor)
        known = Coverage.objects.filter(
            patient=survivor,
            payer=OuterRef("payer"),
            priority=OuterRef("priority"),
            starts_on=OuterRef("starts_on"),
        )
        Coverage.objects.filter(~Exists(known), patient=duplicate).update(patient=survivor)
        of_survivor = PatientPhoto.objects.filter(patient=survivor)
        PatientPhoto.objects.filter(~Exists(of_survivor), patient=duplicate).update(patient=survivor)
        _follow(duplicate, survivor)
        before = {name: str(getattr(survivor, name) or "") for name in taken_from_duplicate}
        for name in taken_from_duplicate:
            setattr(survivor, name, getattr(duplicate, name))
        if taken_from_duplicate:
            survivor.save(update_fields=list(taken_from_duplicate))
        audit.record(
            "patient.merged",
            actor=actor,
            at=at,
            subject_kind="patient",
            subject_id=survivor.id,
            duplicate=str(duplicate.id),
            duplicate_mrn=duplicate.mrn,
            taken_from_duplicate=sorted(taken_from_duplicate),
            before=before,
        )
        return survivor


def _locked(duplicate_id: UUID, survivor_id: UUID) -> tuple[Patient, Patient]:
    """Both records, locked in one order, so that two merges never make a circle."""
    survivor_id = (
        Patient.objects.filter(id=survivor_id)
        .values_list(Coalesce("merged_into_id", "id"), flat=True)
        .first()
        or survivor_id
    )
    rows = Patient.objects.select_for_update().filter(id__in=[duplicate_id, survivor_id]).order_by("id")
    found = {row.id: row for row in rows}
    for field, patient_id in (("survivor_id", survivor_id), ("duplicate_id", duplicate_id)):
        if patient_id not in found:
            raise NotFound(gettext("There is no such patient."), field=field, code="unknown_patient")
    duplicate, survivor = found[duplicate_id], found[survivor_id]
    if duplicate.id == survivor.id or duplicate.merged_into_id is not None:
        raise Conflict(
            gettext("This record was merged already."), field="duplicate_id", code="already_merged"
        )
    if survivor.merged_into_id is not None:
        raise Conflict(
            gettext("The record to keep was merged into another one meanwhile. Open that one."),
            field="survivor_id",
            code="already_merged",
        )
    return duplicate, survivor


_CHANGEABLE = """
SELECT place FROM unnest(%s::text[], %s::text[]) WITH ORDINALITY AS asked (table_name, column_name, place)
WHERE has_column_privilege(table_name, column_name, 'UPDATE') ORDER BY place
"""


def _follow(duplicate: Patient, survivor: Patient) -> None:
    """What refers to the duplicate and may be changed refers to the survivor: accounts, visits, orders.

    Rows that are history (their table lets nobody change them) stay, and so do coverages and the photo when
    both have one.
    """
    references = [
        (model, field)
        for model in apps.get_models()
        for field in model._meta.local_fields
        if isinstance(field, TenantForeignKey) and field.related_model is Patient
        if model not in (Patient, Coverage, PatientPhoto)
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            _CHANGEABLE,
            [[model._meta.db_table for model, _ in references], [field.column for _, field in references]],
        )
        places = [row[0] for row in cursor.fetchall()]
    for place in places:
        model, field = references[place - 1]
        model._default_manager.filter(**{field.name: duplicate}).update(**{field.name: survivor})


def records_of(patient_id: UUID) -> QuerySet[Patient]:
    """Every record of the person whom ``patient_id`` (merged or not) means: for ``patient__in``."""
    survivor = Patient.objects.filter(id=patient_id).values(key=Coalesce("merged_into_id", "id"))
    return Patient.objects.filter(Q(id=Subquery(survivor)) | Q(merged_into_id=Subquery(survivor)))
