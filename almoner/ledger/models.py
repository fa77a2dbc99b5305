"""Double entry, append-only. An entry is one thing that happened; its postings sum to zero.

The ledger knows nothing of services or gates. Postings carry the dimensions that reports ask for. From
the postings themselves a trigger keeps two summaries: what is open on an item (open-item accounting)
and what a patient account owes and holds. Nobody else writes them, and ``almoner verify`` recomputes
both.
"""

from __future__ import annotations

from django.db import models

from almoner.kernel.tenancy import TenantForeignKey, TenantModel
from almoner.patients.models import PatientAccount


class LedgerAccount(TenantModel):
    """An account of the hospital's chart. ``code`` is what postings name."""

    class Type(models.TextChoices):
        ASSET = "asset"
        LIABILITY = "liability"
        INCOME = "income"
        EXPENSE = "expense"

    code = models.SlugField(max_length=40)
    number = models.CharField(max_length=10)
    name = models.CharField(max_length=100)
    account_type = models.CharField(max_length=10, choices=Type.choices)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hospital_id", "code"], name="ledger_account_code_once")
        ]


class JournalEntry(TenantModel):
    """One balanced fact. ``source_id`` is the event, payment or decision it came from."""

    kind = models.CharField(max_length=40)
    source_id = models.UUIDField()
    reverses = TenantForeignKey("ledger.JournalEntry", null=True)
    occurred_at = models.DateTimeField()
    posted_at = models.DateTimeField()
    actor = models.CharField(max_length=200)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["hospital_id", "reverses"],
                condition=models.Q(reverses__isnull=False),
                name="entry_reversed_once",
            ),
        ]
        indexes = [
            models.Index(fields=["hospital_id", "posted_at"], name="entry_by_time"),
            models.Index(fields=["hospital_id", "source_id"], name="entry_by_source"),
        ]


class Posting(models.Model):
    """A line of an entry. ``amount_minor``: debit positive, credit negative.

    ``cash_session_id`` is the session at whose cash point money was taken or given back.
    """

    pk = models.CompositePrimaryKey("hospital_id", "entry_id", "line")
    hospital_id = models.UUIDField(editable=False)
    entry = TenantForeignKey(JournalEntry)
    line = models.IntegerField()
    account_code = models.CharField(max_length=40)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    patient_account = TenantForeignKey(PatientAccount, null=True)
    charge_item_id = models.UUIDField(null=True)
    payment_id = models.UUIDField(null=True)
    department_id = models.UUIDField(null=True)
    service_id = models.UUIDField(null=True)
    payer_id = models.UUIDField(null=True)
    cash_session_id = models.UUIDField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["hospital_id", "charge_item_id"], name="posting_by_item"),
            models.Index(fields=["hospital_id", "patient_account"], name="posting_by_patient"),
            models.Index(
                fields=["hospital_id", "cash_session_id"],
                condition=models.Q(cash_session_id__isnull=False),
                name="posting_by_cash_session",
            ),
        ]


class OpenItem(TenantModel):
    """What is still open on a charge item: the patient's part and the payer's. Kept by the trigger."""

    patient_account = TenantForeignKey(PatientAccount)
    currency = models.CharField(max_length=3)
    patient_minor = models.BigIntegerField()
    payer_minor = models.BigIntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(patient_minor__gte=0) & models.Q(payer_minor__gte=0),
                name="open_item_not_negative",
            ),
        ]
        indexes = [
            models.Index(
                fields=["hospital_id", "patient_account"],
                condition=models.Q(patient_minor__gt=0),
                name="open_item_due",
            ),
        ]


class PatientBalance(TenantModel):
    """The summary of one patient account (``id`` is the account's). Kept by the trigger."""

    currency = models.CharField(max_length=3)
    receivable_minor = models.BigIntegerField()
    payer_receivable_minor = models.BigIntegerField()
    deposit_minor = models.BigIntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(receivable_minor__gte=0)
                & models.Q(payer_receivable_minor__gte=0)
                & models.Q(deposit_minor__gte=0),
                name="patient_balance_not_negative",
            ),
        ]
