"""/laboratory: the work list, processing, samples, results. Before release an order shows no tests."""

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
from almoner.kernel.tenancy import transaction
from almoner.kernel.wire import DecimalText, Input, Reason, Resource, answer
from almoner.service_points.laboratory import operations, queries
from almoner.service_points.laboratory.bench import Value
from almoner.service_points.laboratory.models import Processing

router = Router(tags=["Laboratory"])


class ValueResource(Resource):
    """A value of a test: ``parameter`` is empty for the only one. Bounds are those of the patient's sex and age;
    ``flag`` is L, H, LL, HH or empty. ``result_id`` and what follows are null or empty until it is entered."""

    parameter: str
    name: str
    unit: str
    low: DecimalText | None
    high: DecimalText | None
    result_id: UUID | None
    value: str
    flag: str
    version: int | None
    is_released: bool
    entered_by: str
    verified_by: str
    told_to: str


class LaboratoryTestResource(Resource):
    """A test of a released order with the latest version of each value."""

    order_line_id: UUID
    service: str
    name: str
    specimen: str
    instructions: str
    values: list[ValueResource]


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
    """What the test found. Another value later is a correction: a further version, and the latest stands."""

    value: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
    unit: Annotated[str, Field(max_length=40, pattern=r"^[^\x00]*$")] = ""
    parameter: Annotated[str, Field(max_length=40, pattern=r"^[A-Za-z0-9_-]*$")] = ""


class ResultResource(Resource):
    id: UUID
    order_line_id: UUID
    parameter: str
    version: int
    value: str
    unit: str
    low: DecimalText | None
    high: DecimalText | None
    flag: str
    entered_at: datetime
    entered_by: str


class SampleResource(Resource):
    """A sample of an order; ``specimen`` is empty where the test's definition names none."""

    id: UUID
    order_id: UUID
    accession_number: str
    specimen: str
    collected_at: datetime
    collected_by: str
    received_at: datetime | None
    rejected_at: datetime | None
    rejection_reason: str


class SampleList(Resource):
    items: list[SampleResource]


class SampleReceiptResource(Resource):
    sample_id: UUID
    received_at: datetime
    received_by: str


class NewSampleRejection(Input):
    reason: Reason


class SampleRejectionResource(Resource):
    sample_id: UUID
    reason: str
    rejected_at: datetime
    rejected_by: str


class NewVerification(Input):
    """The results to stand by: their ids, as the order's values show them."""

    result_ids: Annotated[list[UUID], Field(min_length=1, max_length=1000)]


class VerificationResource(Resource):
    result_id: UUID
    verified_at: datetime
    verified_by: str


class VerificationList(Resource):
    """What was verified now; results that were before are not among them."""

    items: list[VerificationResource]


class NewCriticalNotice(Input):
    """Who was told of the critical value."""

    told_to: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]


class CriticalNoticeResource(Resource):
    result_id: UUID
    told_to: str
    told_at: datetime
    told_by: str


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
                specimen=test.specimen,
                instructions=test.instructions,
                values=[_value(value) for value in test.values],
            )
            for test in order.tests
        ],
    )


