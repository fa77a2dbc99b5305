"""What the laboratory does with an order: samples, results, and who answers for them."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from almoner.catalog.models import Service
from almoner.kernel.tenancy import TenantForeignKey, TenantModel
from almoner.orders.models import TestOrder, TestOrderLine


class LaboratorySettings(TenantModel):
    """How this hospital's laboratory works; no row: as the defaults say.

    ``verify_results``: a result is released once a second person verified it.
    """

    verify_results = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["hospital_id"], name="laboratory_settings_once")]


class TestDefinition(TenantModel):
    """How a test is done. ``parameters``: the values it gives, a list of code, name and unit; empty: one value.

    A test without a definition takes a sample of no named kind and gives one value.
    """

    service = TenantForeignKey(Service)
    specimen = models.CharField(max_length=80, default="", blank=True)
    instructions = models.CharField(max_length=500, default="", blank=True)
    parameters = models.JSONField(default=list)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hospital_id", "service"], name="test_definition_once")
        ]


class ReferenceRange(TenantModel):
    """The values of a test's parameter that are usual for whom, ``low`` and ``high`` included; None: no bound.

    ``sex`` is empty for everybody; ages are completed months, ``to_months`` excluded. Outside of the critical
    bounds a value is told at once. A change is a further row for the same people, and the latest stands; one
    without any bound takes the range away.
    """

    service = TenantForeignKey(Service)
    parameter = models.SlugField(max_length=40, default="", blank=True)
    sex = models.CharField(max_length=10, default="", blank=True)
    from_months = models.IntegerField(default=0)
    to_months = models.IntegerField(null=True)
    unit = models.CharField(max_length=40, default="", blank=True)
    low = models.DecimalField(max_digits=14, decimal_places=4, null=True)
    high = models.DecimalField(max_digits=14, decimal_places=4, null=True)
    critical_low = models.DecimalField(max_digits=14, decimal_places=4, null=True)
    critical_high = models.DecimalField(max_digits=14, decimal_places=4, null=True)
    set_at = models.DateTimeField()
    set_by = models.CharField(max_length=200)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(low__isnull=True) | Q(high__isnull=True) | Q(low__lte=F("high")),
                name="range_low_to_high",
            ),
            models.CheckConstraint(
                condition=(Q(critical_low__isnull=True) | Q(low__isnull=True) | Q(critical_low__lte=F("low")))
                & (Q(critical_high__isnull=True) | Q(high__isnull=True) | Q(critical_high__gte=F("high"))),
                name="range_critical_outside",
            ),
            models.CheckConstraint(
                condition=Q(from_months__gte=0)
                & (Q(to_months__isnull=True) | Q(to_months__gt=F("from_months"))),
                name="range_ages",
            ),
            models.CheckConstraint(condition=Q(sex__in=["", "female", "male"]), name="range_sex"),
        ]
        indexes = [models.Index(fields=["hospital_id", "service", "set_at"], name="range_by_service")]


class Processing(TenantModel):
    """The samples of an order taken into work."""

    order = TenantForeignKey(TestOrder)
    started_at = models.DateTimeField()
    started_by = models.CharField(max_length=200)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["hospital_id", "order"], name="processing_once")]
        indexes = [models.Index(fields=["hospital_id", "started_at"], name="processing_by_time")]


class Sample(TenantModel):
    """What was taken from the patient in one tube. ``accession_number`` stands on its label."""

    order = TenantForeignKey(TestOrder)
    accession_number = models.CharField(max_length=20)
    specimen = models.CharField(max_length=80, default="", blank=True)
    collected_at = models.DateTimeField()
    collected_by = models.CharField(max_length=200)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hospital_id", "accession_number"], name="accession_number_once")
        ]
        indexes = [models.Index(fields=["hospital_id", "order"], name="sample_by_order")]


class SampleReceipt(TenantModel):
    """A sample arrived in the laboratory."""

    sample = TenantForeignKey(Sample)
    received_at = models.DateTimeField()
    received_by = models.CharField(max_length=200)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["hospital_id", "sample"], name="sample_received_once")]


class SampleRejection(TenantModel):
    """A sample cannot be used, and why: another one is collected."""

    sample = TenantForeignKey(Sample)
    reason = models.CharField(max_length=200)
    rejected_at = models.DateTimeField()
    rejected_by = models.CharField(max_length=200)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hospital_id", "sample"], name="sample_rejected_once"),
            models.CheckConstraint(condition=~Q(reason=""), name="sample_rejected_for_a_reason"),
        ]


class TestResult(TenantModel):
    """A value that was entered for a test. ``version`` counts from 1: a correction is a further row.

    ``name``, ``unit``, the bounds and the flag (L, H, and LL, HH beyond a critical bound) are those that were
    valid when it was entered. What is released is an ``orders.TestFinding`` with the same id.
    """

    order_line = TenantForeignKey(TestOrderLine)
    parameter = models.SlugField(max_length=40, default="", blank=True)
    name = models.CharField(max_length=300)
    version = models.IntegerField()
    value = models.CharField(max_length=200)
    unit = models.CharField(max_length=40, default="", blank=True)
    low = models.DecimalField(max_digits=14, decimal_places=4, null=True)
    high = models.DecimalField(max_digits=14, decimal_places=4, null=True)
    flag = models.CharField(max_length=2, default="", blank=True)
    entered_at = models.DateTimeField()
    entered_by = models.CharField(max_length=200)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["hospital_id", "order_line", "parameter", "version"], name="result_version_once"
            ),
            models.UniqueConstraint(fields=["hospital_id", "id", "entered_by"], name="result_entered_by"),
            models.CheckConstraint(condition=Q(flag__in=["", "L", "H", "LL", "HH"]), name="result_flag"),
        ]


class ResultVerification(TenantModel):
    """A second person stands by a result. ``entered_by`` is the result's own (a reference holds it to that)."""

    result = TenantForeignKey(TestResult)
    entered_by = models.CharField(max_length=200)
    verified_at = models.DateTimeField()
    verified_by = models.CharField(max_length=200)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hospital_id", "result"], name="result_verified_once"),
            models.CheckConstraint(
                condition=~Q(verified_by=F("entered_by")), name="result_verified_by_another"
            ),
        ]


class CriticalNotice(TenantModel):
    """Somebody was told of a critical result: who, by whom, when."""

    result = TenantForeignKey(TestResult)
    told_to = models.CharField(max_length=200)
    told_at = models.DateTimeField()
    told_by = models.CharField(max_length=200)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hospital_id", "result"], name="critical_result_told_once"),
            models.CheckConstraint(condition=~Q(told_to=""), name="critical_result_told_to_somebody"),
        ]
