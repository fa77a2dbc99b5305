"""Patients, their visits, their accounts, and who pays for them."""

from __future__ import annotations

from django.db import models

from almoner.hospitals.models import Department
from almoner.kernel.tenancy import TenantForeignKey, TenantModel


class Patient(TenantModel):
    """A person as one hospital knows them. A merged record points at the one that survives.

    ``language`` is the one they are written to in (such as ``es``); empty: the hospital's.
    """

    mrn = models.CharField(max_length=40)
    name = models.CharField(max_length=200)
    birth_date = models.DateField(null=True)
    sex = models.CharField(max_length=10, default="unknown")
    phone = models.CharField(max_length=40, default="", blank=True)
    email = models.EmailField(db_default="", default="", blank=True)
    language = models.CharField(max_length=10, db_default="", default="", blank=True)
    category = models.SlugField(max_length=40, default="general")
    merged_into = TenantForeignKey("patients.Patient", null=True)
    registered_at = models.DateTimeField()
    source_id = models.CharField(max_length=100, default="", blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hospital_id", "mrn"], name="patient_mrn_once"),
            models.UniqueConstraint(
                fields=["hospital_id", "source_id"],
                condition=~models.Q(source_id=""),
                name="patient_source_once",
            ),
        ]
        indexes = [
            models.Index(fields=["hospital_id", "name"], name="patient_by_name"),
            models.Index(fields=["hospital_id", "birth_date"], name="patient_by_birth_date"),
        ]

    def __str__(self) -> str:
        return self.name


class PatientPhoto(TenantModel):
    """What a patient looks like: a small JPEG without metadata. ``fingerprint`` is of its bytes (SHA-256, shortened)."""

    patient = TenantForeignKey(Patient)
    image = models.BinaryField()
    fingerprint = models.CharField(max_length=16)
    taken_at = models.DateTimeField()
    taken_by = models.CharField(max_length=200)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["hospital_id", "patient"], name="photo_once")]


class PatientAccount(TenantModel):
    """Where a patient's charges and payments meet, in one currency."""

    patient = TenantForeignKey(Patient)
    currency = models.CharField(max_length=3)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hospital_id", "id", "currency"], name="account_currency"),
        ]
        indexes = [models.Index(fields=["hospital_id", "patient"], name="account_by_patient")]


class Encounter(TenantModel):
    """A visit or stay (FHIR Encounter). ``triage_level`` is the ESI level, 1 (resuscitation) to 5."""

    class Class(models.TextChoices):
        AMBULATORY = "ambulatory"
        EMERGENCY = "emergency"
        INPATIENT = "inpatient"

    number = models.CharField(max_length=40)
    patient = TenantForeignKey(Patient)
    department = TenantForeignKey(Department)
    encounter_class = models.CharField(max_length=20, choices=Class.choices, default=Class.AMBULATORY)
    triage_level = models.SmallIntegerField(null=True)
    visit_type = models.SlugField(max_length=20, default="first")
    ward_type = models.SlugField(max_length=40, default="", blank=True)
    reason = models.CharField(max_length=300, default="", blank=True)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    source_id = models.CharField(max_length=100, default="", blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hospital_id", "number"], name="encounter_number_once"),
            models.UniqueConstraint(
                fields=["hospital_id", "source_id"],
                condition=~models.Q(source_id=""),
                name="encounter_source_once",
            ),
            models.CheckConstraint(
                condition=models.Q(triage_level__isnull=True) | models.Q(triage_level__range=(1, 5)),
                name="triage_level_esi",
            ),
            models.CheckConstraint(
                condition=models.Q(ended_at__isnull=True) | models.Q(ended_at__gte=models.F("started_at")),
                name="encounter_ends_after_start",
            ),
        ]
        indexes = [
            models.Index(fields=["hospital_id", "patient", "started_at"], name="encounter_by_patient"),
            models.Index(fields=["hospital_id", "started_at"], name="encounter_by_start"),
        ]


class Diagnosis(TenantModel):
    """What a visit found (FHIR Condition). ``code`` is an ICD-10 code, or empty. Withdrawn rather than changed."""

    encounter = TenantForeignKey(Encounter)
    text = models.CharField(max_length=300)
    code = models.CharField(max_length=8, default="", blank=True)
    recorded_at = models.DateTimeField()
    recorded_by = models.CharField(max_length=200)
    withdrawn_at = models.DateTimeField(null=True)
    withdrawn_by = models.CharField(max_length=200, default="", blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(code="") | models.Q(code__regex=r"^[A-Z][0-9][0-9A-Z](\.[0-9A-Z]{1,4})?$"),
                name="diagnosis_code_icd10",
            ),
            models.CheckConstraint(condition=~models.Q(text=""), name="diagnosis_says_something"),
            models.CheckConstraint(
                condition=models.Q(withdrawn_at=None, withdrawn_by="")
                | (models.Q(withdrawn_at__isnull=False) & ~models.Q(withdrawn_by="")),
                name="diagnosis_withdrawn_by_somebody",
            ),
        ]
        indexes = [models.Index(fields=["hospital_id", "encounter"], name="diagnosis_by_visit")]


class Payer(TenantModel):
    """An organization that pays for patients: insurer, government, employer (X12 payer)."""

    code = models.SlugField(max_length=60)
    name = models.CharField(max_length=200)
    source_id = models.CharField(max_length=100, default="", blank=True)
    is_active = models.BooleanField(default=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["hospital_id", "code"], name="payer_code_once")]

    def __str__(self) -> str:
        return self.name


class Coverage(TenantModel):
    """A period in which a payer covers a patient (FHIR Coverage); the lowest ``priority`` pays first."""

    patient = TenantForeignKey(Patient)
    payer = TenantForeignKey(Payer)
    member_id = models.CharField(max_length=60, default="", blank=True)
    priority = models.SmallIntegerField(default=1)
    starts_on = models.DateField()
    ends_on = models.DateField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["hospital_id", "patient", "payer", "priority", "starts_on"], name="coverage_once"
            ),
            models.CheckConstraint(
                condition=models.Q(ends_on__isnull=True) | models.Q(ends_on__gte=models.F("starts_on")),
                name="coverage_ends_after_start",
            ),
        ]
