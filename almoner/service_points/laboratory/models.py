"""What the laboratory does with an order."""

from __future__ import annotations

from django.db import models

from almoner.kernel.tenancy import TenantForeignKey, TenantModel
from almoner.orders.models import TestOrder, TestOrderLine


class Processing(TenantModel):
    """The samples of an order taken into work."""

    order = TenantForeignKey(TestOrder)
    started_at = models.DateTimeField()
    started_by = models.CharField(max_length=200)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["hospital_id", "order"], name="processing_once")]


class TestResult(TenantModel):
    """The result of one test. A correction is a further row; the latest stands."""

    order_line = TenantForeignKey(TestOrderLine)
    value = models.CharField(max_length=200)
    unit = models.CharField(max_length=40, default="", blank=True)
    entered_at = models.DateTimeField()
    entered_by = models.CharField(max_length=200)

    class Meta:
        indexes = [models.Index(fields=["hospital_id", "order_line", "entered_at"], name="result_by_line")]
