"""/gate-decisions, /overrides, billing status, service points: may it go ahead, why, and who said otherwise.

Who may not read billing (``billing.read``) gets amounts and the kind of answer, never the name of what is
owed for: laboratory staff must not learn from a reason, a list or an error what was ordered.
"""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from django.http import HttpResponse
from django.utils.translation import gettext as _
from ninja import Query, Router
from pydantic import Field

from almoner.charging.wire import SCOPE_BILLING
from almoner.enforcement import gate, operations, queries
from almoner.enforcement.facts import Subject
from almoner.enforcement.models import GateDecision, Override
from almoner.enforcement.overrides import OverrideState, in_state
from almoner.enforcement.rules import Outcome
from almoner.enforcement.wire import (
    SCOPE_BLOCKED,
    SCOPE_CHECK,
    SCOPE_STATUS,
    ActionResource,
    BillingStatusResource,
    BlockedServiceResource,
    DecisionResource,
    EventKindResource,
    NewGateDecision,
    NewOverride,
    NewOverrideReview,
    NewRevocation,
    OverridePage,
    OverrideResource,
    RecentPaymentResource,
    ServicePointResource,
    ServicePoints,
    ServicePointStatusResource,
    StepResource,
    StoredDecision,
    StoredDecisionPage,
    decision_resource,
    option_resource,
    override_resources,
    reason_for,
    stored_decision,
)
from almoner.hospitals.api import SCOPE_READ
from almoner.hospitals.callers import ApiRequest, needs
from almoner.kernel.errors import NotFound
from almoner.kernel.paging import Cursor, Limit, read_page
from almoner.kernel.service_points import installed
from almoner.kernel.tenancy import transaction
from almoner.kernel.wire import IdempotencyKey, Text, answer
from almoner.patients.merging import records_of

router = Router(tags=["Gates"])


@router.get("/service-points", auth=needs(SCOPE_READ), response=ServicePoints)
def list_service_points(request: ApiRequest) -> HttpResponse:
    """The installed service points, their event kinds and gated steps."""
    points = [
        ServicePointResource(
            name=point.label,
            title=str(point.title),
            event_kinds=[
                EventKindResource(name=kind.name, title=str(kind.title), delivers=kind.delivers)
                for kind in point.event_kinds
            ],
            steps=[
                StepResource(
                    name=step.name,
                    title=str(step.title),
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
            rows = rows.filter(patient__in=records_of(patient_id))
        if step:
            rows = rows.filter(step=step)
        if outcome is not None:
            rows = rows.filter(outcome=outcome.value)
        page = read_page(
            rows,
            cursor=cursor,
            limit=limit,
            time="decided_at",
            show=lambda row: stored_decision(row, request.auth.actor),
        )
    return answer(StoredDecisionPage(**page))


@router.get("/gate-decisions/{decision_id}", auth=needs(SCOPE_BILLING), response=StoredDecision)
def get_gate_decision(request: ApiRequest, decision_id: UUID) -> HttpResponse:
    """One stored decision."""
    with transaction(request.auth.hospital_id):
        row = GateDecision.objects.filter(id=decision_id).first()
        if row is None:
            raise NotFound(
                _("There is no such decision at this hospital."), field="decision_id", code="unknown_decision"
            )
        return answer(stored_decision(row, request.auth.actor))


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
            condition=body.condition,
            idempotency_key=idempotency_key,
            actor=caller.actor,
            at=caller.at,
        )
        return answer(override_resources([row])[0], 201, replayed=row.created_at != caller.at)


@router.get("/overrides", auth=needs(SCOPE_BILLING), response=OverridePage)
def list_overrides(
    request: ApiRequest,
    cursor: Cursor,
    limit: Limit,
    encounter_id: Annotated[UUID | None, Query(None)],
    patient_id: Annotated[UUID | None, Query(None)],
    state: Annotated[
        OverrideState | None, Query(None, description="`to_review`: nobody has reviewed it yet.")
    ],
) -> HttpResponse:
    """Overrides, the latest first, for review."""
    with transaction(request.auth.hospital_id):
        rows = Override.objects.all()
        if state is not None:
            rows = in_state(rows, state, at=request.auth.at)
        if encounter_id is not None:
            rows = rows.filter(encounter=encounter_id)
        if patient_id is not None:
            rows = rows.filter(patient__in=records_of(patient_id))
        page = read_page(rows, cursor=cursor, limit=limit, show=lambda row: row)
        page["items"] = override_resources(page["items"])
    return answer(OverridePage(**page))


@router.get("/overrides/{override_id}", auth=needs(SCOPE_BILLING), response=OverrideResource)
def get_override(request: ApiRequest, override_id: UUID) -> HttpResponse:
    """One override."""
    with transaction(request.auth.hospital_id):
        return answer(override_resources([operations.find_override(override_id)])[0])


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
        return answer(override_resources([operations.find_override(override_id)])[0], 201)


@router.post(
    "/overrides/{override_id}/reviews",
    auth=needs(operations.PERMISSION_REVIEW),
    response={201: OverrideResource},
)
def review_override(
    request: ApiRequest, override_id: UUID, body: NewOverrideReview, idempotency_key: IdempotencyKey
) -> HttpResponse:
    """Accept an override afterwards, or dispute it. Nobody reviews their own (409)."""
    caller = request.auth
    with transaction(caller.hospital_id):
        review = operations.review_override(
            caller.hospital_id,
            override_id,
            verdict=body.verdict,
            note=body.note,
            idempotency_key=idempotency_key,
            actor=caller.actor,
            at=caller.at,
        )
        resource = override_resources([operations.find_override(override_id)])[0]
        return answer(resource, 201, replayed=review.reviewed_at != caller.at)


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
                title=str(service.title),
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
                options=[option_resource(option) for option in service.options],
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
                title=str(action.title),
                permission=action.permission,
                enabled=action.enabled,
                why_not=decision.reason if action.why_not == status.decision.reason else str(action.why_not),
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
