"""What the laboratory does with an order."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from almoner.catalog.models import Service
from almoner.kernel.tenancy import TenantForeignKey, TenantModel
from almoner.orders.models import TestOrder, TestOrderLine


class Processing(TenantModel):
    """The samples of an order taken into work."""

    order = TenantForeignKey(TestOrder)
    started_at = models.DateTimeField()
    started_by = models.CharField(max_length=200)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["hospital_id", "order"], name="processing_once")]
        indexes = [models.Index(fields=["hospital_id", "started_at"], name="processing_by_time")]


class ReferenceRange(TenantModel):
    """The values of a test that are usual, ``low`` and ``high`` included; None: no bound on that side.

    A change is a further row; the latest stands.
    """

    service = TenantForeignKey(Service)
    unit = models.CharField(max_length=40, default="", blank=True)
    low = models.DecimalField(max_digits=14, decimal_places=4, null=True)
    high = models.DecimalField(max_digits=14, decimal_places=4, null=True)
    set_at = models.DateTimeField()
    set_by = models.CharField(max_length=200)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(low__isnull=False) | Q(high__isnull=False), name="range_has_a_bound"
            ),
            models.CheckConstraint(
                condition=Q(low__isnull=True) | Q(high__isnull=True) | Q(low__lte=F("high")),
                name="range_low_to_high",
            ),
        ]
        indexes = [models.Index(fields=["hospital_id", "service", "set_at"], name="range_by_service")]


class TestResult(TenantModel):
    """The result of one test. A correction is a further row; the latest stands.

    ``low`` and ``high`` are the reference range that was valid when it was entered.
    """

    order_line = TenantForeignKey(TestOrderLine)
    value = models.CharField(max_length=200)
    unit = models.CharField(max_length=40, default="", blank=True)
    low = models.DecimalField(max_digits=14, decimal_places=4, null=True)
    high = models.DecimalField(max_digits=14, decimal_places=4, null=True)
    entered_at = models.DateTimeField()
    entered_by = models.CharField(max_length=200)

    class Meta:
        indexes = [models.Index(fields=["hospital_id", "order_line", "entered_at"], name="result_by_line")]
