"""/pharmacy: dispensing, substitution, returns; and the stock."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from django.http import HttpResponse
from django.utils.translation import gettext as _
from ninja import Query, Router
from pydantic import Field, StrictBool

from almoner.enforcement.wire import Passed, passed, stored_decision_resource
from almoner.hospitals.callers import ApiRequest, needs
from almoner.kernel.errors import DomainError
from almoner.kernel.tenancy import transaction
from almoner.kernel.wire import (
    Code,
    Day,
    DecimalText,
    IdempotencyKey,
    Input,
    Quantity,
    Reason,
    Resource,
    Text,
    answer,
)
from almoner.service_points.pharmacy import operations
from almoner.service_points.pharmacy.models import Dispensing, StockMovement
from almoner.service_points.pharmacy.operations.shared import hospital_today
from almoner.service_points.pharmacy.queries import OutOfBatch, batches_of, dispensed_under
from almoner.service_points.pharmacy.stock_queries import StockLine, stock_file, stock_list

router = Router(tags=["Pharmacy"])


class QuantityOfLine(Input):
    """How much of a line of the prescription (1 is its first) to hand out, and from which batch.

    Without ``batch_id`` what is kept in stock comes from the batch that expires first.
    """

    line: Annotated[int, Field(strict=True, ge=1, le=100)]
    quantity: Quantity
    batch_id: UUID | None = None


class NewDispensing(Input):
    """What to hand out; without ``quantities`` all that is left."""

    quantities: Annotated[list[QuantityOfLine], Field(min_length=1, max_length=100)] | None = None


class DispensedBatchResource(Resource):
    """How much of a batch was handed out."""

    batch_id: UUID
    number: str
    expires_on: date
    quantity: DecimalText


class DispensingResource(Resource):
    """What was handed out for a line: ``service`` is the medication, ``batches`` are empty without stock."""

    id: UUID
    prescription_line_id: UUID
    line: int
    service: str
    quantity: DecimalText
    batches: list[DispensedBatchResource]
    dispensed_at: datetime
    dispensed_by: str


class DispensedResource(Resource):
    """What was handed out."""

    dispensings: list[DispensingResource]


class DispensedPassed(Passed[DispensedResource]):
    """The gate's decision, and what was handed out unless it was held."""


class NewSubstitution(Input):
    """Another medication for what is left of a line, by the code of its service; who consented, where asked."""

    line: Annotated[int, Field(strict=True, ge=1, le=100)]
    service: Code
    reason: Reason
    consented_by: Text = ""


class SubstitutionResource(Resource):
    id: UUID
    prescription_line_id: UUID
    service: str
    reason: str
    consented_by: str
    substituted_at: datetime
    substituted_by: str


class NewReturn(Input):
    """What comes back of a dispensing; ``batch_id`` when it was handed out from several batches."""

    quantity: Quantity
    is_sealed: StrictBool
    reason: Reason
    batch_id: UUID | None = None


class ReturnResource(Resource):
    """What came back, and the minor units credited for it in the hospital's currency."""

    id: UUID
    dispensing_id: UUID
    batch_id: UUID | None
    quantity: DecimalText
    is_sealed: bool
    reason: str
    credited_minor: int
    currency: str
    returned_at: datetime
    returned_by: str


class NewReceipt(Input):
    """A delivery of one batch to the store of a department; ``reference`` is the supplier's."""

    store: Code
    service: Code
    batch_number: Annotated[str, Field(min_length=1, max_length=60)]
    expires_on: Day
    quantity: Quantity
    reference: Annotated[str, Field(max_length=100, pattern=r"^[^\x00]*$")] = ""


class NewAdjustment(Input):
    """``added``, ``removed`` (found or missing) or ``disposed`` (expired, broken): so much of a batch."""

    action: Literal["added", "removed", "disposed"]
    quantity: Quantity
    reason: Reason


class MovementResource(Resource):
    """What changed the stock of a batch, and by how much (below zero: it went out)."""

    id: UUID
    batch_id: UUID
    kind: str
    quantity: DecimalText
    reason: str
    reference: str
    moved_at: datetime
    moved_by: str


class StockItemResource(Resource):
    """A medication in a store. ``usable`` may be handed out, ``expired`` not; ``is_low``: at or below minimum."""

    id: UUID
    store: str
    service: str
    name: str
    minimum: DecimalText
    usable: DecimalText
    expired: DecimalText
    expires_first: date | None
    is_low: bool


