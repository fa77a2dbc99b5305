"""/gate-decisions, /overrides, billing status, service points: may it go ahead, why, and who said otherwise.

Who may not read billing (``billing.read``) gets amounts and the kind of answer, never the name of what is
owed for: laboratory staff must not learn from a reason, a list or an error what was ordered.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

from django.db.models import Q
from django.http import HttpResponse
from ninja import Query, Router
from pydantic import BaseModel, Field

from almoner.charging.api import SCOPE_BILLING
from almoner.enforcement import gate, operations, queries
from almoner.enforcement.facts import Subject
from almoner.enforcement.gate import Passage
from almoner.enforcement.models import GateDecision, Override, OverrideRevocation
from almoner.enforcement.rules import Decision, Option, Outcome
from almoner.hospitals.api import SCOPE_READ
from almoner.hospitals.callers import ApiRequest, needs
from almoner.kernel.actor import Actor
from almoner.kernel.errors import NotFound
from almoner.kernel.money import Money
from almoner.kernel.paging import Cursor, Limit, Page, read_page
from almoner.kernel.service_points import installed
from almoner.kernel.tenancy import transaction
from almoner.kernel.wire import IdempotencyKey, Input, Instant, Reason, Resource, Text, answer
from almoner.patients.api import TriageLevel

SCOPE_STATUS = "enforcement.read_status"
"""May read how a patient or a step stands: amounts and counts."""
SCOPE_BLOCKED = "enforcement.read_blocked_services"
"""May read which services are blocked, not only how many."""
SCOPE_CHECK = "enforcement.check"
"""May ask the gate at a step, which stores the decision."""
router = Router(tags=["Gates"])

StepName = Annotated[str, Field(pattern=r"^[a-z0-9_.]{1,60}$")]
ResultResource = TypeVar("ResultResource", bound=BaseModel)
Result = TypeVar("Result")


class OptionResource(Resource):
    """What can be done about a held step, and the permission it needs."""

    code: str
    title: str
    permission: str


class DecisionResource(Resource):
    """The gate's answer. ``outcome``: allowed, reminded, deferred (until), held (options), overridden (by)."""

    id: UUID | None
    outcome: str
    may_proceed: bool
    reason_code: str
    reason: str
    due_minor: int
    currency: str
    until: datetime | None
    by: str
    options: list[OptionResource]


class Passed(Resource, Generic[ResultResource]):
    """A step that was tried: the gate's decision, and what was done. ``result`` is null when it was held."""

    decision: DecisionResource
    result: ResultResource | None


class NewGateDecision(Input):
    """A step of an encounter, and of an order when the step fulfils one."""

    step: StepName
    encounter_id: UUID
    order_id: UUID | None = None


class StoredDecision(Resource):
    """A decision as it was stored, with the facts and the configuration it was made from."""

    id: UUID
    step: str
    patient_id: UUID
    encounter_id: UUID | None
    order_id: UUID | None
    outcome: str
    reason_code: str
    reason: str
    due_minor: int
    currency: str
    facts: dict[str, Any]
    configuration_version: int
    decided_at: datetime
    asked_by: str


class StoredDecisionPage(Page[StoredDecision]):
    """Stored decisions."""


class NewOverride(Input):
    """Let a step go ahead unpaid until ``expires_at``. With ``held_decision_id`` it counts from then on."""

    step: StepName
    encounter_id: UUID
    order_id: UUID | None = None
    reason: Reason
    expires_at: Instant
    triage_level: TriageLevel | None = None
    held_decision_id: UUID | None = None


class NewRevocation(Input):
    reason: Reason


class OverrideResource(Resource):
    id: UUID
    step: str
    patient_id: UUID
    encounter_id: UUID
    order_id: UUID | None
    reason: str
    triage_level: int | None
    starts_at: datetime
    expires_at: datetime
    created_at: datetime
    created_by: str
    held_decision_id: UUID | None
    revoked_at: datetime | None
    revoked_by: str


class OverridePage(Page[OverrideResource]):
    """Overrides."""


class BlockedServiceResource(Resource):
    """A step that the gate would hold now."""

    step: str
    title: str
    encounter_id: UUID
    order_id: UUID | None
    due_minor: int
    reason: str
    options: list[OptionResource]


class BillingStatusResource(Resource):
    """How a patient stands (the widget of section 5.1). Amounts in minor units of ``currency``.

    ``outstanding_minor`` is what the patient owes; what payers owe stands apart. ``blocked_services`` is
    null for a key that may only know how many there are.
    """

    patient_id: UUID
    currency: str
    outstanding_minor: int
    payer_outstanding_minor: int
    available_credit_minor: int
    payment_status: str
    next_payment_due: datetime | None
    next_payment_due_minor: int
    plan_status: str
    blocked_service_count: int
    blocked_services: list[BlockedServiceResource] | None


