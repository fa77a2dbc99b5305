"""What one service point asks of another. An order is never blocked; only its fulfilment may be."""

from __future__ import annotations

from django.db import models

from almoner.catalog.models import Service
from almoner.hospitals.models import Ward
from almoner.kernel.tenancy import TenantForeignKey, TenantModel
from almoner.patients.models import Encounter, Patient


class Priority(models.TextChoices):
    ROUTINE = "routine"
    URGENT = "urgent"
    STAT = "stat"


class PrescriptionType(models.TextChoices):
    """What kind of medication is prescribed (section 3.2)."""

    FIRST = "first"
    FOLLOW_UP = "follow_up"
    MAINTENANCE = "maintenance"
    ELECTIVE = "elective"
    EMERGENCY = "emergency"


class Order(TenantModel):
    """What every order has. ``number`` is what people say: LAB-123."""

    number = models.CharField(max_length=40)
    patient = TenantForeignKey(Patient)
    encounter = TenantForeignKey(Encounter)
    priority = models.CharField(max_length=10, choices=Priority.choices, default=Priority.ROUTINE)
    ordered_at = models.DateTimeField()
    ordered_by = models.CharField(max_length=200)
    cancelled_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True


class TestOrder(Order):
    """Laboratory tests asked for in one go."""

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hospital_id", "number"], name="test_order_number_once")
        ]
        indexes = [
            models.Index(fields=["hospital_id", "ordered_at"], name="test_order_by_time"),
            models.Index(fields=["hospital_id", "encounter"], name="test_order_by_encounter"),
        ]


class TestOrderLine(TenantModel):
    """One test of an order."""

    order = TenantForeignKey(TestOrder, related_name="lines")
    line = models.IntegerField()
    service = TenantForeignKey(Service)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hospital_id", "order", "line"], name="test_order_line_once")
        ]


class Prescription(Order):
    """Medications prescribed in one go. ``request_type`` is a ``PrescriptionType``."""

    request_type = models.CharField(max_length=20, default=PrescriptionType.FIRST)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hospital_id", "number"], name="prescription_number_once")
        ]
        indexes = [
            models.Index(fields=["hospital_id", "ordered_at"], name="prescription_by_time"),
            models.Index(fields=["hospital_id", "encounter"], name="prescription_by_encounter"),
        ]


class PrescriptionLine(TenantModel):
    """One medication of a prescription."""

    prescription = TenantForeignKey(Prescription, related_name="lines")
    line = models.IntegerField()
    service = TenantForeignKey(Service)
    quantity = models.DecimalField(max_digits=12, decimal_places=3)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["hospital_id", "prescription", "line"], name="prescription_line_once"
            ),
            models.CheckConstraint(condition=models.Q(quantity__gt=0), name="prescribed_quantity_positive"),
        ]


class Admission(Order):
    """A doctor's order to take a patient into a ward; the bed is assigned by the ward."""

    ward = TenantForeignKey(Ward)
    request_type = models.CharField(max_length=20, default="first")
    discharged_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hospital_id", "number"], name="admission_number_once")
        ]
        indexes = [
            models.Index(fields=["hospital_id", "ordered_at"], name="admission_by_time"),
            models.Index(fields=["hospital_id", "encounter"], name="admission_by_encounter"),
        ]