class BatchResource(Resource):
    id: UUID
    number: str
    expires_on: date
    on_hand: DecimalText


class StockFileResource(StockItemResource):
    """A stock item with its batches, those that expire first first."""

    batches: list[BatchResource]


class StockResource(Resource):
    """What the stores keep, by name."""

    items: list[StockItemResource]


def _batches(parts: tuple[OutOfBatch, ...]) -> list[DispensedBatchResource]:
    return [
        DispensedBatchResource(
            batch_id=part.batch_id, number=part.number, expires_on=part.expires_on, quantity=part.quantity
        )
        for part in parts
    ]


def _dispensed(rows: list[Dispensing]) -> DispensedResource:
    batches: Mapping[UUID, tuple[OutOfBatch, ...]] = batches_of(row.id for row in rows)
    return DispensedResource(
        dispensings=[
            DispensingResource(
                id=row.id,
                prescription_line_id=row.prescription_line_id,
                line=row.prescription_line.line,
                service=row.service.code,
                quantity=row.quantity,
                batches=_batches(batches.get(row.id, ())),
                dispensed_at=row.dispensed_at,
                dispensed_by=row.dispensed_by,
            )
            for row in rows
        ]
    )


@router.post(
    "/prescriptions/{prescription_id}/dispensings",
    auth=needs(operations.PERMISSION_DISPENSE),
    response={200: DispensedPassed},
)
def dispense(
    request: ApiRequest, prescription_id: UUID, body: NewDispensing, idempotency_key: IdempotencyKey
) -> HttpResponse:
    """Hand out a prescription, in whole or in part, if the gate lets it. Held is an answer: try again later.

    A part delivers what it costs; the rest stays charged and undelivered. What is kept in stock comes from the
    batch that expires first; too little of it is refused with 409, and nothing was handed out.
    """
    caller = request.auth
    quantities = batches = None
    if body.quantities is not None:
        quantities = {part.line: part.quantity for part in body.quantities}
        batches = {part.line: part.batch_id for part in body.quantities if part.batch_id is not None}
        if len(quantities) != len(body.quantities):
            raise DomainError(_("A line is named twice."), field="quantities", code="duplicate_line")
    with transaction(caller.hospital_id):
        before = dispensed_under(
            caller.hospital_id, prescription_id, idempotency_key=idempotency_key, quantities=quantities
        )
        if before is not None:
            decision, rows = before
            resource = DispensedPassed(
                decision=stored_decision_resource(decision, caller.actor), result=_dispensed(rows)
            )
            return answer(resource, replayed=True)
        passage = operations.dispense(
            caller.hospital_id,
            prescription_id,
            quantities=quantities,
            batches=batches,
            idempotency_key=idempotency_key,
            actor=caller.actor,
            at=caller.at,
        )
        return answer(passed(DispensedPassed, passage, _dispensed, caller.actor))


@router.post(
    "/prescriptions/{prescription_id}/substitutions",
    auth=needs(operations.PERMISSION_DISPENSE),
    response={201: SubstitutionResource},
)
def substitute_medication(
    request: ApiRequest, prescription_id: UUID, body: NewSubstitution, idempotency_key: IdempotencyKey
) -> HttpResponse:
    """Hand out another medication for what is left of a line, charged at its price of the prescription's day."""
    caller = request.auth
    with transaction(caller.hospital_id):
        made = operations.substitute(
            caller.hospital_id,
            prescription_id,
            line=body.line,
            service=body.service,
            reason=body.reason,
            consented_by=body.consented_by,
            idempotency_key=idempotency_key,
            actor=caller.actor,
            at=caller.at,
        )
        resource = SubstitutionResource(
            id=made.id,
            prescription_line_id=made.prescription_line_id,
            service=made.service.code,
            reason=made.reason,
            consented_by=made.consented_by,
            substituted_at=made.substituted_at,
            substituted_by=made.substituted_by,
        )
        return answer(resource, 201, replayed=made.substituted_at != caller.at)