class ActionResource(Resource):
    """A button of the service point bar; ``why_not`` says why it is disabled."""

    code: str
    title: str
    permission: str
    enabled: bool
    why_not: str


class RecentPaymentResource(Resource):
    payment_id: UUID
    amount_minor: int
    method: str
    received_at: datetime
    voided: bool


class ServicePointStatusResource(Resource):
    """How a step stands (the bar of section 5.2). ``payment_status``: Required, Deferred or Paid."""

    step: str
    patient_id: UUID
    patient_account_id: UUID
    currency: str
    cost_minor: int
    due_minor: int
    payment_status: str
    balance_minor: int
    decision: DecisionResource
    actions: list[ActionResource]
    recent_payments: list[RecentPaymentResource]


class StepResource(Resource):
    name: str
    title: str
    needs_order: bool
    conceals_details: bool


class EventKindResource(Resource):
    """``delivers``: the step it fulfils, whose own endpoint records it."""

    name: str
    title: str
    delivers: str


class ServicePointResource(Resource):
    """An installed service point, the events it knows and the steps it guards."""

    name: str
    title: str
    event_kinds: list[EventKindResource]
    steps: list[StepResource]


class ServicePoints(Resource):
    items: list[ServicePointResource]


def reason_for(
    actor: Actor, *, outcome: str, reason: str, due_minor: int, currency: str, reason_code: str = ""
) -> str:
    """``reason`` for who may read billing; for others without the names of services and words of staff."""
    if actor.may(SCOPE_BILLING) or reason_code in ("unpriced", "emergency"):
        return reason
    if outcome == Outcome.HELD.value:
        return f"Payment required: {Money(due_minor, currency)}."
    return "Released by an override." if outcome == Outcome.OVERRIDDEN.value else reason


def decision_resource(decision: Decision, decision_id: UUID | None, actor: Actor) -> DecisionResource:
    """A decision as ``actor`` may see it."""
    return DecisionResource(
        id=decision_id,
        outcome=decision.outcome.value,
        may_proceed=decision.may_proceed,
        reason_code=decision.reason_code,
        reason=reason_for(
            actor,
            outcome=decision.outcome.value,
            reason=decision.reason,
            due_minor=decision.due_minor,
            currency=decision.currency,
            reason_code=decision.reason_code,
        ),
        due_minor=decision.due_minor,
        currency=decision.currency,
        until=decision.until,
        by=decision.by,
        options=[_option(option) for option in decision.options],
    )


def stored_decision_resource(row: GateDecision, actor: Actor) -> DecisionResource:
    """A decision that let a step go ahead, told again as ``actor`` may see it."""
    return DecisionResource(
        id=row.id,
        outcome=row.outcome,
        may_proceed=row.outcome != GateDecision.Outcome.HELD,
        reason_code=row.reason_code,
        reason=reason_for(
            actor,
            outcome=row.outcome,
            reason=row.reason,
            due_minor=row.due_minor,
            currency=row.currency,
            reason_code=row.reason_code,
        ),
        due_minor=row.due_minor,
        currency=row.currency,
        until=None,
        by="",
        options=[],
    )


def _option(option: Option) -> OptionResource:
    return OptionResource(code=option.code, title=option.title, permission=option.permission)


def passed(
    model: type[Passed[ResultResource]],
    passage: Passage[Result],
    show: Callable[[Result], ResultResource],
    actor: Actor,
) -> Passed[ResultResource]:
    """A tried step as the API shows it: a held one is an answer like any other, with ``result`` null."""
    return model(
        decision=decision_resource(passage.decision, passage.decision_id, actor),
        result=show(passage.result) if passage.went_ahead and passage.result is not None else None,
    )


@router.get("/service-points", auth=needs(SCOPE_READ), response=ServicePoints)
def list_service_points(request: ApiRequest) -> HttpResponse:
    """The installed service points, their event kinds and gated steps."""
    points = [
        ServicePointResource(
            name=point.label,
            title=point.title,
            event_kinds=[
                EventKindResource(name=kind.name, title=kind.title, delivers=kind.delivers)
                for kind in point.event_kinds
            ],
            steps=[
                StepResource(
                    name=step.name,
                    title=step.title,
                    needs_order=step.needs_order,
                    conceals_details=step.conceals_details,
                )
                for step in point.steps
            ],
        )
        for point in installed()
    ]
    return answer(ServicePoints(items=points))


