"""Money that came in, what it was for, and what went back."""

from __future__ import annotations

from django.db import models

from almoner.charging.models import ChargeItem
from almoner.kernel.tenancy import TenantForeignKey, TenantModel
from almoner.patients.models import Encounter, PatientAccount


class CashPoint(TenantModel):
    """A till or counter. Its receipts are a number series of their own."""

    code = models.SlugField(max_length=30)
    name = models.CharField(max_length=100)
    is_active = models.BooleanField(default=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["hospital_id", "code"], name="cash_point_code_once")]


class Payment(TenantModel):
    """Money received. tendered = amount + change; ``unallocated_minor`` is what is held as a deposit.

    A payer's payment (``payer_id`` set) settles the payer's part of its charges.
    """

    class Method(models.TextChoices):
        CASH = "cash"
        CARD = "card"
        BANK_TRANSFER = "bank_transfer"
        CHEQUE = "cheque"
        MOBILE_MONEY = "mobile_money"

    patient_account = TenantForeignKey(PatientAccount)
    encounter = TenantForeignKey(Encounter, null=True)
    payer_id = models.UUIDField(null=True)
    method = models.CharField(max_length=20, choices=Method.choices)
    tendered_minor = models.BigIntegerField()
    change_minor = models.BigIntegerField(default=0)
    amount_minor = models.BigIntegerField()
    unallocated_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    reference = models.CharField(max_length=200, default="", blank=True)
    cash_point = models.SlugField(max_length=30)
    receipt_series = models.CharField(max_length=60)
    receipt_year = models.IntegerField()
    receipt_number = models.BigIntegerField()
    received_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    received_by = models.CharField(max_length=200)
    idempotency_key = models.CharField(max_length=200)
    content_hash = models.CharField(max_length=64)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hospital_id", "idempotency_key"], name="payment_key_once"),
            models.UniqueConstraint(
                fields=["hospital_id", "receipt_series", "receipt_year", "receipt_number"],
                name="receipt_number_once",
            ),
            models.CheckConstraint(
                condition=models.Q(amount_minor__gt=0)
                & models.Q(change_minor__gte=0)
                & models.Q(tendered_minor=models.F("amount_minor") + models.F("change_minor")),
                name="payment_tendered_adds_up",
            ),
            models.CheckConstraint(
                condition=models.Q(unallocated_minor__gte=0)
                & models.Q(unallocated_minor__lte=models.F("amount_minor")),
                name="payment_allocated_within_amount",
            ),
        ]
        indexes = [
            models.Index(fields=["hospital_id", "patient_account", "received_at"], name="payment_by_account"),
            models.Index(fields=["hospital_id", "received_at"], name="payment_by_time"),
            models.Index(
                fields=["hospital_id", "patient_account"],
                condition=models.Q(unallocated_minor__gt=0),
                name="payment_with_deposit",
            ),
        ]

    @property
    def receipt(self) -> str:
        """The receipt's number as printed: ``MAIN-2026-000123``."""
        return f"{self.receipt_series}-{self.receipt_year}-{self.receipt_number:06d}"


class Allocation(TenantModel):
    """A part of a payment given to a charge item; negative when it was taken back. Never changed."""

    payment = TenantForeignKey(Payment)
    charge_item = TenantForeignKey(ChargeItem)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    allocated_at = models.DateTimeField()
    source_id = models.UUIDField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~models.Q(amount_minor=0), name="allocation_not_zero"),
        ]
        indexes = [
            models.Index(fields=["hospital_id", "payment"], name="allocation_by_payment"),
            models.Index(fields=["hospital_id", "charge_item"], name="allocation_by_item"),
        ]


class MoneyRequest(TenantModel):
    """Who asked for it, and under which key: what voids, refunds and deposit applications share."""

    at = models.DateTimeField()
    requested_by = models.CharField(max_length=200)
    reason = models.CharField(max_length=500)
    idempotency_key = models.CharField(max_length=200)
    content_hash = models.CharField(max_length=64)

    class Meta:
        abstract = True


class PaymentVoid(MoneyRequest):
    """A payment recorded in error: its entry is reversed, its allocations end."""

    payment = TenantForeignKey(Payment)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hospital_id", "payment"], name="payment_voided_once"),
            models.UniqueConstraint(fields=["hospital_id", "idempotency_key"], name="void_key_once"),
        ]


class Refund(MoneyRequest):
    """Money given back from a payment: first from what was unallocated, then by reopening charges."""

    payment = TenantForeignKey(Payment)
    method = models.CharField(max_length=20, choices=Payment.Method.choices)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hospital_id", "idempotency_key"], name="refund_key_once"),
            models.CheckConstraint(condition=models.Q(amount_minor__gt=0), name="refund_positive"),
        ]
        indexes = [models.Index(fields=["hospital_id", "payment"], name="refund_by_payment")]


class DepositApplication(MoneyRequest):
    """Deposits of an account given to its charges."""

    patient_account = TenantForeignKey(PatientAccount)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hospital_id", "idempotency_key"], name="deposit_key_once"),
            models.CheckConstraint(condition=models.Q(amount_minor__gt=0), name="deposit_applied_positive"),
        ]


class PaymentPlan(TenantModel):
    """An agreed arrangement to pay later. Gates read its status as a fact.

    ``encounter`` empty: the plan covers the whole account.
    """

    class Status(models.TextChoices):
        ON_TRACK = "on_track"
        BEHIND = "behind"
        COMPLETED = "completed"

    patient_account = TenantForeignKey(PatientAccount)
    encounter = TenantForeignKey(Encounter, null=True)
    total_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    instalments = models.SmallIntegerField()
    first_due_on = models.DateField()
    status = models.CharField(max_length=20, choices=Status.choices, default=Status.ON_TRACK)
    agreed_at = models.DateTimeField()
    agreed_by = models.CharField(max_length=200)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(total_minor__gt=0) & models.Q(instalments__gte=1), name="plan_positive"
            ),
        ]
        indexes = [models.Index(fields=["hospital_id", "patient_account"], name="plan_by_account")]
