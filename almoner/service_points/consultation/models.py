"""A doctor's time with a patient."""

from __future__ import annotations

from django.db import models

from almoner.kernel.tenancy import TenantForeignKey, TenantModel
from almoner.patients.models import Encounter


class Consultation(TenantModel):
    """The consultation of an encounter."""

    encounter = TenantForeignKey(Encounter)
    started_at = models.DateTimeField()
    started_by = models.CharField(max_length=200)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["hospital_id", "encounter"], name="consultation_once")]


class ConsultationNote(TenantModel):
    """Something the doctor wrote down. Never changed: a correction is a further version that ``replaces`` it."""

    consultation = TenantForeignKey(Consultation)
    replaces = TenantForeignKey("consultation.ConsultationNote", null=True)
    text = models.TextField(max_length=4000)
    written_at = models.DateTimeField()
    written_by = models.CharField(max_length=200)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hospital_id", "replaces"], name="note_replaced_once"),
        ]
        indexes = [models.Index(fields=["hospital_id", "consultation", "written_at"], name="note_by_time")]