@router.post(
    "/gate-decisions", auth=needs(SCOPE_CHECK, more=(SCOPE_BILLING,)), response={201: DecisionResource}
)
def check_gate(request: ApiRequest, body: NewGateDecision) -> HttpResponse:
    """Ask the gate at a step. The decision is stored with its facts; nothing else happens.

    The service points' own endpoints ask the gate themselves; this one is for steps that happen elsewhere.
    """
    caller = request.auth
    decision, decision_id = gate.check(
        caller.hospital_id,
        body.step,
        Subject(body.encounter_id, body.order_id),
        actor=caller.actor,
        at=caller.at,
    )
    return answer(decision_resource(decision, decision_id, caller.actor), 201)


def _stored(row: GateDecision) -> StoredDecision:
    return StoredDecision(
        id=row.id,
        step=row.step,
        patient_id=row.patient_id,
        encounter_id=row.encounter_id,
        order_id=row.order_id,
        outcome=row.outcome,
        reason_code=row.reason_code,
        reason=row.reason,
        due_minor=row.due_minor,
        currency=row.currency,
        facts=row.facts,
        configuration_version=row.configuration_version,
        decided_at=row.decided_at,
        asked_by=row.asked_by,
    )


@router.get("/gate-decisions", auth=needs(SCOPE_BILLING), response=StoredDecisionPage)
def list_gate_decisions(
    request: ApiRequest,
    cursor: Cursor,
    limit: Limit,
    encounter_id: Annotated[UUID | None, Query(None)],
    patient_id: Annotated[UUID | None, Query(None)],
    step: Annotated[Text, Query("")],
    outcome: Annotated[GateDecision.Outcome | None, Query(None)],
) -> HttpResponse:
    """Stored decisions with the facts they were made from, the latest first."""
    with transaction(request.auth.hospital_id):
        rows = GateDecision.objects.all()
        if encounter_id is not None:
            rows = rows.filter(encounter=encounter_id)
        if patient_id is not None:
            rows = rows.filter(Q(patient=patient_id) | Q(patient__merged_into=patient_id))
        if step:
            rows = rows.filter(step=step)
        if outcome is not None:
            rows = rows.filter(outcome=outcome.value)
        page = read_page(rows, cursor=cursor, limit=limit, time="decided_at", show=_stored)
    return answer(StoredDecisionPage(**page))


@router.get("/gate-decisions/{decision_id}", auth=needs(SCOPE_BILLING), response=StoredDecision)
def get_gate_decision(request: ApiRequest, decision_id: UUID) -> HttpResponse:
    """One stored decision."""
    with transaction(request.auth.hospital_id):
        row = GateDecision.objects.filter(id=decision_id).first()
        if row is None:
            raise NotFound(
                "There is no such decision at this hospital.", field="decision_id", code="unknown_decision"
            )
        return answer(_stored(row))


def _overrides(rows: list[Override]) -> list[OverrideResource]:
    """Overrides with their revocations, in one more statement."""
    revoked = {row.override_id: row for row in OverrideRevocation.objects.filter(override__in=rows)}
    return [_override(row, revoked.get(row.id)) for row in rows]


def _override(row: Override, revocation: OverrideRevocation | None) -> OverrideResource:
    return OverrideResource(
        id=row.id,
        step=row.step,
        patient_id=row.patient_id,
        encounter_id=row.encounter_id,
        order_id=row.order_id,
        reason=row.reason,
        triage_level=row.triage_level,
        starts_at=row.starts_at,
        expires_at=row.expires_at,
        created_at=row.created_at,
        created_by=row.created_by,
        held_decision_id=row.held_decision_id,
        revoked_at=revocation.at if revocation else None,
        revoked_by=revocation.revoked_by if revocation else "",
    )


@router.post("/overrides", auth=needs(operations.PERMISSION_OVERRIDE), response={201: OverrideResource})
def grant_override(request: ApiRequest, body: NewOverride, idempotency_key: IdempotencyKey) -> HttpResponse:
    """Let a step go ahead unpaid, for a reason and a time. Audited; its charges still accumulate."""
    caller = request.auth
    with transaction(caller.hospital_id):
        row = operations.grant_override(
            caller.hospital_id,
            step=body.step,
            subject=Subject(body.encounter_id, body.order_id),
            reason=body.reason,
            expires_at=body.expires_at,
            triage_level=body.triage_level,
            held_decision_id=body.held_decision_id,
            idempotency_key=idempotency_key,
            actor=caller.actor,
            at=caller.at,
        )
        return answer(_overrides([row])[0], 201, replayed=row.created_at != caller.at)


@router.get("/overrides", auth=needs(SCOPE_BILLING), response=OverridePage)
def list_overrides(
    request: ApiRequest,
    cursor: Cursor,
    limit: Limit,
    encounter_id: Annotated[UUID | None, Query(None)],
    patient_id: Annotated[UUID | None, Query(None)],
) -> HttpResponse:
    """Overrides, the latest first, for review."""
    with transaction(request.auth.hospital_id):
        rows = Override.objects.all()
        if encounter_id is not None:
            rows = rows.filter(encounter=encounter_id)
        if patient_id is not None:
            rows = rows.filter(Q(patient=patient_id) | Q(patient__merged_into=patient_id))
        page = read_page(rows, cursor=cursor, limit=limit, show=lambda row: row)
        page["items"] = _overrides(page["items"])
    return answer(OverridePage(**page))


