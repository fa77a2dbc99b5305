"""/laboratory: the work list, processing, results. Before release an order shows no tests."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from django.http import HttpResponse
from ninja import Query, Router
from pydantic import Field

from almoner.enforcement.wire import DecisionResource, Passed, decision_resource, passed
from almoner.hospitals.callers import ApiRequest, needs
from almoner.kernel.actor import Actor
from almoner.kernel.wire import Input, Resource, answer
from almoner.service_points.laboratory import operations, queries
from almoner.service_points.laboratory.models import Processing

router = Router(tags=["Laboratory"])


class LaboratoryTestResource(Resource):
    """A test of a released order with its latest result."""

    order_line_id: UUID
    service: str
    name: str
    result: str
    unit: str


class LaboratoryOrderResource(Resource):
    """An order as the laboratory may see it: no tests while ``details_hidden``."""

    order_id: UUID
    number: str
    patient_id: UUID
    patient_name: str
    encounter_id: UUID
    priority: str
    ordered_at: datetime
    details_hidden: bool
    is_processed: bool
    decision: DecisionResource
    tests: list[LaboratoryTestResource]


class LaboratoryWorkList(Resource):
    items: list[LaboratoryOrderResource]


class ProcessingResource(Resource):
    id: UUID
    order_id: UUID
    started_at: datetime
    started_by: str


class ProcessingPassed(Passed[ProcessingResource]):
    """The gate's decision, and the processing unless it was held."""


class NewResult(Input):
    """What the test found. A correction is sent again; the latest stands."""

    value: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
    unit: Annotated[str, Field(max_length=40, pattern=r"^[^\x00]*$")] = ""


class ResultResource(Resource):
    id: UUID
    order_line_id: UUID
    value: str
    unit: str
    entered_at: datetime
    entered_by: str


def _order(order: queries.LaboratoryOrder, actor: Actor) -> LaboratoryOrderResource:
    return LaboratoryOrderResource(
        order_id=order.order_id,
        number=order.number,
        patient_id=order.patient_id,
        patient_name=order.patient_name,
        encounter_id=order.encounter_id,
        priority=order.priority,
        ordered_at=order.ordered_at,
        details_hidden=order.details_hidden,
        is_processed=order.is_processed,
        decision=decision_resource(order.decision, None, actor),
        tests=[
            LaboratoryTestResource(
                order_line_id=test.order_line_id,
                service=test.code,
                name=test.name,
                result=test.result,
                unit=test.unit,
            )
            for test in order.tests
        ],
    )


def _processing(row: Processing) -> ProcessingResource:
    return ProcessingResource(
        id=row.id, order_id=row.order_id, started_at=row.started_at, started_by=row.started_by
    )


@router.get("/orders", auth=needs(operations.PERMISSION_PROCESS), response=LaboratoryWorkList)
def list_laboratory_orders(
    request: ApiRequest, limit: Annotated[int, Query(200, ge=1, le=200)]
) -> HttpResponse:
    """The work list: open orders, the most urgent and oldest first, each as the laboratory may see it now."""
    caller = request.auth
    orders = queries.work_list(caller.hospital_id, at=caller.at, limit=limit)
    return answer(LaboratoryWorkList(items=[_order(order, caller.actor) for order in orders]))


@router.get("/orders/{order_id}", auth=needs(operations.PERMISSION_PROCESS), response=LaboratoryOrderResource)
def get_laboratory_order(request: ApiRequest, order_id: UUID) -> HttpResponse:
    """One order as the laboratory may see it now."""
    caller = request.auth
    return answer(_order(queries.laboratory_order(caller.hospital_id, order_id, at=caller.at), caller.actor))


@router.post(
    "/orders/{order_id}/processing",
    auth=needs(operations.PERMISSION_PROCESS),
    response={200: ProcessingPassed},
)
def process_order(request: ApiRequest, order_id: UUID) -> HttpResponse:
    """Take the samples into work, if the gate lets it. Held is an answer: `result` is null."""
    caller = request.auth
    passage = operations.process(caller.hospital_id, order_id, actor=caller.actor, at=caller.at)
    return answer(passed(ProcessingPassed, passage, _processing, caller.actor))


@router.post(
    "/tests/{order_line_id}/results",
    auth=needs(operations.PERMISSION_PROCESS),
    response={201: ResultResource},
)
def enter_result(request: ApiRequest, order_line_id: UUID, body: NewResult) -> HttpResponse:
    """Write down the result of one test of an order that is being processed."""
    caller = request.auth
    row = operations.enter_result(
        caller.hospital_id,
        order_line_id,
        value=body.value,
        unit=body.unit,
        actor=caller.actor,
        at=caller.at,
    )
    resource = ResultResource(
        id=row.id,
        order_line_id=row.order_line_id,
        value=row.value,
        unit=row.unit,
        entered_at=row.entered_at,
        entered_by=row.entered_by,
    )
    return answer(resource, 201)
