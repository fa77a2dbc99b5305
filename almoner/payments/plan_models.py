"""Arrangements to pay later: what was agreed, and what ended it. How a plan stands is derived, never stored."""

from __future__ import annotations

from django.db import models

from almoner.kernel.tenancy import TenantForeignKey, TenantModel
from almoner.patients.models import Encounter, PatientAccount


class PaymentPlan(TenantModel):
    """What a patient agreed to pay in parts (section 4.1); its parts are ``PlanInstalment``. Never changed.

    It covers the charges of ``encounter``; without one, what had been charged on the account when it was
    agreed. ``patient_agreed_by`` is who said yes (the patient, a relative), ``agreed_by`` the member of the
    staff. An instalment counts as missed ``grace_days`` after its day. ``replaces`` is the plan that this
    one was made out of. ``fees_minor`` of the total is what the plan itself costs (operations/plan_fees.py).
    ``payments_plan_standing`` (sql/plans.sql) tells how a plan stands.
    """

    patient_account = TenantForeignKey(PatientAccount)
    encounter = TenantForeignKey(Encounter, null=True)
    total_minor = models.BigIntegerField()
    fees_minor = models.BigIntegerField(db_default=0)
    currency = models.CharField(max_length=3)
    frequency = models.CharField(max_length=12, db_default="monthly")
    grace_days = models.SmallIntegerField(db_default=0)
    patient_agreed_by = models.CharField(max_length=200, db_default="", blank=True)
    replaces = TenantForeignKey("payments.PaymentPlan", null=True)
    content_hash = models.CharField(max_length=64, db_default="", blank=True)
    agreed_at = models.DateTimeField()
    agreed_by = models.CharField(max_length=200)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(total_minor__gt=0), name="plan_total_positive"),
            models.CheckConstraint(
                condition=models.Q(fees_minor__gte=0, fees_minor__lt=models.F("total_minor")),
                name="plan_fees_within_total",
            ),
            models.CheckConstraint(condition=models.Q(grace_days__range=(0, 30)), name="plan_grace_days"),
            models.UniqueConstraint(fields=["hospital_id", "replaces"], name="plan_replaced_once"),
        ]
        indexes = [models.Index(fields=["hospital_id", "patient_account"], name="plan_by_account")]


class PlanInstalment(TenantModel):
    """One part of a plan; number 0 is the down payment. The parts of a plan add up to it. Never changed."""

    plan = TenantForeignKey(PaymentPlan)
    number = models.SmallIntegerField()
    due_on = models.DateField()
    amount_minor = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hospital_id", "plan", "number"], name="instalment_once"),
            models.CheckConstraint(
                condition=models.Q(amount_minor__gt=0, number__gte=0), name="instalment_positive"
            ),
        ]
        indexes = [models.Index(fields=["hospital_id", "due_on"], name="instalment_by_day")]


class PlanCancellation(TenantModel):
    """A plan was ended before it was paid: what is open of it is due as if there had been none. Never changed."""

    plan = TenantForeignKey(PaymentPlan)
    reason = models.CharField(max_length=500)
    at = models.DateTimeField()
    cancelled_by = models.CharField(max_length=200)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hospital_id", "plan"], name="plan_cancelled_once"),
        ]


class PlanChangeRequest(TenantModel):
    """Somebody asks that what is left of a plan be paid in other parts; somebody else decides, once.

    ``terms`` are those of the plan that would replace it. ``requester_id`` and ``decider_id`` are the users,
    empty for programs.
    """

    class Decision(models.TextChoices):
        WAITING = ""
        APPROVED = "approved"
        REFUSED = "refused"

    plan = TenantForeignKey(PaymentPlan)
    terms = models.JSONField()
    reason = models.CharField(max_length=500)
    at = models.DateTimeField()
    requested_by = models.CharField(max_length=200)
    requester_id = models.UUIDField(null=True)
    idempotency_key = models.CharField(max_length=200)
    content_hash = models.CharField(max_length=64)
    decision = models.CharField(max_length=10, choices=Decision.choices, default="", blank=True)
    decided_at = models.DateTimeField(null=True)
    decided_by = models.CharField(max_length=200, default="", blank=True)
    decider_id = models.UUIDField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hospital_id", "idempotency_key"], name="plan_change_key_once"),
            models.UniqueConstraint(
                fields=["hospital_id", "plan"],
                condition=models.Q(decision=""),
                name="plan_change_requested_once",
            ),
            models.CheckConstraint(
                condition=models.Q(decision="", decided_at__isnull=True, decided_by="")
                | (
                    models.Q(decision__in=["approved", "refused"], decided_at__isnull=False)
                    & ~models.Q(decided_by="")
                ),
                name="plan_change_decided_by_somebody",
            ),
            models.CheckConstraint(
                condition=~models.Q(decided_by=models.F("requested_by"))
                & (
                    models.Q(decider_id__isnull=True)
                    | models.Q(requester_id__isnull=True)
                    | ~models.Q(decider_id=models.F("requester_id"))
                ),
                name="plan_change_decided_by_another",
            ),
        ]
