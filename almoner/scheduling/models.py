"""Who waits where, and in which order they are called."""

from __future__ import annotations

from django.db import models

from almoner.hospitals.models import Department
from almoner.kernel.tenancy import TenantForeignKey, TenantModel
from almoner.patients.models import Encounter


class QueueToken(TenantModel):
    """A number to wait with: from 1, per department and local day. ``called_at`` is the latest call."""

    encounter = TenantForeignKey(Encounter)
    department = TenantForeignKey(Department)
    day = models.DateField()
    number = models.IntegerField()
    issued_at = models.DateTimeField()
    called_at = models.DateTimeField(null=True)
    called_by = models.CharField(max_length=200, default="", blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["hospital_id", "department", "day", "number"], name="queue_token_once"
            ),
            models.UniqueConstraint(fields=["hospital_id", "encounter"], name="queue_token_of_encounter"),
            models.CheckConstraint(condition=models.Q(number__gt=0), name="queue_token_positive"),
        ]
        indexes = [
            models.Index(fields=["hospital_id", "day"], name="queue_token_by_day"),
            models.Index(fields=["hospital_id", "called_at"], name="queue_token_by_call"),
        ]
