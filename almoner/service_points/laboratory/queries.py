"""What laboratory staff may see. Before release that is patient, order number and amount due.

Details are withheld here, in what a caller is handed, so that no page, API, export or log can show them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from almoner.enforcement.concealment import hides_details
from almoner.enforcement.facts import Subject, read_many_facts
from almoner.enforcement.rules import Decision, decide
from almoner.kernel.errors import NotFound
from almoner.kernel.tenancy import transaction
from almoner.orders.models import TestOrder, TestOrderLine
from almoner.service_points.laboratory.models import Processing, TestResult

STEP = "laboratory.process"


@dataclass(frozen=True, slots=True)
class Test:
    """One test of a released order, with its latest result."""

    order_line_id: UUID
    code: str
    name: str
    result: str = ""
    unit: str = ""


@dataclass(frozen=True, slots=True)
class LaboratoryOrder:
    """An order as the laboratory may see it. ``tests`` is empty while ``details_hidden``."""

    order_id: UUID
    number: str
    patient_id: UUID
    patient_name: str
    encounter_id: UUID
    priority: str
    ordered_at: datetime
    decision: Decision
    details_hidden: bool
    is_processed: bool
    tests: tuple[Test, ...]

    @property
    def title(self) -> str:
        """The line of the work list, as section 1.3 prints it."""
        if self.details_hidden:
            return f"{self.patient_name} - Lab Order {self.number} - {self.decision.reason}"
        return f"{self.patient_name} - {', '.join(test.name for test in self.tests)}"


def work_list(hospital_id: UUID, *, at: datetime, limit: int = 200) -> list[LaboratoryOrder]:
    """Open test orders, the most urgent and oldest first, each as the laboratory may see it now."""
    with transaction(hospital_id):
        waiting = (
            TestOrder.objects.select_related("patient")
            .filter(cancelled_at=None)
            .exclude(id__in=Processing.objects.values("order_id"))
            .order_by("-priority", "ordered_at")[:limit]
        )
        return _as_seen(hospital_id, list(waiting), at)


def laboratory_order(hospital_id: UUID, order_id: UUID, *, at: datetime) -> LaboratoryOrder:
    """One order as the laboratory may see it now. Raises ``NotFound``."""
    with transaction(hospital_id):
        order = TestOrder.objects.select_related("patient").filter(id=order_id).first()
        if order is None:
            raise NotFound("There is no such order at this hospital.", field="order_id", code="unknown_order")
        return _as_seen(hospital_id, [order], at)[0]


def _as_seen(hospital_id: UUID, orders: list[TestOrder], at: datetime) -> list[LaboratoryOrder]:
    asked = [(STEP, Subject(order.encounter_id, order.id)) for order in orders]
    reads = zip(orders, read_many_facts(hospital_id, asked, at), strict=True)
    facts = {order.id: read for order, read in reads if read is not None}
    decisions = {order_id: decide(read.policies, read.facts, at) for order_id, read in facts.items()}
    processed = set(Processing.objects.filter(order__in=orders).values_list("order_id", flat=True))
    open_ids = [
        order.id
        for order in orders
        if order.id in processed or decisions[order.id].may_proceed or not hides_details(facts[order.id])
    ]
    tests = _tests(open_ids)
    return [
        LaboratoryOrder(
            order_id=order.id,
            number=order.number,
            patient_id=order.patient_id,
            patient_name=order.patient.name,
            encounter_id=order.encounter_id,
            priority=order.priority,
            ordered_at=order.ordered_at,
            decision=decisions[order.id],
            details_hidden=order.id not in tests,
            is_processed=order.id in processed,
            tests=tests.get(order.id, ()),
        )
        for order in orders
    ]


def _tests(order_ids: list[UUID]) -> dict[UUID, tuple[Test, ...]]:
    results: dict[UUID, TestResult] = {}
    for result in TestResult.objects.filter(order_line__order__in=order_ids).order_by("entered_at"):
        results[result.order_line_id] = result
    found: dict[UUID, tuple[Test, ...]] = dict.fromkeys(order_ids, ())
    lines = TestOrderLine.objects.select_related("service").filter(order__in=order_ids)
    for line in lines.order_by("order_id", "line"):
        latest = results.get(line.id)
        test = Test(
            order_line_id=line.id,
            code=line.service.code,
            name=line.service.name,
            result=latest.value if latest else "",
            unit=latest.unit if latest else "",
        )
        found[line.order_id] = (*found[line.order_id], test)
    return found
