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


class WardBillingTemplate(TenantModel):
    """A named set of charge definitions (section 7.3), in force in the wards of ``ward_types``.

    A definition joins it by naming it; one that names no ward types of its own has those of its template.
    """

    code = models.SlugField(max_length=80)
    name = models.CharField(max_length=200)
    ward_types = ArrayField(models.SlugField(max_length=40), default=list)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hospital_id", "code"], name="ward_billing_template_once")
        ]


class ChargeDefinition(TenantModel):
    """One version of how something is charged (sections 2.1, 2.2; ServiceChargeRule of 7.3).

    In force from ``starts_on`` to ``ends_on`` (None: until further notice); versions of one code never
    overlap. A charge item keeps the version it was made by, and no later version charges its period again.
    Empty lists fit everybody. ``event_kinds``: what triggers it (one_time, quantity_based, event_triggered);
    time and the bed trigger daily and hourly ones, the charges it names a percentage.

    Amounts are minor units before discount and tax; without ``rate_minor`` the tariffs of ``service`` give
    the price. ``tiers``: a list of [first unit, last unit or null, rate]. ``base`` of a percentage: ``of``
    (charges, outstanding), ``stage`` (gross, discounted, net), and which ``service_kinds``,
    ``services`` and ``definitions``. ``is_active``: whether it charges at all; ``superseded``: another version took
    its place before it could end. The meaning of every field is worked out in
    docs/explanation/ward-charges.md.
    """

    class BillingType(models.TextChoices):
        ONE_TIME = "one_time"
        DAILY = "daily"
        HOURLY = "hourly"
        PERCENTAGE = "percentage"
        QUANTITY_BASED = "quantity_based"
        EVENT_TRIGGERED = "event_triggered"

    code = models.SlugField(max_length=80)
    version = models.SmallIntegerField()
    template = models.SlugField(max_length=80, default="", blank=True)
    service = models.SlugField(max_length=80)
    billing_type = models.CharField(max_length=20, choices=BillingType.choices)
    rate_minor = models.BigIntegerField(null=True)
    percent = models.DecimalField(max_digits=7, decimal_places=4, null=True)
    base = models.JSONField(default=dict, blank=True)
    free_units = models.DecimalField(max_digits=9, decimal_places=3, default=0)
    tiers = models.JSONField(default=list, blank=True)
    minimum_minor = models.BigIntegerField(default=0)
    cap_minor = models.BigIntegerField(null=True)
    cap_per = models.CharField(max_length=10, default="", blank=True)
    rounding_minor = models.IntegerField(default=1)
    day_rule = models.CharField(max_length=20, default="full")
    free_minutes = models.IntegerField(default=0)
    ward_types = ArrayField(models.SlugField(max_length=40), default=list)
    patient_categories = ArrayField(models.SlugField(max_length=40), default=list)
    departments = ArrayField(models.SlugField(max_length=60), default=list)
    event_kinds = ArrayField(models.CharField(max_length=60), default=list)
    condition = models.CharField(max_length=500, default="", blank=True)
    payment_requirement = models.CharField(max_length=20, default="", blank=True)
    required_at = ArrayField(models.CharField(max_length=60), default=list)
    starts_on = models.DateField()
    ends_on = models.DateField(null=True)
    is_active = models.BooleanField(default=True)
    superseded = models.BooleanField(db_default=False)
    saved_at = models.DateTimeField()
    saved_by = models.CharField(max_length=200)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["hospital_id", "code", "version"], name="charge_definition_version_once"
            ),
            models.CheckConstraint(
                condition=models.Q(ends_on__isnull=True) | models.Q(ends_on__gte=models.F("starts_on")),
                name="charge_definition_ends_after_start",
            ),
            models.CheckConstraint(
                condition=(models.Q(rate_minor__isnull=True) | models.Q(rate_minor__gte=0))
                & models.Q(free_units__gte=0, minimum_minor__gte=0, rounding_minor__gte=1)
                & models.Q(free_minutes__range=(0, 1439)),
                name="charge_definition_not_negative",
            ),
            models.CheckConstraint(
                condition=models.Q(cap_minor__isnull=True)
                | models.Q(cap_minor__gt=0, cap_minor__gte=models.F("minimum_minor")),
                name="charge_definition_cap_above_minimum",
            ),
            models.CheckConstraint(
                condition=models.Q(billing_type="percentage", percent__gt=0, percent__lte=100)
                | (~models.Q(billing_type="percentage") & models.Q(percent__isnull=True)),
                name="charge_definition_percent",
            ),
        ]


class ChargeDraft(TenantModel):
    """A charge definition that somebody is still building: what was typed, as the form had it. It charges nothing."""

    code = models.SlugField(max_length=80)
    name = models.CharField(max_length=200, default="", blank=True)
    typed = models.JSONField()
    saved_at = models.DateTimeField()
    saved_by = models.CharField(max_length=200)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["hospital_id", "code"], name="charge_draft_once")]


class ChargeItem(TenantModel):
    """What one line of an event costs, under one rule, for one service period (FHIR ChargeItem).

    planned (foreseen, not posted) or unpriced (no price found) become billable, once; a billable item is
    posted and its amounts never change: a correction reverses it and posts the next revision. Whether
    it is paid is derived from the ledger's open item. Amounts are minor units of ``currency``;
    ``net_minor`` = gross - discount + tax (when exclusive) + rounding. ``rule_version`` is that of the charge
    definition, 0 for a plain rule. ``basis`` are the facts that a time charge or a percentage was reckoned
    from (ward type, units, rate); it is "" once accrual took the charge back because they had changed.
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
    rule_version = models.SmallIntegerField(db_default=0)
    basis = models.CharField(max_length=80, db_default="", blank=True)
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


class ChargeDispute(TenantModel):
    """A patient says that a charge is not right: it bears no late fee until that is resolved. Never changed."""

    charge_item = TenantForeignKey(ChargeItem)
    reason = models.CharField(max_length=500)
    at = models.DateTimeField()
    recorded_by = models.CharField(max_length=200)

    class Meta:
        indexes = [models.Index(fields=["hospital_id", "charge_item"], name="dispute_by_item")]


class DisputeResolution(TenantModel):
    """What came of a dispute, in the words of who decided it. Never changed."""

    dispute = TenantForeignKey(ChargeDispute)
    note = models.CharField(max_length=500)
    at = models.DateTimeField()
    resolved_by = models.CharField(max_length=200)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hospital_id", "dispute"], name="dispute_resolved_once")
        ]
