"""Taking an order into work, once it is released (section 1.3, phase 2)."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from almoner.charging.operations import capture
from almoner.charging.rules import Event
from almoner.enforcement.gate import guarded
from almoner.kernel.actor import Actor
from almoner.orders.findings import mark_started
from almoner.orders.models import TestOrder
from almoner.orders.operations import find_order, subject_of
from almoner.service_points.laboratory.models import Processing
from almoner.service_points.laboratory.operations.shared import PERMISSION_PROCESS


@guarded("laboratory.process", subject_of(TestOrder))
def process(hospital_id: UUID, order_id: UUID, *, actor: Actor, at: datetime) -> Processing:
    """Take the samples of an order into work; its charges are delivered. Repeating returns the first."""
    actor.require(PERMISSION_PROCESS)
    order = find_order(TestOrder, order_id)
    processing, _ = Processing.objects.get_or_create(
        order=order, defaults={"hospital_id": hospital_id, "started_at": at, "started_by": actor.name}
    )
    mark_started(order, processing.started_at)
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
