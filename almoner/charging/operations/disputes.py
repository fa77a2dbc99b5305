"""Charges that a patient says are not right: written down by staff, resolved by who may correct charges."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext as _

from almoner.charging.models import ChargeDispute, ChargeItem, DisputeResolution
from almoner.charging.operations.corrections import PERMISSION_CORRECT, locked_item
from almoner.identity import audit
from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict, DomainError, NotFound
from almoner.kernel.tenancy import transaction

PERMISSION_DISPUTE = "charging.dispute"


def dispute_charge(
    hospital_id: UUID, charge_item_id: UUID, *, reason: str, actor: Actor, at: datetime
) -> ChargeDispute:
    """Write down that the patient disputes a charge, and why. It stays owed, and bears no late fee meanwhile.

    Disputed again while that is not resolved, it gives the first dispute. Raises ``NotFound``, ``Conflict``
    for a charge that is not billed, ``DomainError`` without a reason.
    """
    actor.require(PERMISSION_DISPUTE)
    with transaction(hospital_id):
        item = locked_item(charge_item_id)
        if item.status != ChargeItem.Status.BILLABLE:
            raise Conflict(
                _("Only a billed charge can be disputed."), field="charge_item_id", code="charge_not_billed"
            )
        before = open_dispute(item.id)
        if before is not None:
            return before
        made = ChargeDispute.objects.create(
            hospital_id=hospital_id,
            charge_item=item,
            reason=_words(reason, "reason"),
            at=at,
            recorded_by=actor.name,
        )
        audit.record(
            "charge.disputed",
            actor=actor,
            at=at,
            subject_kind="charge_item",
            subject_id=item.id,
            reason=made.reason,
        )
        return made


def resolve_dispute(
    hospital_id: UUID, charge_item_id: UUID, *, note: str, actor: Actor, at: datetime
) -> DisputeResolution:
    """End the open dispute of a charge with what came of it; a charge that was wrong is corrected besides.

    Raises ``NotFound`` when nothing is disputed about it.
    """
    actor.require(PERMISSION_CORRECT)
    with transaction(hospital_id):
        item = locked_item(charge_item_id)
        dispute = open_dispute(item.id)
        if dispute is None:
            raise NotFound(
                _("Nothing is disputed about this charge."), field="charge_item_id", code="no_dispute"
            )
        made = DisputeResolution.objects.create(
            hospital_id=hospital_id,
            dispute=dispute,
            note=_words(note, "note"),
            at=at,
            resolved_by=actor.name,
        )
        audit.record(
            "charge.dispute_resolved",
            actor=actor,
            at=at,
            subject_kind="charge_item",
            subject_id=item.id,
            note=made.note,
        )
        return made


def open_dispute(charge_item_id: UUID) -> ChargeDispute | None:
    """The dispute of a charge that is not resolved. Needs the transaction."""
    resolved = DisputeResolution.objects.values("dispute_id")
    return ChargeDispute.objects.filter(charge_item_id=charge_item_id).exclude(id__in=resolved).first()


def _words(text: str, field: str) -> str:
    text = text.strip()
    if not 0 < len(text) <= 500:
        raise DomainError(_("Say it in 1 to 500 characters."), field=field, code=f"{field}_missing")
    return text
