"""Who lies where, and since when."""

from __future__ import annotations

from django.db import models

from almoner.hospitals.models import Bed
from almoner.kernel.tenancy import TenantForeignKey, TenantModel
from almoner.orders.models import Admission


class BedStay(TenantModel):
    """A patient in a bed. A bed holds one patient at a time, a patient lies in one bed at a time."""

    admission = TenantForeignKey(Admission)
    bed = TenantForeignKey(Bed)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    assigned_by = models.CharField(max_length=200)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["hospital_id", "bed"], condition=models.Q(ended_at=None), name="bed_taken_once"
            ),
            models.UniqueConstraint(
                fields=["hospital_id", "admission"],
                condition=models.Q(ended_at=None),
                name="admission_in_one_bed",
            ),
            models.CheckConstraint(
                condition=models.Q(ended_at=None) | models.Q(ended_at__gte=models.F("started_at")),
                name="bed_stay_ends_after_start",
            ),
        ]