def _value(value: Value) -> ValueResource:
    entered = value.entered
    return ValueResource(
        parameter=value.parameter.code,
        name=value.parameter.name,
        unit=value.unit,
        low=value.low,
        high=value.high,
        result_id=entered.result_id if entered else None,
        value=entered.value if entered else "",
        flag=entered.flag if entered else "",
        version=entered.version if entered else None,
        is_released=entered is not None and entered.is_released,
        entered_by=entered.entered_by if entered else "",
        verified_by=entered.verified_by if entered else "",
        told_to=entered.told_to if entered else "",
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


@router.get("/orders/{order_id}/samples", auth=needs(operations.PERMISSION_PROCESS), response=SampleList)
def list_samples(request: ApiRequest, order_id: UUID) -> HttpResponse:
    """The samples of an order with what became of them; none before the order is released."""
    caller = request.auth
    with transaction(caller.hospital_id):
        queries.laboratory_order(caller.hospital_id, order_id, at=caller.at)
        return answer(SampleList(items=[_sample(order_id, row) for row in queries.samples_of(order_id)]))


@router.post(
    "/orders/{order_id}/samples", auth=needs(operations.PERMISSION_PROCESS), response={201: SampleList}
)
def collect_samples(request: ApiRequest, order_id: UUID) -> HttpResponse:
    """Collect what an order in work lacks, one sample for each kind of specimen; none is collected twice."""
    caller = request.auth
    with transaction(caller.hospital_id):
        new = operations.collect_samples(caller.hospital_id, order_id, actor=caller.actor, at=caller.at)
        collected = {sample.id for sample in new}
        rows = [row for row in queries.samples_of(order_id) if row.sample_id in collected]
        return answer(SampleList(items=[_sample(order_id, row) for row in rows]), 201)


def _sample(order_id: UUID, row: queries.SampleSeen) -> SampleResource:
    return SampleResource(
        id=row.sample_id,
        order_id=order_id,
        accession_number=row.accession_number,
        specimen=row.specimen,
        collected_at=row.collected_at,
        collected_by=row.collected_by,
        received_at=row.received_at,
        rejected_at=row.rejected_at,
        rejection_reason=row.reason,
    )


@router.post(
    "/samples/{sample_id}/receipt",
    auth=needs(operations.PERMISSION_PROCESS),
    response={201: SampleReceiptResource},
)
def receive_sample(request: ApiRequest, sample_id: UUID) -> HttpResponse:
    """Note that a sample arrived. Again: the first receipt."""
    caller = request.auth
    row = operations.receive_sample(caller.hospital_id, sample_id, actor=caller.actor, at=caller.at)
    resource = SampleReceiptResource(
        sample_id=sample_id, received_at=row.received_at, received_by=row.received_by
    )
    return answer(resource, 201)


@router.post(
    "/samples/{sample_id}/rejection",
    auth=needs(operations.PERMISSION_PROCESS),
    response={201: SampleRejectionResource},
)
def reject_sample(request: ApiRequest, sample_id: UUID, body: NewSampleRejection) -> HttpResponse:
    """Say why a sample cannot be used; another one can be collected then. Again: the first rejection."""
    caller = request.auth
    row = operations.reject_sample(
        caller.hospital_id, sample_id, reason=body.reason, actor=caller.actor, at=caller.at
    )
    resource = SampleRejectionResource(
        sample_id=sample_id, reason=row.reason, rejected_at=row.rejected_at, rejected_by=row.rejected_by
    )
    return answer(resource, 201)


@router.post(
    "/tests/{order_line_id}/results",
    auth=needs(operations.PERMISSION_PROCESS),
    response={201: ResultResource},
)
def enter_result(request: ApiRequest, order_line_id: UUID, body: NewResult) -> HttpResponse:
    """Write down one value of a test of an order that is being processed. The same value again: the same row."""
    caller = request.auth
    row = operations.enter_result(
        caller.hospital_id,
        order_line_id,
        value=body.value,
        unit=body.unit,
        parameter=body.parameter,
        actor=caller.actor,
        at=caller.at,
    )
    resource = ResultResource(
        id=row.id,
        order_line_id=row.order_line_id,
        parameter=row.parameter,
        version=row.version,
        value=row.value,
        unit=row.unit,
        low=row.low,
        high=row.high,
        flag=row.flag,
        entered_at=row.entered_at,
        entered_by=row.entered_by,
    )
    return answer(resource, 201)


@router.post(
    "/orders/{order_id}/verifications",
    auth=needs(operations.PERMISSION_VERIFY),
    response={201: VerificationList},
)
def verify_results(request: ApiRequest, order_id: UUID, body: NewVerification) -> HttpResponse:
    """Stand by results that another person entered; this releases them to whoever ordered them."""
    caller = request.auth
    rows = operations.verify_results(
        caller.hospital_id, order_id, result_ids=body.result_ids, actor=caller.actor, at=caller.at
    )
    resources = [
        VerificationResource(
            result_id=row.result_id, verified_at=row.verified_at, verified_by=row.verified_by
        )
        for row in rows
    ]
    return answer(VerificationList(items=resources), 201)


@router.post(
    "/results/{result_id}/critical-notice",
    auth=needs(operations.PERMISSION_PROCESS),
    response={201: CriticalNoticeResource},
)
def tell_critical(request: ApiRequest, result_id: UUID, body: NewCriticalNotice) -> HttpResponse:
    """Note who was told of a critical value. Again: the first notice."""
    caller = request.auth
    row = operations.tell_critical(
        caller.hospital_id, result_id, told_to=body.told_to, actor=caller.actor, at=caller.at
    )
    resource = CriticalNoticeResource(
        result_id=result_id, told_to=row.told_to, told_at=row.told_at, told_by=row.told_by
    )
    return answer(resource, 201)
