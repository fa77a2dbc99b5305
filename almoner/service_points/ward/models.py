"""Who lies where, and since when."""

from __future__ import annotations

from django.db import models

from almoner.hospitals.models import Bed
from almoner.kernel.tenancy import TenantForeignKey, TenantModel
from almoner.orders.models import Admission


class BedStay(TenantModel):
    """A period in which a patient occupied a bed, from ``started_at`` to before ``ended_at`` (None: lies there now).

    An admission has one for each bed that the patient lay in, each starting where the one before ended; the
    ward is the bed's. A bed holds one patient at a time, a patient lies in one bed at a time: periods of a bed
    never overlap, nor do those of an admission (``sql/bed_stays.sql``). ``reason``: why the patient was moved
    here, "" for the first bed.

    ``charged_until``: up to when the time in the present bed was charged, under the configuration of
    ``charged_version``; it only spares the next run from looking at what is charged already.
    """

    admission = TenantForeignKey(Admission)
    bed = TenantForeignKey(Bed)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    assigned_by = models.CharField(max_length=200)
    reason = models.CharField(max_length=300, default="", blank=True)
    charged_until = models.DateTimeField(null=True)
    charged_version = models.IntegerField(null=True)

    class Meta:
        indexes = [models.Index(fields=["hospital_id", "admission"], name="bed_stay_by_admission")]
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


class StayCorrection(TenantModel):
    """Somebody put right when a patient came or left. Never changed; a later one may correct it again.

    ``came_at`` is the first bed's beginning, ``left_at`` the last one's end (None: the patient lies there); each
    beside what was recorded before.
    """

    admission = TenantForeignKey(Admission)
    came_at_before = models.DateTimeField()
    came_at = models.DateTimeField()
    left_at_before = models.DateTimeField(null=True)
    left_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=300)
    corrected_at = models.DateTimeField()
    corrected_by = models.CharField(max_length=200)

    class Meta:
        indexes = [models.Index(fields=["hospital_id", "admission"], name="correction_by_admission")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(left_at=None) | models.Q(left_at__gt=models.F("came_at")),
                name="corrected_stay_ends_after_start",
            ),
            models.CheckConstraint(condition=~models.Q(reason=""), name="correction_has_a_reason"),
        ]
