"""Money that came in, what it was for, and what went back."""

from __future__ import annotations

from django.db import models

from almoner.charging.models import ChargeItem
from almoner.kernel.tenancy import TenantForeignKey, TenantModel
from almoner.patients.models import Encounter, PatientAccount
from almoner.payments.plan_models import PaymentPlan, PlanCancellation, PlanChangeRequest, PlanInstalment

__all__ = [
    "Allocation",
    "CashPoint",
    "CashSession",
    "CashTransfer",
    "DepositApplication",
    "Payment",
    "PaymentPlan",
    "PaymentTender",
    "PaymentVoid",
    "PlanCancellation",
    "PlanChangeRequest",
    "PlanInstalment",
    "Refund",
    "VoidRequest",
]


class CashPoint(TenantModel):
    """A till or counter. Its receipts are a number series of their own."""

    code = models.SlugField(max_length=30)
    name = models.CharField(max_length=100)
    is_active = models.BooleanField(default=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["hospital_id", "code"], name="cash_point_code_once")]


class CashSession(TenantModel):
    """A drawer in the hands of one cashier, from the counted float to the counted close.

    One is open per cash point and per cashier. Counts say how many pieces of each denomination (in minor
    units) were there; ``expected_minor`` is what the ledger held for the session when it was closed. A
    closed session is never changed.
    """

    number = models.BigIntegerField()
    cash_point = models.SlugField(max_length=30)
    currency = models.CharField(max_length=3)
    cashier_id = models.UUIDField()
    cashier = models.CharField(max_length=200)
    opened_at = models.DateTimeField()
    float_count = models.JSONField(default=dict)
    float_minor = models.BigIntegerField()
    handed_over_from = TenantForeignKey("payments.CashSession", null=True)
    idempotency_key = models.CharField(max_length=200)
    content_hash = models.CharField(max_length=64)
    closed_at = models.DateTimeField(null=True)
    closed_by = models.CharField(max_length=200, default="", blank=True)
    closing_count = models.JSONField(default=dict)
    counted_minor = models.BigIntegerField(null=True)
    expected_minor = models.BigIntegerField(null=True)
    difference_reason = models.CharField(max_length=500, default="", blank=True)
    closing_key = models.CharField(max_length=200, default="", blank=True)
    closing_hash = models.CharField(max_length=64, default="", blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["hospital_id", "cash_point"],
                condition=models.Q(closed_at__isnull=True),
                name="cash_point_open_once",
            ),
            models.UniqueConstraint(
                fields=["hospital_id", "cashier_id"],
                condition=models.Q(closed_at__isnull=True),
                name="cashier_open_once",
            ),
            models.UniqueConstraint(
                fields=["hospital_id", "cash_point", "number"], name="cash_session_number_once"
            ),
            models.UniqueConstraint(fields=["hospital_id", "idempotency_key"], name="cash_session_key_once"),
            models.CheckConstraint(
                condition=models.Q(float_minor__gte=0)
                & (models.Q(counted_minor__isnull=True) | models.Q(counted_minor__gte=0)),
                name="cash_session_counts_not_negative",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    closed_at__isnull=True,
                    counted_minor__isnull=True,
                    expected_minor__isnull=True,
                    closed_by="",
                )
                | (
                    models.Q(
                        closed_at__gte=models.F("opened_at"),
                        counted_minor__isnull=False,
                        expected_minor__isnull=False,
                    )
                    & ~models.Q(closed_by="")
                ),
                name="cash_session_closed_with_a_count",
            ),
        ]
        indexes = [models.Index(fields=["hospital_id", "opened_at"], name="cash_session_by_time")]

    @property
    def name(self) -> str:
        """The session's number as printed: ``MAIN/12``."""
        return f"{self.cash_point.upper()}/{self.number}"

    @property
    def difference_minor(self) -> int:
        """Counted less expected: over when positive, short when negative; 0 while it is open."""
        return (self.counted_minor or 0) - (self.expected_minor or 0)


class CashTransfer(TenantModel):
    """Cash that left a drawer, or came into it, otherwise than by a patient. Never changed."""

    class Kind(models.TextChoices):
        BANKED = "banked"
        TO_SAFE = "to_safe"
        FROM_SAFE = "from_safe"

    cash_session = TenantForeignKey(CashSession)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    reference = models.CharField(max_length=200, default="", blank=True)
    at = models.DateTimeField()
    moved_by = models.CharField(max_length=200)
    idempotency_key = models.CharField(max_length=200)
    content_hash = models.CharField(max_length=64)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hospital_id", "idempotency_key"], name="cash_transfer_key_once"),
            models.CheckConstraint(condition=models.Q(amount_minor__gt=0), name="cash_transfer_positive"),
            models.CheckConstraint(
                condition=~models.Q(kind="banked") | ~models.Q(reference=""), name="banked_with_a_slip"
            ),
        ]
        indexes = [models.Index(fields=["hospital_id", "cash_session"], name="cash_transfer_by_session")]


class Payment(TenantModel):
    """Money received. tendered = amount + change; ``unallocated_minor`` is what is held as a deposit.

    ``method`` is that of its one tender, or ``SEVERAL``. A payer's payment (``payer_id`` set) settles the
    payer's part of its charges.
    """

    SEVERAL = "several"

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
    cash_session = TenantForeignKey(CashSession, null=True)
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


