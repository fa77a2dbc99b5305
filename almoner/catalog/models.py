"""What a hospital offers and what it costs."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from almoner.hospitals.models import Department
from almoner.kernel.tenancy import TenantForeignKey, TenantModel


class Tax(TenantModel):
    """A tax by rate in percent. ``inclusive``: listed prices contain it."""

    code = models.SlugField(max_length=40)
    name = models.CharField(max_length=100)
    percent = models.DecimalField(max_digits=7, decimal_places=4)
    inclusive = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hospital_id", "code"], name="tax_code_once"),
            models.CheckConstraint(
                condition=models.Q(percent__gte=0) & models.Q(percent__lte=100), name="tax_percent_range"
            ),
        ]


class Service(TenantModel):
    """Something a hospital does or hands out, at a price. ``flags`` are what charge rules look at,
    ``payment_timing`` (section 4.2) says when its charges fall due; empty: as the hospital's cycle says.
    ``charge_timing`` (section 4.2): during or after the service, they fall due counted from its delivery.
    ``substitutes`` are the codes of medications that may be handed out in this one's place."""

    class Kind(models.TextChoices):
        CONSULTATION = "consultation"
        FEE = "fee"
        LABORATORY = "laboratory"
        MEDICATION = "medication"
        PROCEDURE = "procedure"
        WARD = "ward"
        OTHER = "other"

    code = models.SlugField(max_length=80)
    name = models.CharField(max_length=300)
    kind = models.CharField(max_length=20, choices=Kind.choices)
    department = TenantForeignKey(Department, null=True)
    tax = TenantForeignKey(Tax, null=True)
    flags = ArrayField(models.SlugField(max_length=40), default=list)
    payment_timing = models.CharField(max_length=20, default="", blank=True)
    charge_timing = models.CharField(max_length=20, db_default="", default="", blank=True)
    substitutes = ArrayField(models.SlugField(max_length=80), default=list, blank=True)
    is_active = models.BooleanField(default=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["hospital_id", "code"], name="service_code_once")]

    def __str__(self) -> str:
        return self.name


class TariffLine(TenantModel):
    """The price of a service for whom, where and when. Empty conditions fit everybody.

    The most specific line in force on the service date wins: payer, then patient category, then ward
    type, then department, then default. Lines that could tie are refused by an exclusion constraint.
    """

    tariff = models.SlugField(max_length=60, default="standard")
    service = TenantForeignKey(Service)
    payer = models.SlugField(max_length=60, default="", blank=True)
    patient_category = models.SlugField(max_length=40, default="", blank=True)
    ward_type = models.SlugField(max_length=40, default="", blank=True)
    department = models.SlugField(max_length=60, default="", blank=True)
    price_minor = models.BigIntegerField()
    starts_on = models.DateField()
    ends_on = models.DateField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(price_minor__gte=0), name="tariff_price_not_negative"),
            models.CheckConstraint(
                condition=models.Q(ends_on__isnull=True) | models.Q(ends_on__gte=models.F("starts_on")),
                name="tariff_line_ends_after_start",
            ),
        ]
        indexes = [models.Index(fields=["hospital_id", "service"], name="tariff_by_service")]


class Discount(TenantModel):
    """A reduction by percent or amount for whoever and whatever its conditions fit.

    Of several that fit, the one that reduces most is given; they never add up.
    """

    code = models.SlugField(max_length=60)
    name = models.CharField(max_length=200)
    percent = models.DecimalField(max_digits=7, decimal_places=4, null=True)
    amount_minor = models.BigIntegerField(null=True)
    payer = models.SlugField(max_length=60, default="", blank=True)
    patient_category = models.SlugField(max_length=40, default="", blank=True)
    department = models.SlugField(max_length=60, default="", blank=True)
    service_kind = models.SlugField(max_length=40, default="", blank=True)
    service = models.SlugField(max_length=80, default="", blank=True)
    starts_on = models.DateField()
    ends_on = models.DateField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hospital_id", "code"], name="discount_code_once"),
            models.CheckConstraint(
                condition=(
                    models.Q(percent__isnull=True, amount_minor__gte=0)
                    | models.Q(amount_minor__isnull=True, percent__gte=0, percent__lte=100)
                ),
                name="discount_percent_or_amount",
            ),
        ]


class Package(TenantModel):
    """A fixed price for a set of services; what is not in it is charged at its own price."""

    code = models.SlugField(max_length=80)
    name = models.CharField(max_length=200)
    price_minor = models.BigIntegerField()
    services = ArrayField(models.SlugField(max_length=80))
    starts_on = models.DateField()
    ends_on = models.DateField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hospital_id", "code"], name="package_code_once"),
            models.CheckConstraint(condition=models.Q(price_minor__gte=0), name="package_price_not_negative"),
        ]
