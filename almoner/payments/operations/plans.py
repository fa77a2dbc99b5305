"""Arrangements to pay later: agreed, ended, and changed by two. What is paid of them are ordinary payments."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid5

from django.db import IntegrityError
from django.db.transaction import atomic
from django.utils.translation import gettext as _

from almoner.charging import operations as charging
from almoner.hospitals.models import Hospital
from almoner.identity import audit
from almoner.kernel.actor import Actor
from almoner.kernel.clock import local_date
from almoner.kernel.errors import Conflict, DomainError, IdempotencyMismatch, NotFound
from almoner.kernel.idempotency import check_key, content_hash
from almoner.kernel.ids import new_id
from almoner.kernel.tenancy import transaction
from almoner.patients.models import Encounter, PatientAccount
from almoner.payments.models import PaymentPlan, PlanCancellation, PlanChangeRequest, PlanInstalment
from almoner.payments.operations.plan_fees import (
    PlanFees,
    charge_fees,
    fees_for,
    fees_of,
    not_earned,
    take_back_fees,
)
from almoner.payments.operations.shared import PERMISSION_PLAN, check_amount, check_reason, replayed
from almoner.payments.plan_queries import PlanStanding, find_plan, standing_of, standings_of
from almoner.payments.plans import PlanStatus, Terms, schedule

IN_FORCE = (PlanStatus.ON_TRACK, PlanStatus.BEHIND)


def agree_plan(
    hospital_id: UUID,
    *,
    patient_account_id: UUID,
    encounter_id: UUID | None,
    total_minor: int,
    terms: Terms,
    patient_agreed_by: str = "",
    actor: Actor,
    at: datetime,
    idempotency_key: str = "",
) -> PaymentPlan:
    """Record that the patient pays ``total_minor`` (minor units) by ``terms``; gates read how it stands.

    What the plan itself costs by the hospital's policy is charged now and paid with it: the instalments come to
    ``total_minor`` and the fees (operations/plan_fees.py).
    The plan covers the charges of ``encounter_id``, or without it what has been charged on the account so
    far. With ``idempotency_key`` the plan's id follows from it: repeating the request returns the first
    plan, and raises ``IdempotencyMismatch`` when it says something else. Raises ``DomainError`` naming the
    field when the terms are wrong or do not add up, ``Conflict`` when another plan covers the same.
    """
    actor.require(PERMISSION_PLAN)
    check_amount(total_minor, "total_minor")
    if len(patient_agreed_by) > 200:
        raise DomainError(_("A name has at most 200 characters."), field="patient_agreed_by")
    hashed = content_hash([patient_account_id, encounter_id, total_minor, terms.as_data(), patient_agreed_by])
    with transaction(hospital_id):
        account = charging.lock_account(patient_account_id)
        plan_id = plan_of_key(hospital_id, idempotency_key) if idempotency_key else new_id()
        before = PaymentPlan.objects.filter(id=plan_id).first()
        if before is not None:
            if before.content_hash != hashed:
                raise IdempotencyMismatch(idempotency_key)
            return before
        _check_not_covered(account, encounter_id, at)
        return _write(
            account,
            encounter_id,
            total_minor,
            terms,
            fees_for(hospital_id, account.patient_id, encounter_id),
            patient_agreed_by,
            actor,
            at,
            id=plan_id,
            content_hash=hashed,
        )


def plan_of_key(hospital_id: UUID, idempotency_key: str) -> UUID:
    """The id of the plan that is agreed under this key. Raises ``DomainError`` when it is no key."""
    return uuid5(hospital_id, f"plan:{check_key(idempotency_key)}")


def _check_not_covered(account: PatientAccount, encounter_id: UUID | None, at: datetime) -> None:
    """No charge is of two plans in force: one for the visit, or one for the account as it was."""
    plans = list(PaymentPlan.objects.filter(patient_account=account))
    standing = standings_of(plans, at)
    for plan in plans:
        if standing[plan.id].status not in IN_FORCE:
            continue
        same = plan.encounter_id == encounter_id or encounter_id is None
        if not same and encounter_id is not None and plan.encounter_id is None:
            same = Encounter.objects.filter(id=encounter_id, started_at__lte=plan.agreed_at).exists()
        if same:
            raise Conflict(
                _("A payment plan covers this already. Change that plan, or cancel it first."),
                field="encounter_id",
                code="plan_in_force",
                detail={"plan_id": str(plan.id)},
            )


def _write(
    account: PatientAccount,
    encounter_id: UUID | None,
    total_minor: int,
    terms: Terms,
    fees: PlanFees,
    patient_agreed_by: str,
    actor: Actor,
    at: datetime,
    **columns: Any,
) -> PaymentPlan:
    """The plan with its fees and instalments, and its record in the audit trail."""
    plan_id = columns.pop("id", None) or new_id()
    fees_minor = fees.total_minor(terms)
    total_minor += fees_minor
    parts = schedule(terms, total_minor, agreed_on=_today(account.hospital_id, at))
    charge_fees(plan_id, account, encounter_id, fees, terms, actor=actor, at=at)
    plan = PaymentPlan.objects.create(
        id=plan_id,
        hospital_id=account.hospital_id,
        patient_account=account,
        encounter_id=encounter_id,
        total_minor=total_minor,
        fees_minor=fees_minor,
        currency=account.currency,
        frequency=terms.frequency.value,
        grace_days=terms.grace_days,
        patient_agreed_by=patient_agreed_by.strip(),
        agreed_at=at,
        agreed_by=actor.name,
        **columns,
    )
    PlanInstalment.objects.bulk_create(
        [
            PlanInstalment(
                hospital_id=plan.hospital_id,
                plan=plan,
                number=one.number,
                due_on=one.due_on,
                amount_minor=one.amount_minor,
            )
            for one in parts
        ]
    )
    _audit("agreed", plan, actor, at, total_minor=total_minor, fees_minor=fees_minor, instalments=len(parts))
    return plan


def _today(hospital_id: UUID, at: datetime) -> date:
    return local_date(at, Hospital.objects.values_list("time_zone", flat=True).get(id=hospital_id))


def cancel_plan(
    hospital_id: UUID, plan_id: UUID, *, reason: str, actor: Actor, at: datetime
) -> PlanCancellation:
    """End a plan that is not paid: what is open falls due as it would have without it.

    The fees of instalments whose day has not come are taken back, all fees when nothing was paid by the plan.
    Repeated it returns the first cancellation. Raises ``NotFound``, and ``Conflict`` when it is paid.
    """
    actor.require(PERMISSION_PLAN)
    check_reason(reason)
    with transaction(hospital_id):
        plan = _locked(plan_id)
        before = PlanCancellation.objects.filter(plan=plan).first()
        if before is not None:
            return before
        standing = _check_in_force(standing_of(plan, at))
        fees = fees_of(plan) if plan.fees_minor else []
        if standing.paid_minor:
            fees = not_earned(plan, fees, _today(hospital_id, at))
        taken_back_minor = take_back_fees(plan, fees, actor=actor, at=at)
        made = PlanCancellation.objects.create(
            hospital_id=hospital_id, plan=plan, reason=reason.strip(), at=at, cancelled_by=actor.name
        )
        _audit("cancelled", plan, actor, at, reason=reason, fees_taken_back_minor=taken_back_minor)
        return made


def request_plan_change(
    hospital_id: UUID,
    plan_id: UUID,
    *,
    terms: Terms,
    reason: str,
    idempotency_key: str,
    actor: Actor,
    at: datetime,
) -> PlanChangeRequest:
    """Ask that what is left of a plan be paid by other ``terms``. Nothing changes until somebody else approves.

    Raises ``Conflict`` when the plan is not in force or a change waits already, and as ``agree_plan``.
    """
    actor.require(PERMISSION_PLAN)
    check_key(idempotency_key)
    check_reason(reason)
    hashed = content_hash([plan_id, terms.as_data(), reason])
    with transaction(hospital_id):
        plan = _locked(plan_id)
        before = replayed(PlanChangeRequest, idempotency_key, hashed)
        if before is not None:
            return before  # type: ignore[no-any-return]
        left_minor, fees = _left(plan, at)
        schedule(terms, left_minor + fees.total_minor(terms), agreed_on=_today(hospital_id, at))
        if PlanChangeRequest.objects.filter(plan=plan, decision="").exists():
            raise Conflict(
                _("A change of this plan waits for a second person already."),
                field="plan_id",
                code="plan_change_requested",
            )
        request = PlanChangeRequest.objects.create(
            hospital_id=hospital_id,
            plan=plan,
            terms=terms.as_data(),
            reason=reason.strip(),
            at=at,
            requested_by=actor.name,
            requester_id=actor.user_id,
            idempotency_key=idempotency_key,
            content_hash=hashed,
        )
        _audit("change_requested", plan, actor, at, reason=reason)
        return request


def approve_plan_change(hospital_id: UUID, request_id: UUID, *, actor: Actor, at: datetime) -> PaymentPlan:
    """Put a new plan for what is left in the place of the old one, as the second person of the request.

    Raises ``Conflict`` when it is the approver's own request, was decided already, or the plan ended
    meanwhile; ``DomainError`` when the terms do not fit what is left by now.
    """
    actor.require(PERMISSION_PLAN)
    with transaction(hospital_id):
        request, plan = _locked_request(request_id)
        if request.decision == PlanChangeRequest.Decision.APPROVED and request.decided_by == actor.name:
            return PaymentPlan.objects.get(replaces=plan)
        left_minor, fees = _left(plan, at)
        _decide(request, PlanChangeRequest.Decision.APPROVED, actor, at)
        take_back_fees(plan, not_earned(plan, fees_of(plan), _today(hospital_id, at)), actor=actor, at=at)
        account = PatientAccount.objects.get(id=plan.patient_account_id)
        return _write(
            account,
            plan.encounter_id,
            left_minor,
            Terms.of_data(request.terms),
            fees,
            plan.patient_agreed_by,
            actor,
            at,
            replaces=plan,
        )


def refuse_plan_change(
    hospital_id: UUID, request_id: UUID, *, actor: Actor, at: datetime
) -> PlanChangeRequest:
    """Leave the plan as it is, as the second person of the request. Raises as ``approve_plan_change``."""
    actor.require(PERMISSION_PLAN)
    with transaction(hospital_id):
        request, plan = _locked_request(request_id)
        if request.decision == PlanChangeRequest.Decision.REFUSED and request.decided_by == actor.name:
            return request
        _decide(request, PlanChangeRequest.Decision.REFUSED, actor, at)
        _audit("change_refused", plan, actor, at)
        return request


def _left(plan: PaymentPlan, at: datetime) -> tuple[int, PlanFees]:
    """What another plan in the place of ``plan`` is for, and what it costs itself: there is no second fee for the
    agreement, and the fees of instalments whose day has not come are not of it. Raises ``Conflict``."""
    standing = _check_in_force(standing_of(plan, at))
    dropped = not_earned(plan, fees_of(plan), _today(plan.hospital_id, at)) if plan.fees_minor else []
    left_minor = plan.total_minor - standing.settled_minor - sum(item.net_minor or 0 for item in dropped)
    account = PatientAccount.objects.get(id=plan.patient_account_id)
    fees = fees_for(plan.hospital_id, account.patient_id, plan.encounter_id)
    return left_minor, replace(fees, setup_minor=0)


def _locked(plan_id: UUID) -> PaymentPlan:
    plan = find_plan(plan_id)
    charging.lock_account(plan.patient_account_id)
    return plan


def _locked_request(request_id: UUID) -> tuple[PlanChangeRequest, PaymentPlan]:
    """The request and its plan, after the account was locked: the order in which all money is locked."""
    request = PlanChangeRequest.objects.filter(id=request_id).first()
    if request is None:
        raise NotFound(_("There is no such request."), field="request_id", code="unknown_plan_change")
    plan = _locked(request.plan_id)
    return PlanChangeRequest.objects.select_for_update().get(id=request_id), plan


def _check_in_force(standing: PlanStanding) -> PlanStanding:
    if standing.status not in IN_FORCE:
        raise Conflict(
            _("The plan is %(status)s: nothing is to be paid by it any more.")
            % {"status": standing.status.value},
            field="plan_id",
            code="plan_ended",
        )
    return standing


def _decide(request: PlanChangeRequest, decision: str, actor: Actor, at: datetime) -> None:
    if request.decision:
        raise Conflict(
            _("This was %(decision)s by %(who)s.")
            % {"decision": request.decision, "who": request.decided_by.partition(":")[2]},
            field="request_id",
            code="plan_change_decided",
        )
    request.decision, request.decided_at = decision, at
    request.decided_by, request.decider_id = actor.name, actor.user_id
    try:
        with atomic():
            request.save(update_fields=["decision", "decided_at", "decided_by", "decider_id"])
    except IntegrityError as error:
        if "plan_change_decided_by_another" not in str(error):
            raise
        raise Conflict(
            _("You asked for this change yourself: somebody else decides."), field="actor", code="own_request"
        ) from error


def _audit(what: str, plan: PaymentPlan, actor: Actor, at: datetime, **data: Any) -> None:
    audit.record(
        f"payment_plan.{what}", actor=actor, at=at, subject_kind="payment_plan", subject_id=plan.id, **data
    )
