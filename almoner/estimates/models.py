"""What treatment was expected to cost, and that the patient agreed to hear it."""

from __future__ import annotations

from django.db import models

from almoner.kernel.tenancy import TenantForeignKey, TenantModel
from almoner.patients.models import Encounter, Patient


class Estimate(TenantModel):
    """What services and a stay would cost, as priced on the day it was made; never changed afterwards.

    ``patient`` None: somebody who is not registered, ``walk_in`` by name. ``days`` counts the local dates in a ward of
    ``ward_type``, 0 for no stay. ``payer_percent`` is the share that the payer has said it takes over, ``payer_basis``
    where it said so; without it the whole is the patient's. Amounts are minor units of ``currency``; the total is the
    sum of the lines.
    """

    number = models.CharField(max_length=40)
    patient = TenantForeignKey(Patient, null=True)
    walk_in = models.CharField(max_length=200, default="", blank=True)
    reason = models.CharField(max_length=200, default="", blank=True)
    expected_on = models.DateField()
    valid_until = models.DateField()
    ward_type = models.SlugField(max_length=40, default="", blank=True)
    days = models.SmallIntegerField(default=0)
    payer = models.CharField(max_length=200, default="", blank=True)
    payer_percent = models.DecimalField(max_digits=5, decimal_places=2, null=True)
    payer_basis = models.CharField(max_length=200, default="", blank=True)
    deposit_minor = models.BigIntegerField(default=0)
    currency = models.CharField(max_length=3)
    configuration_version = models.IntegerField()
    made_at = models.DateTimeField()
    made_by = models.CharField(max_length=200)
    content_hash = models.CharField(max_length=64, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hospital_id", "number"], name="estimate_number_once"),
            models.CheckConstraint(
                condition=models.Q(patient__isnull=False, walk_in="")
                | (models.Q(patient__isnull=True) & ~models.Q(walk_in="")),
                name="estimate_for_somebody",
            ),
            models.CheckConstraint(
                condition=models.Q(days=0, ward_type="") | (models.Q(days__gt=0) & ~models.Q(ward_type="")),
                name="estimate_days_in_a_ward",
            ),
            models.CheckConstraint(
                condition=models.Q(payer_percent__isnull=True, payer_basis="")
                | (models.Q(payer_percent__gte=0, payer_percent__lte=100) & ~models.Q(payer_basis="")),
                name="estimate_share_has_a_basis",
            ),
            models.CheckConstraint(condition=models.Q(deposit_minor__gte=0), name="estimate_deposit"),
            models.CheckConstraint(
                condition=models.Q(valid_until__gte=models.F("expected_on")), name="estimate_validity"
            ),
        ]
        indexes = [
            models.Index(fields=["hospital_id", "patient", "made_at"], name="estimate_by_patient"),
            models.Index(fields=["hospital_id", "made_at"], name="estimate_by_time"),
        ]


class EstimateLine(TenantModel):
    """What one service comes to in an estimate. ``net_minor`` None: no price is known (``problem``)."""

    estimate = TenantForeignKey(Estimate, related_name="lines")
    line = models.SmallIntegerField()
    service = models.SlugField(max_length=80)
    name = models.CharField(max_length=300)
    quantity = models.DecimalField(max_digits=12, decimal_places=3)
    net_minor = models.BigIntegerField(null=True)
    problem = models.CharField(max_length=200, default="", blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hospital_id", "estimate", "line"], name="estimate_line_once"),
            models.CheckConstraint(
                condition=models.Q(net_minor__isnull=True) | models.Q(net_minor__gte=0),
                name="estimate_line_amount",
            ),
            models.CheckConstraint(condition=models.Q(quantity__gt=0), name="estimate_line_quantity"),
        ]


class EstimateConsent(TenantModel):
    """Who agreed to an estimate, how and when."""

    class How(models.TextChoices):
        SIGNED = "signed"
        SPOKEN = "spoken"
        ELECTRONIC = "electronic"

    estimate = TenantForeignKey(Estimate)
    given_by = models.CharField(max_length=200)
    how = models.CharField(max_length=20, choices=How.choices)
    given_at = models.DateTimeField()
    recorded_by = models.CharField(max_length=200)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hospital_id", "estimate"], name="estimate_consent_once")
        ]


class EstimateVisit(TenantModel):
    """The visit that an estimate was for, once there is one."""

    estimate = TenantForeignKey(Estimate)
    encounter = TenantForeignKey(Encounter)
    linked_at = models.DateTimeField()
    linked_by = models.CharField(max_length=200)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hospital_id", "estimate"], name="estimate_visit_once")
        ]
