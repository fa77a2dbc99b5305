"""Laboratory, phase 2 (section 1.3): processing and results, once the order is released."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from almoner.charging.operations import capture
from almoner.charging.rules import Event
from almoner.enforcement.gate import guarded
from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict, DomainError, NotFound
from almoner.kernel.tenancy import transaction
from almoner.orders.models import TestOrder, TestOrderLine
from almoner.orders.operations import find_order, subject_of
from almoner.service_points.laboratory.models import Processing, TestResult

PERMISSION_PROCESS = "laboratory.process"


@guarded("laboratory.process", subject_of(TestOrder))
def process(hospital_id: UUID, order_id: UUID, *, actor: Actor, at: datetime) -> Processing:
    """Take the samples of an order into work; its charges are delivered. Repeating returns the first."""
    actor.require(PERMISSION_PROCESS)
    order = find_order(TestOrder, order_id)
    processing, _ = Processing.objects.get_or_create(
        order=order, defaults={"hospital_id": hospital_id, "started_at": at, "started_by": actor.name}
    )
    capture(
        hospital_id,
        Event(
            kind="lab_test.processed",
            idempotency_key=f"lab_test.processed:{order_id}",
            encounter_id=order.encounter_id,
            order_id=order_id,
        ),
        actor=actor,
        at=at,
    )
    return processing


def enter_result(
    hospital_id: UUID, order_line_id: UUID, *, value: str, unit: str = "", actor: Actor, at: datetime
) -> TestResult:
    """Write down the result of one test. Raises ``Conflict`` while its order is not being processed."""
    actor.require(PERMISSION_PROCESS)
    if not value.strip() or len(value) > 200:
        raise DomainError("A result has 1 to 200 characters.", field="value", code="invalid_result")
    with transaction(hospital_id):
        line = TestOrderLine.objects.filter(id=order_line_id).first()
        if line is None:
            raise NotFound("There is no such test.", field="order_line_id", code="unknown_order_line")
        if not Processing.objects.filter(order=line.order_id).exists():
            raise Conflict(
                "The order is not being processed: start that first.",
                field="order_line_id",
                code="not_processed",
            )
        return TestResult.objects.create(
            hospital_id=hospital_id,
            order_line=line,
            value=value.strip(),
            unit=unit,
            entered_at=at,
            entered_by=actor.name,
        )
