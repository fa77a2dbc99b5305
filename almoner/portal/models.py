"""Which patients' records a person may see as their own, and who was asked to."""

from __future__ import annotations

from django.db import models

from almoner.identity.models import User
from almoner.kernel.ids import new_id
from almoner.kernel.tenancy import TenantForeignKey, TenantModel
from almoner.patients.models import Patient


class PatientLogin(models.Model):
    """A patient's record that a user sees as their own. No membership: it opens nothing of the staff's.

    A record that was merged means the one that survives. Read before the hospital is known, hence the platform's.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    hospital_id = models.UUIDField()
    patient_id = models.UUIDField()
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="patient_logins")
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hospital_id", "patient_id", "user"], name="patient_login_once")
        ]


class PatientInvitation(TenantModel):
    """A letter with a link by which ``email`` comes to see a patient's record. Open until accepted, withdrawn or
    expired; ``invited_by`` is the name of who decided it."""

    patient = TenantForeignKey(Patient)
    email = models.EmailField()
    invited_by = models.CharField(max_length=200)
    invited_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(accepted_at=None) | models.Q(withdrawn_at=None),
                name="patient_invitation_accepted_or_withdrawn",
            ),
        ]
        indexes = [models.Index(fields=["hospital_id", "patient"], name="patient_invitation_by_patient")]
