"""Decisions, overrides and statuses as the API writes them, each as its reader may see it.

Who may not read billing (``billing.read``) gets amounts and the kind of answer, never the name of what is
owed for: laboratory staff must not learn from a reason, a list or an error what was ordered.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar
from uuid import UUID

from django.utils.translation import gettext as _
from pydantic import BaseModel, Field

from almoner.charging.wire import SCOPE_BILLING
from almoner.enforcement.gate import Passage
from almoner.enforcement.models import GateDecision, Override, OverrideReview, OverrideRevocation
from almoner.enforcement.rules import Decision, Option, Outcome
from almoner.kernel.actor import Actor
from almoner.kernel.money import Money
from almoner.kernel.paging import Page
from almoner.kernel.wire import Input, Instant, Note, Reason, Resource
from almoner.patients.api import TriageLevel
from almoner.patients.diagnoses import PERMISSION_READ_DIAGNOSES

SCOPE_STATUS = "enforcement.read_status"
"""May read how a patient or a step stands: amounts and counts."""
SCOPE_BLOCKED = "enforcement.read_blocked_services"
"""May read which services are blocked, not only how many."""
SCOPE_CHECK = "enforcement.check"
"""May ask the gate at a step, which stores the decision."""
StepName = Annotated[str, Field(pattern=r"^[a-z0-9_.]{1,60}$")]
ResultResource = TypeVar("ResultResource", bound=BaseModel)
Result = TypeVar("Result")


class OptionResource(Resource):
    """What can be done about a held step, and the permission it needs."""

    code: str
    title: str
    permission: str


class DecisionResource(Resource):
    """The gate's answer. ``outcome``: allowed, reminded, deferred (until), held (options), overridden (by).

    ``deposit_given_minor`` of ``deposit_asked_minor`` is there, where the step asks for a deposit beforehand.
    ``setting`` decided, as the block ``source`` of the hospital's policies says it (``department:cardiology``).
    """

    id: UUID | None
    outcome: str
    may_proceed: bool
    reason_code: str
    reason: str
    due_minor: int
    currency: str
    until: datetime | None
    by: str
    setting: str
    source: str
    deposit_asked_minor: int
    deposit_given_minor: int
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
    setting: str
    source: str


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
    condition: Annotated[str, Field(pattern=r"^[a-z0-9_-]{0,40}$")] = ""


class NewRevocation(Input):
    reason: Reason


class NewOverrideReview(Input):
    """What is said to an override afterwards; a dispute says why in ``note``."""

    verdict: Literal["accepted", "disputed"]
    note: Note = ""


class OverrideReviewResource(Resource):
    """A review of an override."""

    verdict: str
    note: str
    reviewed_at: datetime
    reviewed_by: str


class OverrideResource(Resource):
    """An override. ``reviews``: what others said to it, the latest first; the latest stands."""

    id: UUID
    step: str
    patient_id: UUID
    encounter_id: UUID
    order_id: UUID | None
    reason: str
    triage_level: int | None
    condition: str
    starts_at: datetime
    expires_at: datetime
    created_at: datetime
    created_by: str
    held_decision_id: UUID | None
    revoked_at: datetime | None
    revoked_by: str
    reviews: list[OverrideReviewResource]


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
        return _("Payment required: %(amount)s.") % {"amount": Money(due_minor, currency)}
    return _("Released by an override.") if outcome == Outcome.OVERRIDDEN.value else reason


def source_for(actor: Actor, source: str) -> str:
    """``source`` for who may read billing; for others without the service, whose code tells what was ordered."""
    return "service" if source.startswith("service:") and not actor.may(SCOPE_BILLING) else source


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
        setting=decision.setting,
        source=source_for(actor, decision.source),
        deposit_asked_minor=decision.deposit.asked_minor if decision.deposit else 0,
        deposit_given_minor=decision.deposit.given_minor if decision.deposit else 0,
        options=[option_resource(option) for option in decision.options],
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
        setting=row.setting,
        source=source_for(actor, row.source),
        deposit_asked_minor=0,
        deposit_given_minor=0,
        options=[],
    )


def option_resource(option: Option) -> OptionResource:
    return OptionResource(code=option.code, title=str(option.title), permission=option.permission)


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


def stored_decision(row: GateDecision, actor: Actor) -> StoredDecision:
    """A decision as it was stored. What the visit is about is a fact for those who may read diagnoses."""
    facts = row.facts
    if not actor.may(PERMISSION_READ_DIAGNOSES):
        facts = {name: fact for name, fact in facts.items() if name != "conditions"}
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
        facts=facts,
        configuration_version=row.configuration_version,
        decided_at=row.decided_at,
        asked_by=row.asked_by,
        setting=row.setting,
        source=row.source,
    )


def override_resources(rows: list[Override]) -> list[OverrideResource]:
    """Overrides with their revocations and reviews, in two more statements."""
    revoked = {row.override_id: row for row in OverrideRevocation.objects.filter(override__in=rows)}
    reviews: dict[UUID, list[OverrideReview]] = {}
    for review in OverrideReview.objects.filter(override__in=rows).order_by("-reviewed_at", "-id"):
        reviews.setdefault(review.override_id, []).append(review)
    return [_override_resource(row, revoked.get(row.id), reviews.get(row.id, [])) for row in rows]


def _override_resource(
    row: Override, revocation: OverrideRevocation | None, reviews: list[OverrideReview]
) -> OverrideResource:
    return OverrideResource(
        id=row.id,
        step=row.step,
        patient_id=row.patient_id,
        encounter_id=row.encounter_id,
        order_id=row.order_id,
        reason=row.reason,
        triage_level=row.triage_level,
        condition=row.condition,
        starts_at=row.starts_at,
        expires_at=row.expires_at,
        created_at=row.created_at,
        created_by=row.created_by,
        held_decision_id=row.held_decision_id,
        revoked_at=revocation.at if revocation else None,
        revoked_by=revocation.revoked_by if revocation else "",
        reviews=[
            OverrideReviewResource(
                verdict=review.verdict,
                note=review.note,
                reviewed_at=review.reviewed_at,
                reviewed_by=review.reviewed_by,
            )
            for review in reviews
        ],
    )
