"""The tenants and what they are made of."""

from __future__ import annotations

from django.db import models

from almoner.kernel.ids import new_id
from almoner.kernel.tenancy import TenantForeignKey, TenantModel


class Hospital(models.Model):
    """A tenant with books of its own. The registry itself is the platform's.

    ``configuration_version`` rises with every change of prices, rules or policies; whoever holds them
    in memory compares it. ``rounding_step_minor`` is the smallest amount a charge is rounded to,
    ``billing_cycle`` (section 4.1) decides when charges fall due, never when they are captured. ``second_factor``: whether those
    who move money or override must have one to work here. ``refund_approval_above_minor``: from more than that given
    back of one payment on, a second person approves it; None: never asked.
    """

    class SecondFactor(models.TextChoices):
        REQUIRED = "required"
        OFFERED = "offered"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    slug = models.SlugField(unique=True, max_length=60)
    name = models.CharField(max_length=200)
    currency = models.CharField(max_length=3)
    time_zone = models.CharField(max_length=60)
    locale = models.CharField(max_length=20, default="en_US")
    rounding_step_minor = models.IntegerField(default=1)
    billing_cycle = models.CharField(max_length=20, default="real_time")
    second_factor = models.CharField(
        max_length=10, choices=SecondFactor.choices, default=SecondFactor.REQUIRED
    )
    refund_approval_above_minor = models.BigIntegerField(null=True)
    configuration_version = models.IntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(second_factor__in=("required", "offered")), name="hospital_second_factor"
            ),
            models.CheckConstraint(
                condition=models.Q(refund_approval_above_minor__gte=0), name="hospital_refund_approval"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Department(TenantModel):
    """A clinic or unit that patients check in to and whose revenue is told apart."""

    class Kind(models.TextChoices):
        GENERAL = "general"
        SPECIALIST = "specialist"
        EMERGENCY = "emergency"
        DIAGNOSTIC = "diagnostic"
        PHARMACY = "pharmacy"
        WARD = "ward"

    code = models.SlugField(max_length=60)
    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=20, choices=Kind.choices, default=Kind.GENERAL)
    is_active = models.BooleanField(default=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["hospital_id", "code"], name="department_code_once")]

    def __str__(self) -> str:
        return self.name


class Ward(TenantModel):
    """A ward; its ``ward_type`` (general, icu, private...) is the class that prices may depend on."""

    code = models.SlugField(max_length=60)
    name = models.CharField(max_length=200)
    ward_type = models.SlugField(max_length=40)
    department = TenantForeignKey(Department)
    is_active = models.BooleanField(default=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["hospital_id", "code"], name="ward_code_once")]

    def __str__(self) -> str:
        return self.name


class Bed(TenantModel):
    """A place in a ward. Who lies in it is a bed stay of the ward's service point."""

    ward = TenantForeignKey(Ward)
    code = models.CharField(max_length=20)
    is_active = models.BooleanField(default=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["hospital_id", "ward", "code"], name="bed_code_once")]


class ConfigurationVersion(TenantModel):
    """One load of a hospital's file: what it said, when it came into force, and who loaded it.

    ``policies``: what it changed about payment policies, each with its scope, subject and settings (old, new).
    """

    number = models.IntegerField()
    document = models.TextField()
    sha256 = models.CharField(max_length=64)
    loaded_at = models.DateTimeField()
    loaded_by = models.CharField(max_length=200)
    policies = models.JSONField(db_default=[], default=list)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hospital_id", "number"], name="configuration_version_once")
        ]
