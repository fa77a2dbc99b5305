"""Who is expected when, who waits where, and in which order they are called."""

from __future__ import annotations

from django.db import models

from almoner.hospitals.models import Department
from almoner.kernel.tenancy import TenantForeignKey, TenantModel
from almoner.patients.models import Encounter, Patient


class Appointment(TenantModel):
    """A patient expected at a department (FHIR Appointment), from ``starts_at`` to before ``ends_at``.

    ``practitioner_id`` is a user of the hospital, whose time the database gives once (``sql/appointments.sql``);
    without one the patient comes to whoever is there. ``encounter`` is the visit that it became.
    """

    class Status(models.TextChoices):
        BOOKED = "booked"
        ARRIVED = "arrived"
        CANCELLED = "cancelled"
        NO_SHOW = "no_show"

    patient = TenantForeignKey(Patient)
    department = TenantForeignKey(Department)
    practitioner_id = models.UUIDField(null=True)
    practitioner = models.CharField(max_length=200, default="", blank=True)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.BOOKED)
    reason = models.CharField(max_length=300, default="", blank=True)
    encounter = TenantForeignKey(Encounter, null=True)
    booked_at = models.DateTimeField()
    booked_by = models.CharField(max_length=200)
    content_hash = models.CharField(max_length=64)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(ends_at__gt=models.F("starts_at")), name="appointment_takes_time"
            ),
            models.CheckConstraint(
                condition=models.Q(status="arrived", encounter__isnull=False)
                | (~models.Q(status="arrived") & models.Q(encounter__isnull=True)),
                name="appointment_arrived_with_visit",
            ),
            models.UniqueConstraint(fields=["hospital_id", "encounter"], name="appointment_of_encounter"),
        ]
        indexes = [
            models.Index(fields=["hospital_id", "starts_at"], name="appointment_by_time"),
            models.Index(fields=["hospital_id", "patient", "starts_at"], name="appointment_by_patient"),
        ]


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
