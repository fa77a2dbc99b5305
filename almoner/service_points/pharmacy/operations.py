"""Dispensing (section 1.4): what was charged when prescribed is delivered, in whole or in part."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db.models import Sum

from almoner.charging.models import ChargeItem
from almoner.charging.operations import capture, split
from almoner.charging.rules import Event, check_quantity
from almoner.enforcement.gate import guarded
from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict, DomainError
from almoner.kernel.idempotency import check_key
from almoner.orders.models import Prescription, PrescriptionLine
from almoner.orders.operations import find_order, subject_of
from almoner.payments.operations import PERMISSION_RECORD, apply_deposits, release
from almoner.service_points.pharmacy.models import Dispensing

PERMISSION_DISPENSE = "pharmacy.dispense"
STEP = "pharmacy.dispense"


@guarded(STEP, subject_of(Prescription))
def dispense(
    hospital_id: UUID,
    prescription_id: UUID,
    *,
    idempotency_key: str,
    actor: Actor,
    at: datetime,
    quantities: Mapping[int, Decimal] | None = None,
) -> list[Dispensing]:
    """Hand out what is left of a prescription, or the ``quantities`` named by line number.

    A part parts the charge: the quantity handed out is delivered, the rest stays charged and undelivered.
    What was paid stays with both. Raises ``DomainError`` for a line or quantity that is not left.
    """
    actor.require(PERMISSION_DISPENSE)
    check_key(idempotency_key)
    prescription = find_order(Prescription, prescription_id)
    event = Event(
        kind="medication.dispensed",
        idempotency_key=idempotency_key,
        encounter_id=prescription.encounter_id,
        order_id=prescription_id,
        body={"charge_item_ids": []},
    )
    lines = list(PrescriptionLine.objects.filter(prescription=prescription).order_by("line"))
    left = {line.line: line.quantity - _dispensed(line) for line in lines}
    wanted = quantities if quantities is not None else {line: rest for line, rest in left.items() if rest > 0}
    _check_wanted(wanted, left)
    handed_out, items = [], [item.id for item in _charges(prescription_id, 0)]
    for line in lines:
        quantity = wanted.get(line.line)
        if quantity is None:
            continue
        items += _part(hospital_id, prescription, line, quantity, idempotency_key, actor, at)
        handed_out.append(
            Dispensing.objects.create(
                hospital_id=hospital_id,
                prescription_line=line,
                quantity=quantity,
                dispensed_at=at,
                dispensed_by=actor.name,
            )
        )
    event.body["charge_item_ids"] = [str(item) for item in items]
    capture(hospital_id, event, actor=actor, at=at)
    return handed_out


def _dispensed(line: PrescriptionLine) -> Decimal:
    total = Dispensing.objects.filter(prescription_line=line).aggregate(total=Sum("quantity"))["total"]
    return total or Decimal(0)


def _check_wanted(wanted: Mapping[int, Decimal], left: Mapping[int, Decimal]) -> None:
    if not wanted:
        raise Conflict("Everything was dispensed already.", field="prescription_id", code="already_dispensed")
    for line, quantity in wanted.items():
        check_quantity(quantity, f"quantities[{line}]")
        if quantity > left.get(line, Decimal(0)):
            raise DomainError(
                f"Line {line} has {left.get(line, Decimal(0)).normalize():f} left to dispense.",
                field=f"quantities[{line}]",
                code="quantity_not_left",
            )


def _charges(prescription_id: UUID, line: int) -> list[ChargeItem]:
    """The undelivered charges of a line; line 0 holds those of the prescription as a whole."""
    return list(
        ChargeItem.objects.filter(
            order_id=prescription_id,
            line=line,
            status__in=["billable", "unpriced"],
            delivered_at=None,
            required_at__contains=[STEP],
        ).order_by("captured_at", "id")
    )


def _part(
    hospital_id: UUID,
    prescription: Prescription,
    line: PrescriptionLine,
    quantity: Decimal,
    idempotency_key: str,
    actor: Actor,
    at: datetime,
) -> list[UUID]:
    """The charges that handing out ``quantity`` of ``line`` delivers, parted where it is not all of them."""
    items = []
    for item in _charges(prescription.id, line.line):
        by_quantity = item.service_id == line.service_id
        if not by_quantity or item.quantity <= quantity or item.status == "unpriced":
            items.append(item.id)
            continue
        paid = release(hospital_id, item.id, actor=actor, at=at)
        first, rest = split(item.id, quantity=quantity, actor=actor, at=at, source_id=prescription.id)
        if paid:
            apply_deposits(
                hospital_id,
                item.patient_account_id,
                charge_item_ids=[first.id, rest.id],
                maximum_minor=paid,
                idempotency_key=f"{idempotency_key}:{first.id}",
                actor=actor.also(PERMISSION_RECORD),
                at=at,
                reason="payment kept with a parted charge",
            )
        items.append(first.id)
    return items
