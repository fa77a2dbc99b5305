"""Medication that comes back: credited at the price it was charged at, and put back only when it is sealed."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db.models import Sum
from django.utils.translation import gettext as _

from almoner.charging import operations as charging
from almoner.charging.models import ChargeItem
from almoner.charging.rules import check_quantity
from almoner.identity import audit
from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict, DomainError, IdempotencyMismatch, NotFound
from almoner.kernel.tenancy import transaction
from almoner.orders.models import Prescription
from almoner.orders.operations import find_order
from almoner.payments.operations import cancel_charge, release
from almoner.service_points.pharmacy.models import (
    Batch,
    Dispensing,
    MedicationReturn,
    StockItem,
    StockMovement,
)
from almoner.service_points.pharmacy.operations.shared import (
    PERMISSION_TAKE_BACK,
    STEP,
    hospital_today,
    id_for,
    keep_paid,
)
from almoner.service_points.pharmacy.operations.stock import move
from almoner.service_points.pharmacy.rules import is_expired, plain

Kind = StockMovement.Kind


def take_back(
    hospital_id: UUID,
    dispensing_id: UUID,
    *,
    quantity: Decimal,
    is_sealed: bool,
    reason: str,
    idempotency_key: str,
    actor: Actor,
    at: datetime,
    batch_id: UUID | None = None,
) -> MedicationReturn:
    """Take back a quantity of what was handed out, at most that much, and credit it at its original price.

    What was paid for it is kept as a deposit. Sealed, it goes back into its batch unless that has expired;
    otherwise it is disposed of. ``batch_id`` says which batch it is of when several were handed out. Raises
    ``DomainError`` naming the field, ``Conflict`` when the charge has no price yet or a payer settled it.
    """
    actor.require(PERMISSION_TAKE_BACK)
    return_id = id_for(hospital_id, "returned", idempotency_key)
    check_quantity(quantity, "quantity")
    reason = reason.strip()
    if not reason:
        raise DomainError(_("Say why it comes back."), field="reason", code="reason_missing")
    with transaction(hospital_id):
        dispensing = _locked_dispensing(dispensing_id)
        before = MedicationReturn.objects.filter(id=return_id).first()
        if before is not None:
            known = (before.dispensing_id, before.quantity, before.is_sealed, before.reason)
            if known != (dispensing_id, quantity, is_sealed, reason):
                raise IdempotencyMismatch(idempotency_key)
            return before
        batch_id = _batch_of(dispensing, batch_id)
        _check_returnable(dispensing, batch_id, quantity)
        _lock_stock(batch_id)
        taken_back = MedicationReturn.objects.create(
            id=return_id,
            hospital_id=hospital_id,
            dispensing=dispensing,
            batch_id=batch_id,
            quantity=quantity,
            is_sealed=is_sealed,
            reason=reason,
            credited_minor=_credit(hospital_id, dispensing, quantity, return_id, idempotency_key, actor, at),
            returned_at=at,
            returned_by=actor.name,
        )
        if batch_id is not None:
            _restock(hospital_id, batch_id, taken_back, actor, at)
        audit.record(
            "medication.returned",
            actor=actor,
            at=at,
            subject_kind="Dispensing",
            subject_id=dispensing_id,
            quantity=plain(quantity),
            is_sealed=is_sealed,
            reason=reason,
            credited_minor=taken_back.credited_minor,
        )
        return taken_back


def _locked_dispensing(dispensing_id: UUID) -> Dispensing:
    """The dispensing, with its prescription locked. Raises ``NotFound``."""
    dispensing = (
        Dispensing.objects.select_related("prescription_line__service", "substitution__service")
        .filter(id=dispensing_id)
        .first()
    )
    if dispensing is None:
        raise NotFound(_("Nothing such was handed out."), field="dispensing_id", code="unknown_dispensing")
    find_order(Prescription, dispensing.prescription_line.prescription_id)
    return dispensing


def _batch_of(dispensing: Dispensing, batch_id: UUID | None) -> UUID | None:
    """The batch that comes back; None when it was handed out without one."""
    batches = list(
        StockMovement.objects.filter(source_id=dispensing.id, kind=Kind.DISPENSED).values_list(
            "batch_id", flat=True
        )
    )
    if batch_id is None and len(batches) <= 1:
        return batches[0] if batches else None
    if batch_id not in batches:
        raise DomainError(
            _("Say which of the batches that were handed out comes back."),
            field="batch_id",
            code="unknown_batch",
        )
    return batch_id


def _check_returnable(dispensing: Dispensing, batch_id: UUID | None, quantity: Decimal) -> None:
    out = dispensing.quantity
    returns = MedicationReturn.objects.filter(dispensing=dispensing)
    if batch_id is not None:
        out = -StockMovement.objects.get(
            source_id=dispensing.id, kind=Kind.DISPENSED, batch=batch_id
        ).quantity
        returns = returns.filter(batch=batch_id)
    left = out - (returns.aggregate(total=Sum("quantity"))["total"] or Decimal(0))
    if quantity > left:
        raise DomainError(
            _("At most %(left)s can come back: %(out)s were handed out.")
            % {"left": plain(left), "out": plain(out)},
            field="quantity",
            code="quantity_not_handed_out",
        )


def _lock_stock(batch_id: UUID | None) -> None:
    """Stock before money: the order in which dispensing locks, too."""
    if batch_id is not None:
        item_id = Batch.objects.values_list("item_id", flat=True).get(id=batch_id)
        StockItem.objects.select_for_update(no_key=True).get(id=item_id)


def _restock(
    hospital_id: UUID, batch_id: UUID, taken_back: MedicationReturn, actor: Actor, at: datetime
) -> None:
    """Back into its batch; and out of it again for good when nobody else may have it."""
    moves = [(Kind.RETURNED, taken_back.quantity)]
    expires_on = Batch.objects.values_list("expires_on", flat=True).get(id=batch_id)
    if not taken_back.is_sealed or is_expired(expires_on, hospital_today(hospital_id, at)):
        moves.append((Kind.DISPOSED, -taken_back.quantity))
    for kind, quantity in moves:
        move(
            hospital_id,
            batch_id,
            kind,
            quantity,
            source_id=taken_back.id,
            actor=actor,
            at=at,
            reason=taken_back.reason,
        )


def _credit(
    hospital_id: UUID,
    dispensing: Dispensing,
    quantity: Decimal,
    return_id: UUID,
    idempotency_key: str,
    actor: Actor,
    at: datetime,
) -> int:
    """Take back the charges of ``quantity``, the latest first; minor units that are credited."""
    line = dispensing.prescription_line
    items = ChargeItem.objects.filter(
        order_id=line.prescription_id,
        line=line.line,
        service=dispensing.service,
        required_at__contains=[STEP],
        status__in=["billable", "unpriced"],
    ).order_by("-captured_at", "-id")
    if any(item.status == "unpriced" for item in items):
        raise Conflict(
            _("The charge has no price yet: the billing office has to set it before anything comes back."),
            field="quantity",
            code="charge_not_priced",
        )
    credited = 0
    for item in [item for item in items if item.delivered_at is not None]:
        taken = min(item.quantity, quantity)
        if not taken:
            break
        quantity -= taken
        credited += item.net_minor or 0
        if taken == item.quantity:
            cancel_charge(hospital_id, item.id, actor=actor, at=at, source_id=return_id)
            continue
        paid = release(hospital_id, item.id, actor=actor, at=at)
        kept = charging.revise(
            item.id, quantity=item.quantity - taken, actor=actor, at=at, source_id=return_id
        )
        charging.deliver([kept.id], source_id=return_id, occurred_at=at, actor=actor, at=at)
        keep_paid(hospital_id, paid, [kept], idempotency_key=idempotency_key, actor=actor, at=at)
        credited -= kept.net_minor or 0
    return credited
