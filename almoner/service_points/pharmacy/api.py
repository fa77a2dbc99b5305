"""/pharmacy: dispensing."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from django.http import HttpResponse
from ninja import Router
from pydantic import Field

from almoner.enforcement.wire import Passed, passed, stored_decision_resource
from almoner.hospitals.callers import ApiRequest, needs
from almoner.kernel.errors import DomainError
from almoner.kernel.tenancy import transaction
from almoner.kernel.wire import DecimalText, IdempotencyKey, Input, Quantity, Resource, answer
from almoner.service_points.pharmacy import operations
from almoner.service_points.pharmacy.models import Dispensing
from almoner.service_points.pharmacy.queries import dispensed_under

router = Router(tags=["Pharmacy"])


class QuantityOfLine(Input):
    """How much of a line of the prescription (1 is its first) to hand out."""

    line: Annotated[int, Field(strict=True, ge=1, le=100)]
    quantity: Quantity


class NewDispensing(Input):
    """What to hand out; without ``quantities`` all that is left."""

    quantities: Annotated[list[QuantityOfLine], Field(min_length=1, max_length=100)] | None = None


class DispensingResource(Resource):
    id: UUID
    prescription_line_id: UUID
    line: int
    quantity: DecimalText
    dispensed_at: datetime
    dispensed_by: str


class DispensedResource(Resource):
    """What was handed out."""

    dispensings: list[DispensingResource]


class DispensedPassed(Passed[DispensedResource]):
    """The gate's decision, and what was handed out unless it was held."""


def _dispensed(rows: list[Dispensing]) -> DispensedResource:
    return DispensedResource(
        dispensings=[
            DispensingResource(
                id=row.id,
                prescription_line_id=row.prescription_line_id,
                line=row.prescription_line.line,
                quantity=row.quantity,
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

    A part delivers what it costs; the rest stays charged and undelivered.
    """
    caller = request.auth
    quantities = None
    if body.quantities is not None:
        quantities = {part.line: part.quantity for part in body.quantities}
        if len(quantities) != len(body.quantities):
            raise DomainError("A line is named twice.", field="quantities", code="duplicate_line")
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
            idempotency_key=idempotency_key,
            actor=caller.actor,
            at=caller.at,
        )
        return answer(passed(DispensedPassed, passage, _dispensed, caller.actor))
