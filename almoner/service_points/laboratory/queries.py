"""What laboratory staff may see. Before release that is patient, order number and amount due.

Details are withheld here, in what a caller is handed, so that no page, API, export or log can show them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _

from almoner.enforcement.concealment import hides_details
from almoner.enforcement.facts import StepFacts, Subject, read_facts, read_many_facts
from almoner.enforcement.queries import ServicePointStatus, status_of
from almoner.enforcement.rules import Decision, decide
from almoner.kernel.actor import Actor
from almoner.kernel.errors import NotFound
from almoner.kernel.tenancy import require_transaction, transaction
from almoner.orders.models import URGENCY, TestOrder
from almoner.service_points.laboratory.bench import Entered, Test, Value, tests_of, with_ranges
from almoner.service_points.laboratory.models import Sample
from almoner.service_points.laboratory.operations.shared import PERMISSION_PROCESS, day_at

STEP = "laboratory.process"
ACCESSION = re.compile(r"S\d{2}-\d{6,}")


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
    completed_at: datetime | None = None

    @property
    def is_complete(self) -> bool:
        """Whether every value is released and nothing about the order is left to do."""
        return self.completed_at is not None

    @property
    def values(self) -> list[Value]:
        """The values of all its tests."""
        return [value for test in self.tests for value in test.values]

    @property
    def to_verify(self) -> list[Entered]:
        """The results that wait for a second person."""
        entered = (value.entered for value in self.values)
        return [one for one in entered if one is not None and not one.is_released]

    @property
    def to_tell(self) -> list[Entered]:
        """The critical results that nobody was told of."""
        entered = (value.entered for value in self.values)
        return [one for one in entered if one is not None and one.is_to_tell]

    @property
    def title(self) -> str:
        """The line of the work list, as section 1.3 prints it."""
        if self.details_hidden:
            return f"{self.patient_name} - Lab Order {self.number} - {self.decision.reason}"
        return f"{self.patient_name} - {', '.join(test.name for test in self.tests)}"


def work_list(hospital_id: UUID, *, at: datetime, limit: int = 200) -> list[LaboratoryOrder]:
    """Open test orders, the most urgent and oldest first, each as the laboratory may see it now."""
    with transaction(hospital_id):
        return _as_seen(hospital_id, list(_waiting(limit)), at)


def work_list_with_started(hospital_id: UUID, *, at: datetime, limit: int = 200) -> list[LaboratoryOrder]:
    """``work_list``, then up to ``limit`` orders in work with something left to do, longest in work first."""
    with transaction(hospital_id):
        started = TestOrder.objects.filter(
            cancelled_at=None, started_at__isnull=False, completed_at=None
        ).order_by("started_at")
        return _as_seen(hospital_id, [*_waiting(limit), *started.select_related("patient")[:limit]], at)


def done_list(hospital_id: UUID, *, at: datetime, limit: int = 40) -> list[LaboratoryOrder]:
    """Orders about which nothing is left to do, those completed last first."""
    with transaction(hospital_id):
        done = TestOrder.objects.filter(completed_at__isnull=False).order_by("-completed_at")
        return _as_seen(hospital_id, list(done.select_related("patient")[:limit]), at)


def _waiting(limit: int) -> QuerySet[TestOrder]:
    waiting = TestOrder.objects.filter(cancelled_at=None, started_at=None)
    return waiting.select_related("patient").order_by(URGENCY, "ordered_at")[:limit]


def laboratory_order(
    hospital_id: UUID, order_id: UUID, *, at: datetime, today: date | None = None
) -> LaboratoryOrder:
    """One order as the laboratory may see it now, released tests with ranges and earlier values.

    ``today`` is the hospital's date at ``at``, which is looked up when left out. Raises ``NotFound``.
    """
    return order_with_status(hospital_id, order_id, at=at, today=today)[0]


def order_with_status(
    hospital_id: UUID, order_id: UUID, *, at: datetime, today: date | None = None
) -> tuple[LaboratoryOrder, ServicePointStatus]:
    """``laboratory_order``, and what its bar shows, of facts that are read once."""
    with transaction(hospital_id):
        order = TestOrder.objects.select_related("patient").filter(id=order_id).first()
        if order is None:
            raise NotFound(
                _("There is no such order at this hospital."), field="order_id", code="unknown_order"
            )
        read = read_facts(hospital_id, STEP, Subject(order.encounter_id, order.id), at, with_payments=True)
        [seen] = _as_decided([order], {order.id: read}, at)
        if not seen.details_hidden:
            tests = with_ranges(order, seen.tests, today=today or day_at(hospital_id, at))
            seen = replace(seen, tests=tests)
        return seen, status_of(STEP, read, at=at)


def order_of_accession(accession_number: str) -> UUID | None:
    """The order whose sample carries this number, as a scanner reads it; None when there is none.

    Needs the hospital's transaction.
    """
    number = accession_number.strip().upper()
    return Sample.objects.filter(accession_number=number).values_list("order_id", flat=True).first()


def page_of_accession(text: str, actor: Actor) -> str:
    """The page of the order whose sample carries the number ``text``, for those who work at the bench."""
    if not actor.may(PERMISSION_PROCESS) or not ACCESSION.fullmatch(text.strip().upper()):
        return ""
    order_id = order_of_accession(text)
    return reverse("laboratory:order", args=[order_id]) if order_id else ""


@dataclass(frozen=True, slots=True)
class SampleSeen:
    """A sample with what became of it."""

    sample_id: UUID
    accession_number: str
    specimen: str
    collected_at: datetime
    collected_by: str
    received_at: datetime | None
    received_by: str
    rejected_at: datetime | None
    rejected_by: str
    reason: str


_SAMPLES = """
SELECT sample.id, sample.accession_number, sample.specimen, sample.collected_at, sample.collected_by,
       receipt.received_at, coalesce(receipt.received_by, ''),
       rejection.rejected_at, coalesce(rejection.rejected_by, ''), coalesce(rejection.reason, '')
