"""What laboratory staff may see. Before release that is patient, order number and amount due.

Details are withheld here, in what a caller is handed, so that no page, API, export or log can show them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db.models import Case, Exists, IntegerField, OuterRef, QuerySet, Value, When
from django.db.models.expressions import Combinable

from almoner.enforcement.concealment import hides_details
from almoner.enforcement.facts import Subject, read_many_facts
from almoner.enforcement.rules import Decision, decide
from almoner.kernel.errors import NotFound
from almoner.kernel.tenancy import transaction
from almoner.orders.models import Priority, TestOrder, TestOrderLine
from almoner.service_points.laboratory.models import Processing, ReferenceRange, TestResult
from almoner.service_points.laboratory.rules import Flag, flag

STEP = "laboratory.process"


@dataclass(frozen=True, slots=True)
class Test:
    """One test of a released order, with its latest result.

    ``low`` and ``high`` are the range of the result, or the one that is valid now while there is none.
    """

    order_line_id: UUID
    code: str
    name: str
    result: str = ""
    unit: str = ""
    low: Decimal | None = None
    high: Decimal | None = None
    entered_at: datetime | None = None
    entered_by: str = ""

    @property
    def flag(self) -> Flag:
        return flag(self.result, self.low, self.high)


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
    mrn: str = ""
    ordered_by: str = ""
    processed_at: datetime | None = None

    @property
    def is_complete(self) -> bool:
        """Whether every test has its result."""
        return self.is_processed and bool(self.tests) and all(test.result for test in self.tests)

    @property
    def title(self) -> str:
        """The line of the work list, as section 1.3 prints it."""
        if self.details_hidden:
            return f"{self.patient_name} - Lab Order {self.number} - {self.decision.reason}"
        return f"{self.patient_name} - {', '.join(test.name for test in self.tests)}"


_URGENCY = Case(
    When(priority=Priority.STAT, then=Value(0)),
    When(priority=Priority.URGENT, then=Value(1)),
    default=Value(2),
    output_field=IntegerField(),
)


def work_list(hospital_id: UUID, *, at: datetime, limit: int = 200) -> list[LaboratoryOrder]:
    """Open test orders, the most urgent and oldest first, each as the laboratory may see it now."""
    with transaction(hospital_id):
        waiting = (
            TestOrder.objects.select_related("patient")
            .filter(cancelled_at=None)
            .exclude(id__in=Processing.objects.values("order_id"))
            .order_by(_URGENCY, "ordered_at")[:limit]
        )
        return _as_seen(hospital_id, list(waiting), at)


def work_list_with_started(hospital_id: UUID, *, at: datetime, limit: int = 200) -> list[LaboratoryOrder]:
    """``work_list``, then up to ``limit`` orders in work that lack a result, those longest in work first."""
    with transaction(hospital_id):
        waiting = (
            TestOrder.objects.select_related("patient")
            .filter(cancelled_at=None)
            .exclude(id__in=Processing.objects.values("order_id"))
            .order_by(_URGENCY, "ordered_at")[:limit]
        )
        started = _processed(Exists(_lines_without_result()), "started_at", limit)
        return _as_seen(hospital_id, [*waiting, *started], at)


def done_list(hospital_id: UUID, *, at: datetime, limit: int = 60) -> list[LaboratoryOrder]:
    """Orders with every result, those taken into work last first."""
    with transaction(hospital_id):
        return _as_seen(hospital_id, _processed(~Exists(_lines_without_result()), "-started_at", limit), at)


def _lines_without_result() -> QuerySet[TestOrderLine]:
    has_result = TestResult.objects.filter(order_line=OuterRef("id"), hospital_id=OuterRef("hospital_id"))
    return TestOrderLine.objects.filter(
        ~Exists(has_result), order=OuterRef("order_id"), hospital_id=OuterRef("hospital_id")
    )


def _processed(condition: Combinable, order_by: str, limit: int) -> list[TestOrder]:
    rows = (
        Processing.objects.select_related("order__patient")
        .filter(condition, order__cancelled_at=None)
        .order_by(order_by, "id")
    )
    return [row.order for row in rows[:limit]]


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
    processed = dict(Processing.objects.filter(order__in=orders).values_list("order_id", "started_at"))
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
            mrn=order.patient.mrn,
            ordered_by=order.ordered_by,
            processed_at=processed.get(order.id),
        )
        for order in orders
    ]


def _tests(order_ids: list[UUID]) -> dict[UUID, tuple[Test, ...]]:
    found: dict[UUID, tuple[Test, ...]] = dict.fromkeys(order_ids, ())
    if not order_ids:
        return found
    results: dict[UUID, TestResult] = {}
    for result in TestResult.objects.filter(order_line__order__in=order_ids).order_by("entered_at", "id"):
        results[result.order_line_id] = result
    lines = list(
        TestOrderLine.objects.select_related("service")
        .filter(order__in=order_ids)
        .order_by("order_id", "line")
    )
    ranges = _ranges([line.service_id for line in lines])
    for line in lines:
        found[line.order_id] = (
            *found[line.order_id],
            _test(line, results.get(line.id), ranges.get(line.service_id)),
        )
    return found


def _ranges(service_ids: list[UUID]) -> dict[UUID, ReferenceRange]:
    """The range of each service that is valid now."""
    rows = ReferenceRange.objects.filter(service__in=set(service_ids)).order_by("set_at", "id")
    return {row.service_id: row for row in rows}


def _test(line: TestOrderLine, result: TestResult | None, usual: ReferenceRange | None) -> Test:
    said = result or usual
    return Test(
        order_line_id=line.id,
        code=line.service.code,
        name=line.service.name,
        result=result.value if result else "",
        unit=said.unit if said else "",
        low=said.low if said else None,
        high=said.high if said else None,
        entered_at=result.entered_at if result else None,
        entered_by=result.entered_by if result else "",
    )
