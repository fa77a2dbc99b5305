"""/estimates: what treatment would cost, the consent to it, and the bill held against it."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from django.http import HttpResponse
from ninja import Query, Router
from pydantic import Field

from almoner.estimates import operations
from almoner.estimates.models import Estimate
from almoner.estimates.operations import MAXIMUM_DAYS, MAXIMUM_LINES, PERMISSION_ESTIMATE, Wanted
from almoner.estimates.queries import read_estimate
from almoner.hospitals.callers import ApiRequest, needs
from almoner.kernel.paging import Cursor, Limit, Page, read_page
from almoner.kernel.tenancy import transaction
from almoner.kernel.wire import (
    Code,
    Day,
    DecimalText,
    IdempotencyKey,
    Input,
    Minor,
    Name,
    Quantity,
    Resource,
    Text,
    answer,
)

router = Router(tags=["Estimates"])


class WantedService(Input):
    service: Code
    quantity: Annotated[Quantity, Field(gt=0)] = Decimal(1)


class NewEstimate(Input):
    """For a patient, or for somebody by name (``walk_in``): services, and days in a kind of ward.

    ``payer_percent`` is the share that the payer has said it takes over, ``payer_basis`` where it said so.
    """

    patient_id: UUID | None = None
    walk_in: Text = ""
    reason: Text = ""
    expected_on: Day
    valid_until: Day
    services: Annotated[list[WantedService], Field(max_length=MAXIMUM_LINES)] = []
    ward_type: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{0,40}$")] = ""
    days: Annotated[int, Field(ge=0, le=MAXIMUM_DAYS)] = 0
    payer_percent: Annotated[str, Field(pattern=r"^\d{1,3}(\.\d{1,2})?$")] | None = None
    payer_basis: Text = ""
    deposit_minor: Minor = 0


class EstimateLineResource(Resource):
    """``net_minor`` null: no price is known, and ``problem`` says why."""

    line: int
    service: str
    name: str
    quantity: DecimalText
    net_minor: int | None
    problem: str


class EstimateConsentResource(Resource):
    given_by: str
    how: str
    given_at: datetime
    recorded_by: str


class ComparedService(Resource):
    """A service as it was estimated and as its visit was charged for it so far; minor units."""

    name: str
    estimated_minor: int
    actual_minor: int


class EstimateResource(Resource):
    """An estimate as it was priced; amounts in minor units of ``currency``.

    ``compared`` is empty until a visit is linked (``encounter_id``).
    """

    id: UUID
    number: str
    patient_id: UUID | None
    walk_in: str
    reason: str
    expected_on: date
    valid_until: date
    ward_type: str
    days: int
    payer: str
    payer_percent: DecimalText | None
    payer_basis: str
    deposit_minor: int
    currency: str
    total_minor: int
    payer_minor: int
    patient_minor: int
    lines: list[EstimateLineResource]
    consent: EstimateConsentResource | None
    encounter_id: UUID | None
    compared: list[ComparedService]
    made_at: datetime
    made_by: str


class EstimateSummary(Resource):
    id: UUID
    number: str
    patient_id: UUID | None
    walk_in: str
    expected_on: date
    valid_until: date
    currency: str
    made_at: datetime
    made_by: str


class EstimatePage(Page[EstimateSummary]):
    """Estimates."""


class NewConsent(Input):
    """Who agreed, and how they said so."""

    given_by: Name
    how: Literal["signed", "spoken", "electronic"]


class LinkedVisit(Input):
    encounter_id: UUID


def _resource(estimate_id: UUID) -> EstimateResource:
    """Needs the hospital's transaction. Raises ``NotFound``."""
    read = read_estimate(estimate_id)
    row = read.estimate
    return EstimateResource(
        id=row.id,
        number=row.number,
        patient_id=row.patient_id,
        walk_in=row.walk_in,
        reason=row.reason,
        expected_on=row.expected_on,
        valid_until=row.valid_until,
        ward_type=row.ward_type,
        days=row.days,
        payer=row.payer,
        payer_percent=row.payer_percent,
        payer_basis=row.payer_basis,
        deposit_minor=row.deposit_minor,
        currency=row.currency,
        total_minor=read.total_minor,
        payer_minor=read.payer_minor,
        patient_minor=read.patient_minor,
        lines=[
            EstimateLineResource(
                line=line.line,
                service=line.service,
                name=line.name,
                quantity=line.quantity,
                net_minor=line.net_minor,
                problem=line.problem,
            )
            for line in read.lines
        ],
        consent=EstimateConsentResource(
            given_by=read.consent.given_by,
            how=read.consent.how,
            given_at=read.consent.given_at,
            recorded_by=read.consent.recorded_by,
        )
        if read.consent
        else None,
        encounter_id=read.visit.encounter_id if read.visit else None,
        compared=[
            ComparedService(name=one.name, estimated_minor=one.estimated_minor, actual_minor=one.actual_minor)
            for one in read.compared
        ],
        made_at=row.made_at,
        made_by=row.made_by,
    )


