"""What the pages' search looks patients up by."""

from __future__ import annotations

from django.db import models

from almoner.kernel.tenancy import TenantForeignKey, TenantModel
from almoner.patients.models import Patient


class PatientSearchKey(TenantModel):
    """A word that finds a patient: of the name, the MRN, the digits of the phone, in lower case.

    A trigger on the patients keeps them (``sql/search.sql``); the application only reads.
    """

    patient = TenantForeignKey(Patient)
    word = models.CharField(max_length=200)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hospital_id", "patient", "word"], name="search_key_once")
        ]
        indexes = [
            models.Index(
                fields=["hospital_id", "word", "patient"],
                opclasses=["uuid_ops", "varchar_pattern_ops", "uuid_ops"],
                name="search_key_by_word",
            )
        ]
