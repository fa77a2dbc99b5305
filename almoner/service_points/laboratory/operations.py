"""Laboratory, phase 2 (section 1.3): processing and results, once the order is released."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from almoner.charging.operations import capture
from almoner.charging.rules import Event
from almoner.enforcement.gate import guarded
from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict, DomainError, NotFound
from almoner.kernel.tenancy import transaction
from almoner.orders.models import TestOrder, TestOrderLine
from almoner.orders.operations import find_order, subject_of
from almoner.service_points.laboratory.models import Processing, ReferenceRange, TestResult

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
        usual = _reference_range(line.service_id)
        return TestResult.objects.create(
            hospital_id=hospital_id,
            order_line=line,
            value=value.strip(),
            unit=unit,
            low=usual.low if usual else None,
            high=usual.high if usual else None,
            entered_at=at,
            entered_by=actor.name,
        )


@dataclass(frozen=True, slots=True)
class Reading:
    """A value and its unit, as read off or typed."""

    value: str
    unit: str = ""


def enter_results(
    hospital_id: UUID, order_id: UUID, *, readings: Mapping[UUID, Reading], actor: Actor, at: datetime
) -> list[TestResult]:
    """Write down results of an order by the ids of its lines; what stands there already is not written again.

    Raises ``NotFound`` for a line that is not of this order, otherwise as ``enter_result``.
    """
    actor.require(PERMISSION_PROCESS)
    with transaction(hospital_id):
        order = find_order(TestOrder, order_id)
        lines = set(TestOrderLine.objects.filter(order=order).values_list("id", flat=True))
        latest: dict[UUID, Reading] = {}
        for row in TestResult.objects.filter(order_line__in=lines).order_by("entered_at", "id"):
            latest[row.order_line_id] = Reading(row.value, row.unit)
        entered = []
        for line_id, reading in readings.items():
            if line_id not in lines:
                raise NotFound("There is no such test.", field="order_line_id", code="unknown_order_line")
            if latest.get(line_id) == Reading(reading.value.strip(), reading.unit):
                continue
            entered.append(
                enter_result(hospital_id, line_id, value=reading.value, unit=reading.unit, actor=actor, at=at)
            )
        return entered


def set_reference_range(
    hospital_id: UUID,
    order_line_id: UUID,
    *,
    low: Decimal | None,
    high: Decimal | None,
    unit: str = "",
    actor: Actor,
    at: datetime,
) -> ReferenceRange:
    """Say which values are usual for the test of ``order_line_id``, for results entered from now on.

    The same range again is not written again. Raises ``Conflict`` while the order is not being processed.
    """
    actor.require(PERMISSION_PROCESS)
    if low is None and high is None:
        raise DomainError("A range has a lower or an upper bound.", field="low", code="no_bound")
    if low is not None and high is not None and low > high:
        raise DomainError("Expected at least the lower bound.", field="high", code="bounds_crossed")
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
        usual = _reference_range(line.service_id)
        if usual is not None and (usual.low, usual.high, usual.unit) == (low, high, unit):
            return usual
        return ReferenceRange.objects.create(
            hospital_id=hospital_id,
            service_id=line.service_id,
            unit=unit,
            low=low,
            high=high,
            set_at=at,
            set_by=actor.name,
        )


def _reference_range(service_id: UUID) -> ReferenceRange | None:
    return ReferenceRange.objects.filter(service=service_id).order_by("-set_at", "-id").first()