@router.get("/overrides/{override_id}", auth=needs(SCOPE_BILLING), response=OverrideResource)
def get_override(request: ApiRequest, override_id: UUID) -> HttpResponse:
    """One override."""
    with transaction(request.auth.hospital_id):
        return answer(_overrides([_find_override(override_id)])[0])


def _find_override(override_id: UUID) -> Override:
    row = Override.objects.filter(id=override_id).first()
    if row is None:
        raise NotFound(
            "There is no such override at this hospital.", field="override_id", code="unknown_override"
        )
    return row


@router.post(
    "/overrides/{override_id}/revocation",
    auth=needs(operations.PERMISSION_REVOKE),
    response={201: OverrideResource},
)
def revoke_override(request: ApiRequest, override_id: UUID, body: NewRevocation) -> HttpResponse:
    """Take an override back from now on; what went ahead under it stays done."""
    caller = request.auth
    with transaction(caller.hospital_id):
        operations.revoke_override(
            caller.hospital_id, override_id, reason=body.reason, actor=caller.actor, at=caller.at
        )
        return answer(_overrides([_find_override(override_id)])[0], 201)


@router.get(
    "/patients/{patient_id}/billing-status",
    auth=needs(SCOPE_STATUS, more=(SCOPE_BLOCKED, SCOPE_BILLING)),
    response=BillingStatusResource,
)
def get_billing_status(request: ApiRequest, patient_id: UUID) -> HttpResponse:
    """How the patient stands. A key that may only read the status is told how many services are blocked."""
    caller = request.auth
    status = queries.billing_status(caller.hospital_id, patient_id, at=caller.at)
    blocked = None
    if caller.actor.may(SCOPE_BLOCKED) or caller.actor.may(SCOPE_BILLING):
        blocked = [
            BlockedServiceResource(
                step=service.step,
                title=service.title,
                encounter_id=service.encounter_id,
                order_id=service.order_id,
                due_minor=service.due_minor,
                reason=reason_for(
                    caller.actor,
                    outcome=Outcome.HELD.value,
                    reason=service.reason,
                    due_minor=service.due_minor,
                    currency=status.currency,
                ),
                options=[_option(option) for option in service.options],
            )
            for service in status.blocked_services
        ]
    resource = BillingStatusResource(
        patient_id=status.patient_id,
        currency=status.currency,
        outstanding_minor=status.outstanding_minor,
        payer_outstanding_minor=status.payer_outstanding_minor,
        available_credit_minor=status.available_credit_minor,
        payment_status=status.payment_status.value,
        next_payment_due=status.next_payment_due,
        next_payment_due_minor=status.next_payment_due_minor,
        plan_status=status.plan_status,
        blocked_service_count=len(status.blocked_services),
        blocked_services=blocked,
    )
    return answer(resource)


@router.get(
    "/steps/{step}/status",
    auth=needs(SCOPE_STATUS, more=(SCOPE_BILLING,)),
    response=ServicePointStatusResource,
)
def get_service_point_status(
    request: ApiRequest,
    step: Annotated[str, Field(pattern=r"^[a-z0-9_.]{1,60}$")],
    encounter_id: Annotated[UUID, Query(...)],
    order_id: Annotated[UUID | None, Query(None)],
) -> HttpResponse:
    """How a step stands for an encounter (and an order): cost, what is due, what can be done."""
    caller = request.auth
    status = queries.service_point_status(
        caller.hospital_id, step, Subject(encounter_id, order_id), at=caller.at
    )
    decision = decision_resource(status.decision, None, caller.actor)
    resource = ServicePointStatusResource(
        step=status.step,
        patient_id=status.patient_id,
        patient_account_id=status.patient_account_id,
        currency=status.currency,
        cost_minor=status.cost_minor,
        due_minor=status.due_minor,
        payment_status=status.payment_status,
        balance_minor=status.balance_minor,
        decision=decision,
        actions=[
            ActionResource(
                code=action.code,
                title=action.title,
                permission=action.permission,
                enabled=action.enabled,
                why_not=decision.reason if action.why_not == status.decision.reason else action.why_not,
            )
            for action in status.actions
        ],
        recent_payments=[
            RecentPaymentResource(
                payment_id=payment.payment_id,
                amount_minor=payment.amount_minor,
                method=payment.method,
                received_at=payment.received_at,
                voided=payment.voided,
            )
            for payment in status.recent_payments
        ],
    )
    return answer(resource)