def _summary(row: Estimate) -> EstimateSummary:
    return EstimateSummary(
        id=row.id,
        number=row.number,
        patient_id=row.patient_id,
        walk_in=row.walk_in,
        expected_on=row.expected_on,
        valid_until=row.valid_until,
        currency=row.currency,
        made_at=row.made_at,
        made_by=row.made_by,
    )


@router.post("/estimates", auth=needs(PERMISSION_ESTIMATE), response={201: EstimateResource})
def make_estimate(request: ApiRequest, body: NewEstimate, idempotency_key: IdempotencyKey) -> HttpResponse:
    """Price services and a stay as of a day, and keep it; nothing is charged."""
    caller = request.auth
    wanted = Wanted(
        patient_id=body.patient_id,
        walk_in=body.walk_in,
        reason=body.reason,
        expected_on=body.expected_on,
        valid_until=body.valid_until,
        services=tuple((one.service, one.quantity) for one in body.services),
        ward_type=body.ward_type,
        days=body.days,
        payer_percent=Decimal(body.payer_percent) if body.payer_percent is not None else None,
        payer_basis=body.payer_basis,
        deposit_minor=body.deposit_minor,
    )
    with transaction(caller.hospital_id):
        made = operations.make_estimate(
            caller.hospital_id, wanted, idempotency_key=idempotency_key, actor=caller.actor, at=caller.at
        )
        return answer(_resource(made.id), 201, replayed=made.made_at != caller.at)


@router.get("/estimates", auth=needs(PERMISSION_ESTIMATE), response=EstimatePage)
def list_estimates(
    request: ApiRequest,
    cursor: Cursor,
    limit: Limit,
    patient_id: Annotated[UUID | None, Query(None)],
) -> HttpResponse:
    """Estimates, the latest first."""
    with transaction(request.auth.hospital_id):
        rows = Estimate.objects.all()
        if patient_id is not None:
            rows = rows.filter(patient=patient_id)
        page = read_page(rows, cursor=cursor, limit=limit, time="made_at", show=_summary)
    return answer(EstimatePage(**page))


@router.get("/estimates/{estimate_id}", auth=needs(PERMISSION_ESTIMATE), response=EstimateResource)
def get_estimate(request: ApiRequest, estimate_id: UUID) -> HttpResponse:
    """One estimate with its consent, and the bill of its visit beside it."""
    with transaction(request.auth.hospital_id):
        return answer(_resource(estimate_id))


@router.post(
    "/estimates/{estimate_id}/consent", auth=needs(PERMISSION_ESTIMATE), response={201: EstimateResource}
)
def record_estimate_consent(request: ApiRequest, estimate_id: UUID, body: NewConsent) -> HttpResponse:
    """Record that somebody agreed to an estimate that is still valid; the same again changes nothing."""
    caller = request.auth
    with transaction(caller.hospital_id):
        operations.record_consent(
            caller.hospital_id,
            estimate_id,
            given_by=body.given_by,
            how=body.how,
            actor=caller.actor,
            at=caller.at,
        )
        return answer(_resource(estimate_id), 201)


@router.post(
    "/estimates/{estimate_id}/visit", auth=needs(PERMISSION_ESTIMATE), response={201: EstimateResource}
)
def link_estimate_visit(request: ApiRequest, estimate_id: UUID, body: LinkedVisit) -> HttpResponse:
    """Say which visit an estimate was for; the same again changes nothing."""
    caller = request.auth
    with transaction(caller.hospital_id):
        operations.link_visit(
            caller.hospital_id, estimate_id, body.encounter_id, actor=caller.actor, at=caller.at
        )
        return answer(_resource(estimate_id), 201)
