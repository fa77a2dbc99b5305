"""Billing status of a patient (section 5.1) and of a step (section 5.2): one read each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from almoner.enforcement.facts import (
    RecentPayment,
    StepFacts,
    Subject,
    due_items,
    overrides_in_force,
    policies_at,
    read_facts,
    read_many_facts,
)
from almoner.enforcement.plan_offers import Owing, PlanOffer, offer_for_patient, offer_for_visit
from almoner.enforcement.policy import ChargeTiming, Policies, Settings
from almoner.enforcement.rules import Decision, Facts, Option, Outcome, decide
from almoner.kernel.errors import NotFound
from almoner.kernel.service_points import modules, steps
from almoner.kernel.tenancy import autocommit, transaction


class PaymentStatus(StrEnum):
    GOOD_STANDING = "Good Standing"
    PAYMENT_DUE = "Payment Due"
    OVERDUE = "Overdue"


@dataclass(frozen=True, slots=True)
class BlockedService:
    """A step that the gate would hold now."""

    step: str
    title: str | Promise
    encounter_id: UUID
    order_id: UUID | None
    due_minor: int
    reason: str
    options: tuple[Option, ...] = ()
    plan_offer: PlanOffer | None = None


@dataclass(frozen=True, slots=True)
class BillingStatus:
    """The widget of section 5.1. Amounts in minor units of ``currency``.

    ``outstanding_minor`` is what the patient owes; what payers owe stands apart. ``plan_status`` is
    ``on_track``, ``behind``, ``completed``, or empty without a plan. ``plan_offer`` is the plan that the rules
    offer for what is open.
    """

    patient_id: UUID
    currency: str
    outstanding_minor: int
    payer_outstanding_minor: int
    available_credit_minor: int
    payment_status: PaymentStatus
    next_payment_due: datetime | None
    next_payment_due_minor: int
    blocked_services: tuple[BlockedService, ...]
    plan_status: str
    plan_offer: PlanOffer | None = None


@dataclass(frozen=True, slots=True)
class Action:
    """A button of the service point bar; ``why_not`` says why it is disabled."""

    code: str
    title: str | Promise
    permission: str
    enabled: bool
    why_not: str | Promise = ""


@dataclass(frozen=True, slots=True)
class ServicePointStatus:
    """The bar of section 5.2 for one step. ``payment_status``: Required, Deferred or Paid. ``plan_offer``: the plan
    that would release it and that the rules offer."""

    step: str
    patient_id: UUID
    patient_account_id: UUID
    currency: str
    cost_minor: int
    due_minor: int
    payment_status: str
    balance_minor: int
    decision: Decision
    actions: tuple[Action, ...]
    recent_payments: tuple[RecentPayment, ...]
    plan_offer: PlanOffer | None = None


def billing_status(hospital_id: UUID, patient_id: UUID, *, at: datetime) -> BillingStatus:
    """How the patient stands at ``at``; one statement. Raises ``NotFound``."""
    with autocommit(hospital_id):
        return _status(hospital_id, _read_status(hospital_id, patient_id, at), at)


def _read_status(hospital_id: UUID, patient_id: UUID, at: datetime) -> Sequence[Any]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM enforcement_status(%s, %s, %s)", [hospital_id, patient_id, at])
        row = cursor.fetchone()
    if row is None:
        raise NotFound(
            gettext("There is no such patient at this hospital."), field="patient_id", code="unknown_patient"
        )
    return tuple(row)


def plan_offer(
    hospital_id: UUID,
    patient_id: UUID,
    encounter_id: UUID | None = None,
    *,
    at: datetime,
    discharging: bool = False,
) -> PlanOffer | None:
    """The plan that the rules offer for a visit, or without it for what the patient owes; one statement.

    None when they offer none. ``discharging``: asked for as the arrangement at discharge. Raises ``NotFound``.
    """
    with autocommit(hospital_id):
        row = _read_status(hospital_id, patient_id, at)
        policies = policies_at(hospital_id, row[0])
        owing = _owing(row)
    if encounter_id is None:
        return offer_for_patient(policies, owing)
    return offer_for_visit(policies, owing, encounter_id, discharging=discharging)


def _owing(row: Sequence[Any]) -> Owing:
    """What of a row of ``enforcement_status`` an offered plan is made from."""
    _version, currency, survivor, _owed, _of_payers, _deposit, plans, items, _overrides, category, *rest = row
    missed_on, today, rounding_step_minor = rest
    return Owing(
        patient_id=survivor,
        currency=currency,
        category=category,
        items=items or [],
        has_plan=any(plan["status"] in ("on_track", "behind") for plan in plans or []),
        missed_on=missed_on,
        today=today,
        rounding_step_minor=rounding_step_minor,
    )


def billing_statuses(
    hospital_id: UUID, patient_ids: Iterable[UUID], *, at: datetime
) -> dict[UUID, BillingStatus]:
    """``billing_status`` of many patients in one statement; patients this hospital does not know are left out."""
    with transaction(hospital_id):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT asked.id, status.* FROM unnest(%s::uuid[]) AS asked (id)"
                " CROSS JOIN LATERAL enforcement_status(%s, asked.id, %s) AS status",
                [list(patient_ids), hospital_id, at],
            )
            rows = cursor.fetchall()
        return {patient_id: _status(hospital_id, row, at) for patient_id, *row in rows}


def _status(hospital_id: UUID, row: Sequence[Any], at: datetime) -> BillingStatus:
    """A row of ``enforcement_status`` as people read it."""
    (
        version,
        currency,
        survivor,
        receivable,
        payer_receivable,
        deposit,
        plans,
        items,
        overrides,
        category,
        *_of_offers,
    ) = row
    policies = policies_at(hospital_id, version)
    owing = _owing(row) if policies.offers_plans() else None
    items, overrides, plans = items or [], overrides or [], plans or []
    posted = [item for item in items if not item["planned"] and item["due_minor"] is not None]
    blocked = tuple(_blocked(policies, items, overrides, plans, receivable, deposit, currency, category, at))
    if owing is not None:
        blocked = tuple(_with_offer(one, policies, owing) for one in blocked)
    posted = [item for item in posted if not _due_once_given(policies, item, category)]
    next_due = min((datetime.fromisoformat(item["due_at"]) for item in posted), default=None)
    return BillingStatus(
        patient_id=survivor,
        currency=currency,
        outstanding_minor=receivable,
        payer_outstanding_minor=payer_receivable,
        available_credit_minor=deposit,
        payment_status=_payment_status(policies, posted, category, at),
        next_payment_due=next_due,
        next_payment_due_minor=sum(
            item["due_minor"] for item in posted if datetime.fromisoformat(item["due_at"]) == next_due
        ),
        blocked_services=blocked,
        plan_status=plans[0]["status"] if plans else "",
        plan_offer=offer_for_patient(policies, owing) if owing is not None else None,
    )


def _with_offer(blocked: BlockedService, policies: Policies, owing: Owing) -> BlockedService:
    """``blocked`` with the plan that the rules offer, where a plan releases the step."""
    if not any(option.code == "plan" for option in blocked.options):
        return blocked
    return replace(blocked, plan_offer=offer_for_visit(policies, owing, blocked.encounter_id))


def _settings_of(policies: Policies, item: dict[str, Any], category: str) -> Settings:
    return policies.resolve(
        department=item["department"] or item["encounter_department"] or "",
        service=item["service"],
        category=category,
    )


def _due_once_given(policies: Policies, item: dict[str, Any], category: str) -> bool:
    """Whether a charge falls due only with its service, and that was not given yet (``charge_timing``)."""
    timing = _settings_of(policies, item, category).charge_timing
    return timing in (ChargeTiming.DURING_SERVICE, ChargeTiming.AFTER_SERVICE) and not item["delivered"]


def _payment_status(
    policies: Policies, posted: list[dict[str, Any]], category: str, at: datetime
) -> PaymentStatus:
    status = PaymentStatus.GOOD_STANDING
    for item in posted:
        due_at = datetime.fromisoformat(item["due_at"])
        if due_at > at:
            continue
        settings = _settings_of(policies, item, category)
        if at > due_at + timedelta(days=settings.grace_days or 0) and at.date() > due_at.date():
            return PaymentStatus.OVERDUE
        status = PaymentStatus.PAYMENT_DUE
    return status


def _asked_together(
    policies: Policies, items: list[dict[str, Any]]
) -> dict[tuple[str, str | None, str], list[dict[str, Any]]]:
    """The open charges by what they may hold: (encounter, order, step)."""
    groups: dict[tuple[str, str | None, str], list[dict[str, Any]]] = {}
    for item in items:
        if item["encounter_id"] and not item["delivered"]:
            for step in item["steps"]:
                groups.setdefault((item["encounter_id"], item["order_id"], step), []).append(item)
    elsewhere = set(policies.services_asked_elsewhere())
    for item in (item for item in items if item["service"] in elsewhere):
        for (encounter_id, *_rest), members in groups.items():
            if encounter_id == item["encounter_id"] and item not in members:
                members.append(item)
    return groups


def _blocked(
    policies: Policies,
    items: list[dict[str, Any]],
    overrides: list[dict[str, Any]],
    plans: list[dict[str, Any]],
    outstanding_minor: int,
    deposit_minor: int,
    currency: str,
    category: str,
    at: datetime,
) -> Iterator[BlockedService]:
    """Every (encounter, order, step) among the open charges that ``decide`` would hold now."""
    groups = _asked_together(policies, items)
    module_of = modules()
    known = steps()
    for (encounter_id, order_id, step), members in groups.items():
        first = members[0]
        plan = next((p for p in plans if p["encounter_id"] in (None, encounter_id)), None)
        facts = Facts(
            step=step,
            currency=currency,
            items=due_items(members),
            department=first["encounter_department"],
            department_kind=first["department_kind"],
            encounter_class=first["encounter_class"],
            triage_level=first["triage_level"],
            outstanding_minor=outstanding_minor,
            deposit_minor=deposit_minor,
            plan_status=plan["status"] if plan else "",
            overrides=overrides_in_force(
                row
                for row in overrides
                if row["step"] == step
                and row["encounter_id"] == encounter_id
                and row["order_id"] in (None, order_id)
            ),
            conceals_details=step in known and known[step].conceals_details,
            module=module_of.get(step, ""),
            patient_category=category,
            conditions=tuple(first["conditions"]),
        )
        decision = decide(policies, facts, at)
        if decision.outcome is Outcome.HELD:
            yield BlockedService(
                step=step,
                title=known[step].title if step in known else step,
                encounter_id=UUID(encounter_id),
                order_id=UUID(order_id) if order_id else None,
                due_minor=decision.due_minor,
                reason=decision.reason,
                options=decision.options,
            )


def service_point_status(
    hospital_id: UUID, step: str, subject: Subject, *, at: datetime
) -> ServicePointStatus:
    """Cost, payment status, balance, actions and recent payments of a step; one statement, nothing stored.

    One more when a plan would release the step and the hospital offers plans by rule.
    """
    with autocommit(hospital_id):
        read = read_facts(hospital_id, step, subject, at, with_payments=True)
    status = status_of(step, read, at=at)
    if not read.policies.offers_plans() or not any(
        one.code == "plan" and one.enabled for one in status.actions
    ):
        return status
    offer = plan_offer(
        hospital_id, read.patient_id, subject.encounter_id, at=at, discharging=read.facts.settles_encounter
    )
    return replace(status, plan_offer=offer)


def status_of(step: str, read: StepFacts, *, at: datetime) -> ServicePointStatus:
    """The same of facts that were read with their payments already; no statement."""
    decision = decide(read.policies, read.facts, at)
    if decision.due_minor == 0 and decision.outcome is not Outcome.HELD:
        payment_status = "Paid"
    else:
        payment_status = "Required" if decision.outcome is Outcome.HELD else "Deferred"
    return ServicePointStatus(
        step=step,
        patient_id=read.patient_id,
        patient_account_id=read.patient_account_id,
        currency=read.facts.currency,
        cost_minor=sum(item.net_minor or 0 for item in read.facts.items),
        due_minor=decision.due_minor,
        payment_status=payment_status,
        balance_minor=read.facts.outstanding_minor,
        decision=decision,
        actions=_actions(decision),
        recent_payments=read.payments,
    )


def decisions_now(
    hospital_id: UUID, asked: Sequence[tuple[str, Subject]], *, at: datetime
) -> list[Decision | None]:
    """What the gate would answer to each (step, subject) at ``at``; one statement, nothing stored.

    In the order of ``asked``; None for a step or an encounter that this hospital does not know.
    """
    with transaction(hospital_id):
        read = read_many_facts(hospital_id, asked, at)
    return [decide(one.policies, one.facts, at) if one else None for one in read]


def _actions(decision: Decision) -> tuple[Action, ...]:
    offered = {option.code for option in decision.options}
    due = decision.due_minor > 0

    def action(
        code: str, title: str | Promise, permission: str, enabled: bool, why_not: str | Promise
    ) -> Action:
        return Action(code, title, permission, enabled, "" if enabled else why_not)

    return (
        action("proceed", _("Proceed"), "", decision.may_proceed, decision.reason),
        action("pay", _("Process Payment"), "payments.record", due, _("Nothing is due.")),
        action(
            "plan",
            _("Setup Payment Plan"),
            "payments.plan",
            "plan" in offered,
            _("Nothing is held.") if decision.may_proceed else _("The policy does not accept a plan here."),
        ),
        action(
            "override",
            _("Emergency Override"),
            "enforcement.override",
            "override" in offered,
            _("Nothing is held.") if decision.may_proceed else _("The policy allows no override here."),
        ),
    )