class PaymentTender(TenantModel):
    """What was handed over by one method of a payment; tendered = amount + change, and only cash gives change.

    Every payment has at least one, and its tenders add up to it. Never changed.
    """

    payment = TenantForeignKey(Payment)
    line = models.SmallIntegerField()
    method = models.CharField(max_length=20, choices=Payment.Method.choices)
    tendered_minor = models.BigIntegerField()
    change_minor = models.BigIntegerField()
    amount_minor = models.BigIntegerField()
    reference = models.CharField(max_length=200, default="", blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hospital_id", "payment", "line"], name="tender_line_once"),
            models.CheckConstraint(
                condition=models.Q(amount_minor__gt=0)
                & models.Q(change_minor__gte=0)
                & models.Q(tendered_minor=models.F("amount_minor") + models.F("change_minor")),
                name="tender_adds_up",
            ),
            models.CheckConstraint(
                condition=models.Q(change_minor=0) | models.Q(method="cash"), name="only_cash_gives_change"
            ),
        ]


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


class DecidedRequest(MoneyRequest):
    """What one person asks for and another approves or refuses. Decided once.

    ``requester_id`` and ``decider_id`` are the users, empty for programs.
    """

    class Decision(models.TextChoices):
        WAITING = ""
        APPROVED = "approved"
        REFUSED = "refused"

    payment = TenantForeignKey(Payment)
    requester_id = models.UUIDField(null=True)
    decision = models.CharField(max_length=10, choices=Decision.choices, default="", blank=True)
    decided_at = models.DateTimeField(null=True)
    decided_by = models.CharField(max_length=200, default="", blank=True)
    decider_id = models.UUIDField(null=True)
    decision_note = models.CharField(max_length=500, default="", blank=True)

    class Meta:
        abstract = True


_DECIDED_BY_SOMEBODY = models.Q(decision="", decided_at__isnull=True, decided_by="") | (
    models.Q(decision__in=["approved", "refused"], decided_at__isnull=False) & ~models.Q(decided_by="")
)
_DECIDED_BY_ANOTHER = ~models.Q(decided_by=models.F("requested_by")) & (
    models.Q(decider_id__isnull=True)
    | models.Q(requester_id__isnull=True)
    | ~models.Q(decider_id=models.F("requester_id"))
)


class VoidRequest(DecidedRequest):
    """Somebody asks that a payment be voided; somebody else approves or refuses it."""

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hospital_id", "idempotency_key"], name="void_request_key_once"),
            models.UniqueConstraint(
                fields=["hospital_id", "payment"],
                condition=models.Q(decision=""),
                name="void_requested_once",
            ),
            models.CheckConstraint(condition=_DECIDED_BY_SOMEBODY, name="void_request_decided_by_somebody"),
            models.CheckConstraint(condition=_DECIDED_BY_ANOTHER, name="void_decided_by_another"),
        ]


class PaymentVoid(MoneyRequest):
    """A payment recorded in error: its entry is reversed, its allocations end.

    ``approved_by`` is the second person, empty when a program did it. ``cash_session`` is where the cash
    came out of.
    """

    payment = TenantForeignKey(Payment)
    approved_by = models.CharField(max_length=200, default="", blank=True)
    cash_session = TenantForeignKey(CashSession, null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(approved_by=models.F("requested_by")), name="void_approved_by_another"
            ),
            models.UniqueConstraint(fields=["hospital_id", "payment"], name="payment_voided_once"),
            models.UniqueConstraint(fields=["hospital_id", "idempotency_key"], name="void_key_once"),
        ]


class Refund(MoneyRequest):
    """Money given back from a payment: first from what was unallocated, then by reopening charges.

    ``approved_by``: the second person, where the hospital asks for one (``refund_approval_above``).
    """

    payment = TenantForeignKey(Payment)
    approved_by = models.CharField(max_length=200, default="", db_default="", blank=True)
    method = models.CharField(max_length=20, choices=Payment.Method.choices)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    cash_session = TenantForeignKey(CashSession, null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hospital_id", "idempotency_key"], name="refund_key_once"),
            models.CheckConstraint(condition=models.Q(amount_minor__gt=0), name="refund_positive"),
            models.CheckConstraint(
                condition=~models.Q(approved_by=models.F("requested_by")), name="refund_approved_by_another"
            ),
        ]
        indexes = [models.Index(fields=["hospital_id", "payment"], name="refund_by_payment")]


class RefundRequest(DecidedRequest):
    """Somebody asks that more be given back than one person may; somebody else approves or refuses it."""

    method = models.CharField(max_length=20, choices=Payment.Method.choices)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["hospital_id", "idempotency_key"], name="refund_request_key_once"
            ),
            models.UniqueConstraint(
                fields=["hospital_id", "payment"],
                condition=models.Q(decision=""),
                name="refund_requested_once",
            ),
            models.CheckConstraint(condition=_DECIDED_BY_SOMEBODY, name="refund_request_decided_by_somebody"),
            models.CheckConstraint(condition=_DECIDED_BY_ANOTHER, name="refund_decided_by_another"),
            models.CheckConstraint(condition=models.Q(amount_minor__gt=0), name="refund_request_positive"),
        ]


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
