"""Sending a patient on: to another department, where reception expects them, or elsewhere with a letter."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.utils.translation import gettext as _

from almoner.identity import audit
from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict, DomainError, IdempotencyMismatch, NotFound
from almoner.kernel.models import next_number
from almoner.kernel.tenancy import require_transaction, transaction
from almoner.orders.models import Priority, Referral
from almoner.orders.operations import PERMISSION_ORDER, order_id_for
from almoner.patients.models import Encounter
from almoner.patients.operations import find_department, find_encounter

MAXIMUM_TEXT = 4000
EXPECTED_FOR = timedelta(days=30)
MAXIMUM_EXPECTED = 50


def refer(
    hospital_id: UUID,
    *,
    encounter_id: UUID,
    text: str,
    idempotency_key: str,
    actor: Actor,
    at: datetime,
    department: str = "",
    outside: str = "",
    priority: str = Priority.ROUTINE,
) -> Referral:
    """Refer the patient of a visit to ``department`` (its code) or to somebody ``outside``; ``text`` says why.

    Nothing is charged: checking in at the department charges its fees. The same key again returns the first
    referral. Raises ``DomainError`` naming the field, ``NotFound``, ``IdempotencyMismatch``.
    """
    actor.require(PERMISSION_ORDER)
    text, outside = text.strip(), outside.strip()
    if not 1 <= len(text) <= MAXIMUM_TEXT:
        raise DomainError(
            _("Say why, in 1 to %(maximum_text)s characters.") % {"maximum_text": MAXIMUM_TEXT},
            field="text",
            code="invalid_text",
        )
    if bool(department) == bool(outside) or len(outside) > 200:
        raise DomainError(
            _("Name a department of this hospital, or somebody outside."),
            field="department",
            code="invalid_aim",
        )
    if priority not in Priority.values:
        raise DomainError(
            _("Expected one of %(values)s.") % {"values": ", ".join(Priority.values)},
            field="priority",
            code="invalid_priority",
        )
    referral_id = order_id_for(hospital_id, "referral", idempotency_key)
    with transaction(hospital_id):
        encounter = find_encounter(encounter_id)
        aim = find_department(department) if department else None
        asked = (encounter_id, aim.id if aim else None, outside, text, priority)
        known = Referral.objects.select_related("department").filter(id=referral_id).first()
        if known is not None:
            if asked != (known.encounter_id, known.department_id, known.outside, known.text, known.priority):
                raise IdempotencyMismatch(idempotency_key)
            return known
        if aim is not None and aim.id == encounter.department_id:
            raise Conflict(
                _("The patient is in this department."), field="department", code="same_department"
            )
        referral = Referral.objects.create(
            id=referral_id,
            hospital_id=hospital_id,
            number=f"REF-{next_number('referral', 0)}",
            patient_id=encounter.patient_id,
            encounter=encounter,
            department=aim,
            outside=outside,
            text=text,
            priority=priority,
            ordered_at=at,
            ordered_by=actor.name,
        )
        audit.record(
            "patient.referred",
            actor=actor,
            at=at,
            subject_kind="referral",
            subject_id=referral.id,
            department=department,
            outside=outside,
        )
        return referral


def find_referral(referral_id: UUID) -> Referral:
    """The referral with its patient and department; one statement. Raises ``NotFound``."""
    referral = (
        Referral.objects.select_related("patient", "department", "encounter__department")
        .filter(id=referral_id)
        .first()
    )
    if referral is None:
        raise NotFound(
            _("There is no such referral at this hospital."), field="referral_id", code="unknown_referral"
        )
    return referral


def expected_referrals(*, at: datetime) -> list[Referral]:
    """Who was sent to a department in the last days and has not come yet, the latest first; one statement."""
    rows = Referral.objects.select_related("patient", "department", "encounter__department").filter(
        department__isnull=False, visit=None, cancelled_at=None, ordered_at__gt=at - EXPECTED_FOR
    )
    return list(rows.order_by("-ordered_at", "-id")[:MAXIMUM_EXPECTED])


def follow_referral(referral_id: UUID, visit: Encounter) -> None:
    """The patient has come: the referral became this visit. Needs the hospital's transaction.

    Raises ``Conflict`` when it became another visit before or is another patient's.
    """
    require_transaction()
    Referral.objects.select_for_update(no_key=True).filter(id=referral_id).first()
    referral = find_referral(referral_id)
    if referral.visit_id == visit.id:
        return
    if referral.visit_id is not None or referral.cancelled_at is not None:
        raise Conflict(
            _("The patient has come for this referral already."),
            field="referral_id",
            code="referral_followed",
        )
    if referral.patient_id != visit.patient_id:
        raise Conflict(_("This referral is another patient's."), field="referral_id", code="other_patient")
    referral.visit = visit
    referral.save(update_fields=["visit"])
