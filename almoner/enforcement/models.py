"""Policies, decisions and overrides: may this service go ahead, why, and who said otherwise."""

from __future__ import annotations

from django.db import models

from almoner.kernel.tenancy import TenantForeignKey, TenantModel
from almoner.patients.models import Encounter, Patient


class PaymentPolicy(TenantModel):
    """What the hospital, a module, a department, a service or a category of patients asks before a step
    (section 7.3 BillingPolicy). ``subject`` is the code of what the block is about, empty for the hospital.

    ``settings`` keeps the file's own words (sections 1.2, 3.2, 4.1, 4.2), checked when they were loaded;
    ``enforcement.policy`` reads them into one vocabulary.
    """

    class Scope(models.TextChoices):
        HOSPITAL = "hospital"
        MODULE = "module"
        DEPARTMENT = "department"
        SERVICE = "service"
        PATIENT_CATEGORY = "patient_category"

    scope = models.CharField(max_length=20, choices=Scope.choices)
    subject = models.SlugField(max_length=80, default="", blank=True)
    settings = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hospital_id", "scope", "subject"], name="payment_policy_once")
        ]


class GateDecision(TenantModel):
    """An answer of the gate at a step, with the facts and the policy it was made from.

    ``setting`` decided and stood in the block ``source``, such as ``department:cardiology``.
    """

    class Outcome(models.TextChoices):
        ALLOWED = "allowed"
        REMINDED = "reminded"
        DEFERRED = "deferred"
        HELD = "held"
        OVERRIDDEN = "overridden"

    step = models.CharField(max_length=60)
    patient = TenantForeignKey(Patient)
    encounter = TenantForeignKey(Encounter, null=True)
    order_id = models.UUIDField(null=True)
    outcome = models.CharField(max_length=12, choices=Outcome.choices)
    reason_code = models.CharField(max_length=40)
    reason = models.CharField(max_length=500)
    due_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    facts = models.JSONField()
    configuration_version = models.IntegerField()
    decided_at = models.DateTimeField()
    asked_by = models.CharField(max_length=200)
    setting = models.CharField(max_length=40, db_default="", default="", blank=True)
    source = models.CharField(max_length=120, db_default="", default="", blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["hospital_id", "decided_at"], name="decision_by_time"),
            models.Index(fields=["hospital_id", "encounter"], name="decision_by_encounter"),
        ]


class Override(TenantModel):
    """A person's decision that a step goes ahead unpaid (section 8.1): audited, expiring, revocable.

    ``order_id`` empty: every step of that name in the encounter. ``held_decision`` is set when it was
    applied retroactively. ``condition``: the patient's condition that a conditional override rests on (a code).
    """

    step = models.CharField(max_length=60)
    patient = TenantForeignKey(Patient)
    encounter = TenantForeignKey(Encounter)
    order_id = models.UUIDField(null=True)
    reason = models.CharField(max_length=500)
    triage_level = models.SmallIntegerField(null=True)
    condition = models.SlugField(max_length=40, db_default="", default="", blank=True)
    starts_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=200)
    held_decision = TenantForeignKey(GateDecision, null=True)
    idempotency_key = models.CharField(max_length=200)
    content_hash = models.CharField(max_length=64)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hospital_id", "idempotency_key"], name="override_key_once"),
            models.CheckConstraint(
                condition=models.Q(expires_at__gt=models.F("starts_at")), name="override_expires"
            ),
        ]
        indexes = [
            models.Index(fields=["hospital_id", "encounter"], name="override_by_encounter"),
            models.Index(fields=["hospital_id", "created_at"], name="override_by_time"),
        ]


class OverrideRevocation(TenantModel):
    """An override taken back."""

    override = TenantForeignKey(Override)
    at = models.DateTimeField()
    revoked_by = models.CharField(max_length=200)
    reason = models.CharField(max_length=500)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hospital_id", "override"], name="override_revoked_once")
        ]


class OverrideReview(TenantModel):
    """What somebody else said to an override afterwards; the latest review stands.

    ``granted_by`` repeats who granted it, so that the database refuses a review of one's own override.
    """

    class Verdict(models.TextChoices):
        ACCEPTED = "accepted"
        DISPUTED = "disputed"

    override = TenantForeignKey(Override)
    verdict = models.CharField(max_length=10, choices=Verdict.choices)
    note = models.CharField(max_length=500, default="", blank=True)
    granted_by = models.CharField(max_length=200)
    reviewed_by = models.CharField(max_length=200)
    reviewed_at = models.DateTimeField()
    idempotency_key = models.CharField(max_length=200)
    content_hash = models.CharField(max_length=64)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["hospital_id", "idempotency_key"], name="override_review_key_once"
            ),
            models.CheckConstraint(
                condition=~models.Q(reviewed_by=models.F("granted_by")), name="override_reviewed_by_another"
            ),
            models.CheckConstraint(
                condition=models.Q(verdict="accepted") | ~models.Q(note=""), name="override_dispute_says_why"
            ),
        ]
        indexes = [
            models.Index(fields=["hospital_id", "override", "reviewed_at"], name="override_review_latest")
        ]
