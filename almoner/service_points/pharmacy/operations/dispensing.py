"""Dispensing (section 1.4): what was charged when prescribed is delivered, in whole or in part."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db.models import Sum
from django.utils.translation import gettext as _

from almoner.charging.operations import capture, split
from almoner.charging.rules import Event, check_quantity
from almoner.enforcement.gate import guarded
from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict, DomainError
from almoner.kernel.idempotency import check_key
from almoner.orders.models import Prescription, PrescriptionLine
from almoner.orders.operations import find_order, subject_of
from almoner.payments.operations import release
from almoner.service_points.pharmacy.models import Dispensing, StockMovement
from almoner.service_points.pharmacy.operations.picking import Wanted, pick_batches
from almoner.service_points.pharmacy.operations.shared import (
    PERMISSION_DISPENSE,
    STEP,
    keep_paid,
    substitutions_in_force,
    undelivered_charges,
)
from almoner.service_points.pharmacy.operations.stock import move
from almoner.service_points.pharmacy.rules import plain


@guarded(STEP, subject_of(Prescription))
def dispense(
    hospital_id: UUID,
    prescription_id: UUID,
    *,
    idempotency_key: str,
    actor: Actor,
    at: datetime,
    quantities: Mapping[int, Decimal] | None = None,
    batches: Mapping[int, UUID] | None = None,
) -> list[Dispensing]:
    """Hand out what is left of a prescription, or the ``quantities`` named by line number.

    What is kept in stock comes from the batch that expires first, or from the one of ``batches`` (by line
    number). A part parts the charge: the quantity handed out is delivered, the rest stays charged and
    undelivered. What was paid stays with both. Raises ``DomainError`` for a line or quantity that is not left,
    ``Conflict`` when the stock does not have it.
    """
    actor.require(PERMISSION_DISPENSE)
    check_key(idempotency_key)
    prescription = find_order(Prescription, prescription_id)
    lines = list(
        PrescriptionLine.objects.select_related("service").filter(prescription=prescription).order_by("line")
    )
    left = {line.line: line.quantity - dispensed(line) for line in lines}
    quantities = (
        quantities if quantities is not None else {line: rest for line, rest in left.items() if rest > 0}
    )
    _check_wanted(quantities, left, batches or {})
    wanted = [line for line in lines if line.line in quantities]
    substitutions = substitutions_in_force(wanted)
    services = {
        line.id: substitutions[line.id].service if line.id in substitutions else line.service
        for line in wanted
    }
    picked = pick_batches(
        hospital_id,
        [
            Wanted(line.line, services[line.id], quantities[line.line], (batches or {}).get(line.line))
            for line in wanted
        ],
        at=at,
    )
    handed_out, items = [], [item.id for item in undelivered_charges(prescription_id, 0)]
    for line in wanted:
        items += _part(
            hospital_id, line, services[line.id].id, quantities[line.line], idempotency_key, actor, at
        )
        dispensing = Dispensing.objects.create(
            hospital_id=hospital_id,
            prescription_line=line,
            substitution=substitutions.get(line.id),
            quantity=quantities[line.line],
            dispensed_at=at,
            dispensed_by=actor.name,
        )
        for part in picked[line.line]:
            move(
                hospital_id,
                part.batch_id,
                StockMovement.Kind.DISPENSED,
                -part.quantity,
                source_id=dispensing.id,
                actor=actor,
                at=at,
            )
        handed_out.append(dispensing)
    event = Event(
        kind="medication.dispensed",
        idempotency_key=idempotency_key,
        encounter_id=prescription.encounter_id,
        order_id=prescription_id,
        body={"charge_item_ids": [str(item) for item in items]},
    )
    capture(hospital_id, event, actor=actor, at=at)
    return handed_out


def dispensed(line: PrescriptionLine) -> Decimal:
    """How much of a line was handed out; what came back is not to be had again."""
    total = Dispensing.objects.filter(prescription_line=line).aggregate(total=Sum("quantity"))["total"]
    return total or Decimal(0)


def _check_wanted(
    wanted: Mapping[int, Decimal], left: Mapping[int, Decimal], batches: Mapping[int, UUID]
) -> None:
    if not wanted:
        raise Conflict(
            _("Everything was dispensed already."), field="prescription_id", code="already_dispensed"
        )
    for line, quantity in wanted.items():
        check_quantity(quantity, f"quantities[{line}]")
        if quantity > left.get(line, Decimal(0)):
            raise DomainError(
                _("Line %(line)s has %(left)s left to dispense.")
                % {"line": line, "left": plain(left.get(line, Decimal(0)))},
                field=f"quantities[{line}]",
                code="quantity_not_left",
            )
    for line in batches:
        if line not in wanted:
            raise DomainError(
                _("A batch is named for line %(line)s, of which nothing is handed out.") % {"line": line},
                field=f"batches[{line}]",
                code="batch_without_quantity",
            )


def _part(
    hospital_id: UUID,
    line: PrescriptionLine,
    service_id: UUID,
    quantity: Decimal,
    idempotency_key: str,
    actor: Actor,
    at: datetime,
) -> list[UUID]:
    """The charges that handing out ``quantity`` of ``line`` delivers, parted where it is not all of them."""
    items, rest = [], quantity
    for item in undelivered_charges(line.prescription_id, line.line):
        if item.service_id != service_id or item.status == "unpriced":
            items.append(item.id)
            continue
        if not rest:
            continue
        if item.quantity <= rest:
            items.append(item.id)
            rest -= item.quantity
            continue
        paid = release(hospital_id, item.id, actor=actor, at=at)
        first, second = split(item.id, quantity=rest, actor=actor, at=at, source_id=line.prescription_id)
        keep_paid(hospital_id, paid, [first, second], idempotency_key=idempotency_key, actor=actor, at=at)
        items.append(first.id)
        rest = Decimal(0)
    return items