FROM laboratory_sample AS sample
LEFT JOIN laboratory_samplereceipt AS receipt
    ON receipt.hospital_id = %(hospital)s AND receipt.sample_id = sample.id
LEFT JOIN laboratory_samplerejection AS rejection
    ON rejection.hospital_id = %(hospital)s AND rejection.sample_id = sample.id
WHERE sample.hospital_id = %(hospital)s AND sample.order_id = %(order)s
ORDER BY sample.accession_number
"""


def samples_of(order_id: UUID) -> list[SampleSeen]:
    """The samples of an order, rejected ones included, by number; one statement."""
    with connection.cursor() as cursor:
        cursor.execute(_SAMPLES, {"hospital": require_transaction(), "order": order_id})
        return [SampleSeen(*row) for row in cursor.fetchall()]


def _as_seen(hospital_id: UUID, orders: list[TestOrder], at: datetime) -> list[LaboratoryOrder]:
    asked = [(STEP, Subject(order.encounter_id, order.id)) for order in orders]
    reads = zip(orders, read_many_facts(hospital_id, asked, at), strict=True)
    return _as_decided(orders, {order.id: read for order, read in reads if read is not None}, at)


def _as_decided(orders: list[TestOrder], facts: dict[UUID, StepFacts], at: datetime) -> list[LaboratoryOrder]:
    decisions = {order_id: decide(read.policies, read.facts, at) for order_id, read in facts.items()}
    tests = tests_of(
        [
            order
            for order in orders
            if order.started_at is not None
            or decisions[order.id].may_proceed
            or not hides_details(facts[order.id])
        ]
    )
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
            is_processed=order.started_at is not None,
            tests=tests.get(order.id, ()),
            mrn=order.patient.mrn,
            ordered_by=order.ordered_by,
            processed_at=order.started_at,
            completed_at=order.completed_at,
        )
        for order in orders
    ]
