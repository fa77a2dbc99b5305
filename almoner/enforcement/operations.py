"""Overrides: a person's decision that a step goes ahead unpaid (section 8.1)."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.utils.translation import gettext as _

from almoner.enforcement.facts import StepFacts, Subject, read_facts
from almoner.enforcement.models import GateDecision, Override, OverrideReview, OverrideRevocation
from almoner.enforcement.policy import Level, OverrideRule
from almoner.identity import audit
from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict, DomainError, IdempotencyMismatch, NotFound
from almoner.kernel.idempotency import check_key, content_hash
from almoner.kernel.ids import new_id
from almoner.kernel.tenancy import require_transaction, transaction

PERMISSION_OVERRIDE = "enforcement.override"
PERMISSION_REVOKE = "enforcement.revoke_override"
PERMISSION_REVIEW = "enforcement.review_override"
MAXIMUM_LIFETIME = timedelta(days=30)


def grant_override(
    hospital_id: UUID,
    *,
    step: str,
    subject: Subject,
    reason: str,
    expires_at: datetime,
    idempotency_key: str,
    actor: Actor,
    at: datetime,
    triage_level: int | None = None,
    held_decision_id: UUID | None = None,
    condition: str = "",
) -> Override:
    """Let ``step`` go ahead for ``subject`` until ``expires_at``; charges still accumulate.

    With ``held_decision_id`` it is applied retroactively: it counts from when that decision held the
    step. Under the rule ``conditional``, and under the level ``emergency_only``, the triage level (given, else
    the encounter's) must be at or below the configured one, or ``condition`` (a code) one of the configured
    conditions (section 8.1); under ``never`` staff cannot override.

    Raises ``PermissionRefused``, ``DomainError`` naming the field, ``Conflict`` when the policy refuses.
    """
    actor.require(PERMISSION_OVERRIDE)
    check_key(idempotency_key)
    _check_request(reason, expires_at, triage_level, at)
    hashed = content_hash(
        [step, subject.encounter_id, subject.order_id, reason, expires_at, triage_level, held_decision_id]
        + ([condition] if condition else [])
    )
    with transaction(hospital_id):
        before = Override.objects.filter(idempotency_key=idempotency_key).first()
        if before is not None:
            if before.content_hash != hashed:
                raise IdempotencyMismatch(idempotency_key)
            return before
        read = read_facts(hospital_id, step, subject, at)
        triage = _triage_that_permits(read, triage_level, condition)
        starts_at = at
        if held_decision_id is not None:
            starts_at = _held(held_decision_id, step, subject).decided_at
        override = Override.objects.create(
            hospital_id=hospital_id,
            step=step,
            patient_id=read.patient_id,
            encounter_id=subject.encounter_id,
            order_id=subject.order_id,
            reason=reason,
            triage_level=triage,
            condition=condition,
            starts_at=starts_at,
            expires_at=expires_at,
            created_at=at,
            created_by=actor.name,
            held_decision_id=held_decision_id,
            idempotency_key=idempotency_key,
            content_hash=hashed,
        )
        audit.record(
            "override.granted",
            actor=actor,
            at=at,
            subject_kind="override",
            subject_id=override.id,
            step=step,
            reason=reason,
            retroactive=held_decision_id is not None,
        )
        return override


def _check_request(reason: str, expires_at: datetime, triage_level: int | None, at: datetime) -> None:
    if not reason.strip() or len(reason) > 500:
        raise DomainError(_("Say why, in 1 to 500 characters."), field="reason", code="reason_missing")
    if not at < expires_at <= at + MAXIMUM_LIFETIME:
        raise DomainError(
            _("An override expires within %(days)s days from now.") % {"days": MAXIMUM_LIFETIME.days},
            field="expires_at",
            code="invalid_expiry",
        )
    if triage_level is not None and not 1 <= triage_level <= 5:
        raise DomainError(
            _("A triage level is 1 to 5 (ESI)."), field="triage_level", code="invalid_triage_level"
        )


def _triage_that_permits(read: StepFacts, triage_level: int | None, condition: str) -> int | None:
    """The triage level an override rests on; ``Conflict`` when the policy lets nobody override, or not then."""
    facts = read.facts
    visit = read.policies.resolve(
        department=facts.department, module=facts.module, category=facts.patient_category
    )
    asked = [visit] + [
        read.policies.resolve(
            department=item.department or facts.department,
            service=item.service,
            module=facts.module,
            category=facts.patient_category,
        )
        for item in facts.items
    ]
    triage = triage_level if triage_level is not None else facts.triage_level
    if any(settings.override is OverrideRule.NEVER for settings in asked):
        raise Conflict(_("The hospital's policy allows no override here."), code="override_not_allowed")
    conditional = any(
        settings.override is OverrideRule.CONDITIONAL or settings.level is Level.EMERGENCY_ONLY
        for settings in asked
    )
    urgent = triage is not None and triage <= (visit.override_triage or 0)
    if conditional and not urgent and condition not in (visit.override_conditions or ()):
        known = ", ".join(visit.override_conditions or ())
        or_else = f", or one of these conditions: {known}" if known else ""
        raise Conflict(
            _("An override here needs triage level %(override_triage)s or more urgent%(or_else)s.")
            % {"override_triage": visit.override_triage, "or_else": or_else},
            field="condition" if condition else "triage_level",
            code="triage_not_urgent",
        )
    return triage


def _held(decision_id: UUID, step: str, subject: Subject) -> GateDecision:
    decision = GateDecision.objects.filter(
        id=decision_id,
        step=step,
        encounter_id=subject.encounter_id,
        order_id=subject.order_id,
        outcome=GateDecision.Outcome.HELD,
    ).first()
    if decision is None:
        raise NotFound(
            _("There is no held decision of this step, encounter and order with that id."),
            field="held_decision_id",
            code="unknown_decision",
        )
    return decision


def record_exception(*, step: str, subject: Subject, reason: str, actor: Actor, at: datetime) -> Override:
    """Note that a step goes ahead without an arrangement because it must (a patient who leaves).

    Nobody is kept against their will, so this asks no policy; it is audited and reviewed like every
    override. Needs the transaction of the step's operation.
    """
    hospital_id = require_transaction()
    if not reason.strip() or len(reason) > 500:
        raise DomainError(_("Say why, in 1 to 500 characters."), field="exception", code="reason_missing")
    read = read_facts(hospital_id, step, subject, at)
    key = new_id()
    override = Override.objects.create(
        hospital_id=hospital_id,
        step=step,
        patient_id=read.patient_id,
        encounter_id=subject.encounter_id,
        order_id=subject.order_id,
        reason=reason,
        triage_level=read.facts.triage_level,
        starts_at=at,
        expires_at=at + timedelta(minutes=10),
        created_at=at,
        created_by=actor.name,
        idempotency_key=f"exception:{key}",
        content_hash=content_hash([step, subject.encounter_id, reason]),
    )
    audit.record(
        "override.exception_recorded",
        actor=actor,
        at=at,
        subject_kind="override",
        subject_id=override.id,
        step=step,
        reason=reason,
    )
    return override


def revoke_override(
    hospital_id: UUID, override_id: UUID, *, reason: str, actor: Actor, at: datetime
) -> OverrideRevocation:
    """Take an override back from now on; what went ahead under it stays done.

    Raises ``NotFound``, or ``Conflict`` when it was revoked already.
    """
    actor.require(PERMISSION_REVOKE)
    if not reason.strip() or len(reason) > 500:
        raise DomainError(_("Say why, in 1 to 500 characters."), field="reason", code="reason_missing")
    with transaction(hospital_id):
        override = find_override(override_id)
        revocation, created = OverrideRevocation.objects.get_or_create(
            override=override,
            defaults={"hospital_id": hospital_id, "at": at, "revoked_by": actor.name, "reason": reason},
        )
        if not created:
            raise Conflict(
                _("The override was revoked already."), field="override_id", code="already_revoked"
            )
        audit.record(
            "override.revoked",
            actor=actor,
            at=at,
            subject_kind="override",
            subject_id=override.id,
            reason=reason,
        )
        return revocation


def find_override(override_id: UUID) -> Override:
    """The override. Raises ``NotFound``. Needs the hospital's transaction."""
    override = Override.objects.filter(id=override_id).first()
    if override is None:
        raise NotFound(
            _("There is no such override at this hospital."), field="override_id", code="unknown_override"
        )
    return override


def review_override(
    hospital_id: UUID,
    override_id: UUID,
    *,
    verdict: str,
    note: str = "",
    idempotency_key: str,
    actor: Actor,
    at: datetime,
) -> OverrideReview:
    """Say afterwards whether an override (or an exception at discharge) was right (section 8.1).

    ``verdict``: accepted, or disputed with a note that says why. A further review replaces the one before;
    all of them stay on record. It changes nothing about the money: what is open stays open.

    Raises ``NotFound``, ``DomainError`` naming the field, ``Conflict`` for one's own override.
    """
    actor.require(PERMISSION_REVIEW)
    check_key(idempotency_key)
    note = note.strip()
    if verdict not in OverrideReview.Verdict.values:
        raise DomainError(_("Expected accepted or disputed."), field="verdict", code="invalid_verdict")
    if verdict == OverrideReview.Verdict.DISPUTED and not note:
        raise DomainError(_("Say what is wrong with it."), field="note", code="note_missing")
    if len(note) > 500:
        raise DomainError(_("A note has at most 500 characters."), field="note", code="note_too_long")
    hashed = content_hash([override_id, verdict, note])
    with transaction(hospital_id):
        before = OverrideReview.objects.filter(idempotency_key=idempotency_key).first()
        if before is not None:
            if before.content_hash != hashed:
                raise IdempotencyMismatch(idempotency_key)
            return before
        override = find_override(override_id)
        if override.created_by == actor.name:
            raise Conflict(
                _("Nobody reviews their own override: somebody else has to."),
                field="override_id",
                code="own_override",
            )
        review = OverrideReview.objects.create(
            hospital_id=hospital_id,
            override=override,
            verdict=verdict,
            note=note,
            granted_by=override.created_by,
            reviewed_by=actor.name,
            reviewed_at=at,
            idempotency_key=idempotency_key,
            content_hash=hashed,
        )
        audit.record(
            "override.reviewed",
            actor=actor,
            at=at,
            subject_kind="override",
            subject_id=override.id,
            verdict=verdict,
            note=note,
        )
        return review
