"""Correcting charges that may have been paid: what was paid is released, and given back to what remains."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from uuid import UUID, uuid5

from django.utils.translation import gettext as _

from almoner.charging import operations as charging
from almoner.charging.models import ChargeItem
from almoner.identity import audit
from almoner.kernel.actor import Actor
from almoner.kernel.errors import DomainError, IdempotencyMismatch, NotFound
from almoner.kernel.idempotency import check_key
from almoner.kernel.tenancy import transaction
from almoner.ledger.models import JournalEntry, Posting
from almoner.payments.operations import apply_deposits, release

REVERSALS = ("charge.cancelled", "charge.credited")


def cancel_with_reason(
    hospital_id: UUID, charge_item_id: UUID, *, reason: str, idempotency_key: str, actor: Actor, at: datetime
) -> tuple[ChargeItem, bool]:
    """Take a charge back, audited; what was paid for it becomes a deposit.

    Returns the charge, and whether this key had done it before. Raises ``Conflict`` for a charge that
    another request took back, ``IdempotencyMismatch``.
    """

    def change(item: ChargeItem, source_id: UUID) -> ChargeItem:
        release(hospital_id, item.id, actor=actor, at=at)
        return charging.cancel(item.id, actor=actor, at=at, source_id=source_id)

    return _once(hospital_id, charge_item_id, "charge.cancelled", reason, idempotency_key, actor, at, change)


def revise_quantity(
    hospital_id: UUID,
    charge_item_id: UUID,
    *,
    quantity: Decimal,
    reason: str,
    idempotency_key: str,
    actor: Actor,
    at: datetime,
) -> tuple[ChargeItem, bool]:
    """Correct the quantity of a charge at its original unit price, audited.

    The charge is reversed and its next revision posted, delivered if the charge was; what was paid for the one pays the other, and what
    is left over is held as a deposit. Returns the new revision, and whether this key had made it before.
    Raises as ``cancel_with_reason``, and ``DomainError`` for an impossible quantity.
    """

    def change(item: ChargeItem, source_id: UUID) -> ChargeItem:
        paid = release(hospital_id, item.id, actor=actor, at=at)
        revised = charging.revise(item.id, quantity=quantity, actor=actor, at=at, source_id=source_id)
        if item.delivered_at is not None:
            charging.deliver(
                [revised.id], source_id=source_id, occurred_at=item.delivered_at, actor=actor, at=at
            )
        if paid:
            apply_deposits(
                hospital_id,
                item.patient_account_id,
                charge_item_ids=[revised.id],
                maximum_minor=paid,
                idempotency_key=f"revision:{revised.id}",
                actor=actor,
                at=at,
                reason="payment kept with a corrected charge",
            )
        return revised

    item, replayed = _once(
        hospital_id, charge_item_id, "charge.revised", reason, idempotency_key, actor, at, change
    )
    if replayed and item.quantity != quantity:
        raise IdempotencyMismatch(idempotency_key)
    return item, replayed


def _once(
    hospital_id: UUID,
    charge_item_id: UUID,
    action: str,
    reason: str,
    idempotency_key: str,
    actor: Actor,
    at: datetime,
    change: Callable[[ChargeItem, UUID], ChargeItem],
) -> tuple[ChargeItem, bool]:
    """Run ``change`` unless the reversal that this key makes is in the ledger already."""
    actor.require(charging.PERMISSION_CORRECT)
    check_key(idempotency_key)
    if not reason.strip() or len(reason) > 500:
        raise DomainError(_("Say why, in 1 to 500 characters."), field="reason", code="reason_missing")
    source_id = uuid5(hospital_id, f"{action}:{idempotency_key}")
    with transaction(hospital_id):
        item = ChargeItem.objects.filter(id=charge_item_id).first()
        if item is None:
            raise NotFound(
                _("There is no such charge item at this hospital."),
                field="charge_item_id",
                code="unknown_charge_item",
            )
        charging.lock_account(item.patient_account_id)
        entry = JournalEntry.objects.filter(source_id=source_id, kind__in=REVERSALS).first()
        if entry is not None:
            return _before(entry, charge_item_id, idempotency_key, action), True
        changed = change(item, source_id)
        audit.record(
            action,
            actor=actor,
            at=at,
            subject_kind="charge_item",
            subject_id=charge_item_id,
            reason=reason,
            result=str(changed.id),
        )
        return changed, False


def _before(entry: JournalEntry, charge_item_id: UUID, idempotency_key: str, action: str) -> ChargeItem:
    """What the reversal ``entry`` led to; ``IdempotencyMismatch`` when it was of another charge."""
    if not Posting.objects.filter(entry=entry, charge_item_id=charge_item_id).exists():
        raise IdempotencyMismatch(idempotency_key)
    item = ChargeItem.objects.get(id=charge_item_id)
    if action == "charge.cancelled":
        return item
    return ChargeItem.objects.get(
        event=item.event_id,
        line=item.line,
        rule_code=item.rule_code,
        service_period=item.service_period,
        revision=item.revision + 1,
    )
