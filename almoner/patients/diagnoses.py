"""What a visit found: in words, and as an ICD-10 code where there is one."""

from __future__ import annotations

import re
from datetime import datetime
from uuid import UUID, uuid5

from django.utils.translation import gettext as _

from almoner.kernel.actor import Actor
from almoner.kernel.errors import DomainError, IdempotencyMismatch, NotFound
from almoner.kernel.idempotency import check_key
from almoner.kernel.tenancy import transaction
from almoner.patients.models import Diagnosis
from almoner.patients.operations import find_encounter

PERMISSION_DIAGNOSE = "patients.diagnose"
PERMISSION_READ_DIAGNOSES = "patients.read_diagnoses"
MAXIMUM_DIAGNOSIS = 300
_ICD_10 = re.compile(r"[A-Z][0-9][0-9A-Z](\.[0-9A-Z]{1,4})?")


def read_code(text: str) -> str:
    """An ICD-10 code as it is kept (``I20.9``), also when written ``i209``; empty when nothing is written.

    Only the form is checked: national editions differ in their codes (docs/decisions/0022-icd-10-by-its-form.md).
    Raises ``DomainError`` at ``code``.
    """
    code = text.strip().upper()
    if len(code) > 3 and code[3] != ".":
        code = f"{code[:3]}.{code[3:]}"
    if code and not _ICD_10.fullmatch(code):
        raise DomainError(
            _("An ICD-10 code is a letter and two digits, then a dot and more where needed: I20.9."),
            field="code",
            code="invalid_diagnosis_code",
        )
    return code


def record_diagnosis(
    hospital_id: UUID,
    encounter_id: UUID,
    *,
    text: str,
    code: str = "",
    idempotency_key: str,
    actor: Actor,
    at: datetime,
) -> Diagnosis:
    """Record a diagnosis of the visit. The same key again returns the first.

    Raises ``DomainError`` for an empty or too long text and a code that is none, ``NotFound``,
    ``IdempotencyMismatch``.
    """
    actor.require(PERMISSION_DIAGNOSE)
    text = text.strip()
    if not text or len(text) > MAXIMUM_DIAGNOSIS:
        raise DomainError(
            _("A diagnosis has 1 to %(maximum)d characters.") % {"maximum": MAXIMUM_DIAGNOSIS},
            field="text",
            code="invalid_diagnosis",
        )
    code = read_code(code)
    with transaction(hospital_id):
        encounter = find_encounter(encounter_id)
        diagnosis, _made = Diagnosis.objects.get_or_create(
            id=uuid5(hospital_id, f"diagnosis:{check_key(idempotency_key)}"),
            defaults={
                "hospital_id": hospital_id,
                "encounter": encounter,
                "text": text,
                "code": code,
                "recorded_at": at,
                "recorded_by": actor.name,
            },
        )
        if (diagnosis.encounter_id, diagnosis.text, diagnosis.code) != (encounter_id, text, code):
            raise IdempotencyMismatch(idempotency_key)
        return diagnosis


def withdraw_diagnosis(hospital_id: UUID, diagnosis_id: UUID, *, actor: Actor, at: datetime) -> Diagnosis:
    """Say that a diagnosis does not stand; it stays readable. Again changes nothing. Raises ``NotFound``."""
    actor.require(PERMISSION_DIAGNOSE)
    with transaction(hospital_id):
        diagnosis = Diagnosis.objects.select_for_update().filter(id=diagnosis_id).first()
        if diagnosis is None:
            raise NotFound(
                _("There is no such diagnosis at this hospital."),
                field="diagnosis_id",
                code="unknown_diagnosis",
            )
        if diagnosis.withdrawn_at is None:
            diagnosis.withdrawn_at, diagnosis.withdrawn_by = at, actor.name
            diagnosis.save(update_fields=["withdrawn_at", "withdrawn_by"])
        return diagnosis