@router.post(
    "/dispensings/{dispensing_id}/returns",
    auth=needs(operations.PERMISSION_TAKE_BACK),
    response={201: ReturnResource},
)
def return_medication(
    request: ApiRequest, dispensing_id: UUID, body: NewReturn, idempotency_key: IdempotencyKey
) -> HttpResponse:
    """Take back at most what was handed out, credited at its original price; what was paid becomes a deposit.

    Sealed, it goes back into its batch unless that has expired; otherwise it is disposed of.
    """
    caller = request.auth
    with transaction(caller.hospital_id):
        made = operations.take_back(
            caller.hospital_id,
            dispensing_id,
            quantity=body.quantity,
            is_sealed=body.is_sealed,
            reason=body.reason,
            batch_id=body.batch_id,
            idempotency_key=idempotency_key,
            actor=caller.actor,
            at=caller.at,
        )
        resource = ReturnResource(
            id=made.id,
            dispensing_id=made.dispensing_id,
            batch_id=made.batch_id,
            quantity=made.quantity,
            is_sealed=made.is_sealed,
            reason=made.reason,
            credited_minor=made.credited_minor,
            currency=caller.currency,
            returned_at=made.returned_at,
            returned_by=made.returned_by,
        )
        return answer(resource, 201, replayed=made.returned_at != caller.at)


def _movement(moved: StockMovement, at: datetime) -> HttpResponse:
    resource = MovementResource(
        id=moved.id,
        batch_id=moved.batch_id,
        kind=str(moved.kind),
        quantity=moved.quantity,
        reason=moved.reason,
        reference=moved.reference,
        moved_at=moved.moved_at,
        moved_by=moved.moved_by,
    )
    return answer(resource, 201, replayed=moved.moved_at != at)


@router.post("/stock/receipts", auth=needs(operations.PERMISSION_STOCK), response={201: MovementResource})
def receive_stock(request: ApiRequest, body: NewReceipt, idempotency_key: IdempotencyKey) -> HttpResponse:
    """Take a batch into stock. A medication received for the first time is kept in stock from then on."""
    caller = request.auth
    with transaction(caller.hospital_id):
        moved = operations.receive(
            caller.hospital_id,
            store=body.store,
            service=body.service,
            batch_number=body.batch_number,
            expires_on=body.expires_on,
            quantity=body.quantity,
            reference=body.reference,
            idempotency_key=idempotency_key,
            actor=caller.actor,
            at=caller.at,
        )
        return _movement(moved, caller.at)


@router.post(
    "/stock/batches/{batch_id}/adjustments",
    auth=needs(operations.PERMISSION_STOCK),
    response={201: MovementResource},
)
def adjust_stock(
    request: ApiRequest, batch_id: UUID, body: NewAdjustment, idempotency_key: IdempotencyKey
) -> HttpResponse:
    """Add to a batch, take from it, or dispose of a part of it, for a reason. Never below zero."""
    caller = request.auth
    change = operations.dispose if body.action == "disposed" else operations.adjust
    with transaction(caller.hospital_id):
        moved = change(
            caller.hospital_id,
            batch_id,
            quantity=-body.quantity if body.action == "removed" else body.quantity,
            reason=body.reason,
            idempotency_key=idempotency_key,
            actor=caller.actor,
            at=caller.at,
        )
        return _movement(moved, caller.at)


def _stock_item(line: StockLine) -> dict[str, object]:
    return {
        "id": line.item_id,
        "store": line.store_code,
        "service": line.service_code,
        "name": line.service,
        "minimum": line.minimum,
        "usable": line.usable,
        "expired": line.expired,
        "expires_first": line.expires_first,
        "is_low": line.is_low,
    }


@router.get("/stock", auth=needs(operations.PERMISSION_STOCK), response=StockResource)
def list_stock(
    request: ApiRequest, search: Annotated[str, Query("", max_length=100, pattern=r"^[^\x00]*$")]
) -> HttpResponse:
    """What the stores keep, by name; ``search`` looks in names, codes and batch numbers. At most 300."""
    caller = request.auth
    with transaction(caller.hospital_id):
        today = hospital_today(caller.hospital_id, caller.at)
        lines = stock_list(today=today, words=search.strip())
        return answer(
            StockResource(items=[StockItemResource.model_validate(_stock_item(line)) for line in lines])
        )


@router.get("/stock/{item_id}", auth=needs(operations.PERMISSION_STOCK), response=StockFileResource)
def get_stock_item(request: ApiRequest, item_id: UUID) -> HttpResponse:
    """One stock item with its batches."""
    caller = request.auth
    with transaction(caller.hospital_id):
        found = stock_file(item_id, today=hospital_today(caller.hospital_id, caller.at))
        batches = [
            BatchResource(id=row.id, number=row.number, expires_on=row.expires_on, on_hand=row.on_hand)
            for row in found.batches
        ]
        return answer(StockFileResource.model_validate({**_stock_item(found.line), "batches": batches}))
