"""Events and what they cost."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from almoner.catalog.models import Service
from almoner.hospitals.models import Department
from almoner.kernel.tenancy import TenantForeignKey, TenantModel
from almoner.patients.models import Encounter, Patient, PatientAccount


class ClinicalEvent(TenantModel):
    """Something that happened to a patient (section 7.1). Stored once per idempotency key."""

    kind = models.CharField(max_length=60)
    idempotency_key = models.CharField(max_length=200)
    content_hash = models.CharField(max_length=64)
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    recorded_by = models.CharField(max_length=200)
    patient = TenantForeignKey(Patient)
    encounter = TenantForeignKey(Encounter, null=True)
    department = TenantForeignKey(Department, null=True)
    order_id = models.UUIDField(null=True)
    body = models.JSONField(default=dict)
    after_discharge = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hospital_id", "idempotency_key"], name="event_key_once")
        ]
        indexes = [
            models.Index(fields=["hospital_id", "recorded_at"], name="event_by_time"),
            models.Index(
                fields=["hospital_id", "recorded_at"],
                condition=models.Q(after_discharge=True),
                name="event_after_discharge",
            ),
            models.Index(
                fields=["hospital_id", "encounter"],
                condition=models.Q(encounter__isnull=False),
                name="event_by_encounter",
            ),
        ]


class ChargeRule(TenantModel):
    """What an event charges at this hospital (section 7.3 ServiceChargeRule, DepartmentBilling).

    ``service`` empty: the service of each line of the event. ``fee`` is set when the rule came from a
    department's block in the hospital file, and holds the key it had there.
    """

    code = models.CharField(max_length=120)
    event_kind = models.CharField(max_length=60)
    service = models.SlugField(max_length=80, default="", blank=True)
    department = models.SlugField(max_length=60, default="", blank=True)
    department_kind = models.CharField(max_length=20, default="", blank=True)
    ward_type = models.SlugField(max_length=40, default="", blank=True)
    per_line = models.BooleanField(default=False)
    line_flag = models.SlugField(max_length=40, default="", blank=True)
    once_per = models.CharField(max_length=20, default="", blank=True)
    charge_type = models.CharField(max_length=20, default="one_time")
    planned = models.BooleanField(default=False)
    delivered_on_capture = models.BooleanField(default=False)
    required_at = ArrayField(models.CharField(max_length=60), default=list)
    fee = models.CharField(max_length=60, default="", blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["hospital_id", "code"], name="charge_rule_code_once")]


class ChargeItem(TenantModel):
    """What one line of an event costs, under one rule, for one service period (FHIR ChargeItem).

    planned (foreseen, not posted) or unpriced (no price found) become billable, once; a billable item is
    posted and its amounts never change: a correction reverses it and posts the next revision. Whether
    it is paid is derived from the ledger's open item. Amounts are minor units of ``currency``;
    ``net_minor`` = gross - discount + tax (when exclusive) + rounding.
    """

    class Status(models.TextChoices):
        PLANNED = "planned"
        UNPRICED = "unpriced"
        BILLABLE = "billable"
        CANCELLED = "cancelled"
        ENTERED_IN_ERROR = "entered_in_error"

    event = TenantForeignKey(ClinicalEvent)
    line = models.IntegerField()
    rule_code = models.CharField(max_length=120)
    service_period = models.CharField(max_length=20, default="", blank=True)
    revision = models.SmallIntegerField(default=0)
    configuration_version = models.IntegerField()
    patient = TenantForeignKey(Patient)
    patient_account = TenantForeignKey(PatientAccount)
    encounter = TenantForeignKey(Encounter, null=True)
    order_id = models.UUIDField(null=True)
    department = TenantForeignKey(Department, null=True)
    service = TenantForeignKey(Service)
    payer_id = models.UUIDField(null=True)
    charge_type = models.CharField(max_length=20)
    priority = models.CharField(max_length=10, default="routine")
    request_type = models.CharField(max_length=20, default="first")
    required_at = ArrayField(models.CharField(max_length=60), default=list)
    quantity = models.DecimalField(max_digits=12, decimal_places=3)
    currency = models.CharField(max_length=3)
    unit_price_minor = models.BigIntegerField(null=True)
    gross_minor = models.BigIntegerField(null=True)
    discount_minor = models.BigIntegerField(default=0)
    tax_minor = models.BigIntegerField(default=0)
    net_minor = models.BigIntegerField(null=True)
    price_source = models.CharField(max_length=200, default="", blank=True)
    discount_source = models.CharField(max_length=60, default="", blank=True)
    tax_source = models.CharField(max_length=60, default="", blank=True)
    status = models.CharField(max_length=20, choices=Status.choices)
    service_date = models.DateField()
    due_at = models.DateTimeField()
    captured_at = models.DateTimeField()
    delivered_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["hospital_id", "event", "line", "rule_code", "service_period", "revision"],
                name="charge_item_once",
            ),
            models.CheckConstraint(condition=models.Q(quantity__gt=0), name="charge_quantity_positive"),
            models.CheckConstraint(
                condition=models.Q(status="unpriced") | models.Q(net_minor__gte=0),
                name="charge_item_priced",
            ),
        ]
        indexes = [
            models.Index(fields=["hospital_id", "patient_account", "service_date"], name="item_by_account"),
            models.Index(fields=["hospital_id", "encounter"], name="item_by_encounter"),
            models.Index(
                fields=["hospital_id", "order_id"],
                condition=models.Q(order_id__isnull=False),
                name="item_by_order",
            ),
            models.Index(
                fields=["hospital_id", "service_date"],
                condition=models.Q(status="unpriced"),
                name="item_unpriced",
            ),
            models.Index(
                fields=["hospital_id", "captured_at"],
                condition=models.Q(status="billable", delivered_at=None),
                name="item_undelivered",
            ),
        ]


class WorkReview(TenantModel):
    """Something of a work list that needs nothing more, as somebody judged: no charge follows, or it is right.

    ``subject`` names the fact: an event's id, or what a service point calls the work it did
    (``charging.unbilled``).
    """

    class WorkList(models.TextChoices):
        UNBILLED = "unbilled"
        LATE = "late"

    work_list = models.CharField(max_length=20, choices=WorkList.choices)
    subject = models.CharField(max_length=120)
    note = models.CharField(max_length=500)
    reviewed_at = models.DateTimeField()
    reviewed_by = models.CharField(max_length=200)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hospital_id", "work_list", "subject"], name="work_reviewed_once")
        ]
