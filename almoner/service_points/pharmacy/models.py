"""What the pharmacy handed out."""

from __future__ import annotations

from django.db import models

from almoner.kernel.tenancy import TenantForeignKey, TenantModel
from almoner.orders.models import PrescriptionLine


class Dispensing(TenantModel):
    """A quantity of one prescribed medication handed out."""

    prescription_line = TenantForeignKey(PrescriptionLine)
    quantity = models.DecimalField(max_digits=12, decimal_places=3)
    dispensed_at = models.DateTimeField()
    dispensed_by = models.CharField(max_length=200)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(quantity__gt=0), name="dispensed_quantity_positive")
        ]
        indexes = [
            models.Index(fields=["hospital_id", "prescription_line"], name="dispensing_by_line"),
            models.Index(fields=["hospital_id", "dispensed_at"], name="dispensing_by_time"),
        ]
