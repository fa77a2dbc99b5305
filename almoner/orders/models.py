"""What one service point asks of another. An order is never blocked; only its fulfilment may be."""

from __future__ import annotations

from django.db import models

from almoner.catalog.models import Service
from almoner.hospitals.models import Department, Ward
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


URGENCY = models.Case(
    models.When(priority="stat", then=models.Value(0)),
    models.When(priority="urgent", then=models.Value(1)),
    default=models.Value(2),
    output_field=models.IntegerField(),
)
"""What is done first: the smallest."""


class TestOrder(Order):
    """Laboratory tests asked for in one go.

    ``started_at``: taken into work; ``completed_at``: every finding is released and nothing about it is left to
    do. Both are written by the laboratory; its work lists are the orders that lack one of them.
    """

    started_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hospital_id", "number"], name="test_order_number_once"),
            models.CheckConstraint(
                condition=models.Q(completed_at__isnull=True) | models.Q(started_at__isnull=False),
                name="test_order_completed_after_start",
            ),
        ]
        indexes = [
            models.Index(fields=["hospital_id", "ordered_at"], name="test_order_by_time"),
            models.Index(fields=["hospital_id", "encounter"], name="test_order_by_encounter"),
            models.Index(
                "hospital_id",
                URGENCY,
                "ordered_at",
                condition=models.Q(cancelled_at__isnull=True, started_at__isnull=True),
                name="test_order_waiting",
            ),
            models.Index(
                fields=["hospital_id", "started_at"],
                condition=models.Q(
                    cancelled_at__isnull=True, started_at__isnull=False, completed_at__isnull=True
                ),
                name="test_order_in_work",
            ),
            models.Index(
                fields=["hospital_id", "completed_at"],
                condition=models.Q(completed_at__isnull=False),
                name="test_order_completed",
            ),
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


class TestFinding(TenantModel):
    """A result that the laboratory released: what the doctor reads (FHIR Observation, final or corrected).

    ``version`` counts from 1; a later one corrects the one before, which stays. ``parameter`` is the code of
    one of several values of a test, empty when it has one only. ``flag``: L, H, and LL, HH beyond a critical
    bound. ``verified_by`` is empty where the hospital asks for no second person.
    """

    order_line = TenantForeignKey(TestOrderLine)
    patient = TenantForeignKey(Patient)
    service = TenantForeignKey(Service)
    parameter = models.SlugField(max_length=40, default="", blank=True)
    name = models.CharField(max_length=300)
    value = models.CharField(max_length=200)
    unit = models.CharField(max_length=40, default="", blank=True)
    low = models.DecimalField(max_digits=14, decimal_places=4, null=True)
    high = models.DecimalField(max_digits=14, decimal_places=4, null=True)
    flag = models.CharField(max_length=2, default="", blank=True)
    version = models.IntegerField()
    released_at = models.DateTimeField()
    entered_by = models.CharField(max_length=200)
    verified_by = models.CharField(max_length=200, default="", blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["hospital_id", "order_line", "parameter", "version"], name="test_finding_once"
            ),
            models.CheckConstraint(condition=models.Q(version__gte=1), name="test_finding_version"),
            models.CheckConstraint(
                condition=models.Q(flag__in=["", "L", "H", "LL", "HH"]), name="test_finding_flag"
            ),
            models.CheckConstraint(
                condition=models.Q(verified_by="") | ~models.Q(verified_by=models.F("entered_by")),
                name="test_finding_second_person",
            ),
        ]
        indexes = [
            models.Index(
                fields=["hospital_id", "patient", "service", "parameter", "released_at"],
                name="test_finding_by_patient",
            )
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


class Referral(Order):
    """A doctor sends a patient to another department of the hospital, or elsewhere with a letter.

    It costs nothing by itself: checking in at the department charges that department's fees. ``visit`` is the
    visit that it became.
    """

    department = TenantForeignKey(Department, null=True)
    outside = models.CharField(max_length=200, default="", blank=True)
    text = models.TextField(max_length=4000)
    visit = TenantForeignKey(Encounter, null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hospital_id", "number"], name="referral_number_once"),
            models.UniqueConstraint(fields=["hospital_id", "visit"], name="referral_of_visit"),
            models.CheckConstraint(
                condition=models.Q(department__isnull=False, outside="")
                | (models.Q(department__isnull=True) & ~models.Q(outside="")),
                name="referral_leads_somewhere",
            ),
        ]
        indexes = [
            models.Index(fields=["hospital_id", "encounter"], name="referral_by_encounter"),
            models.Index(
                fields=["hospital_id", "ordered_at"],
                condition=models.Q(department__isnull=False, visit__isnull=True, cancelled_at__isnull=True),
                name="referral_expected",
            ),
        ]
