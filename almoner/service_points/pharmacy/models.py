"""What the pharmacy keeps in stock, hands out and takes back."""

from __future__ import annotations

from django.db import models

from almoner.catalog.models import Service
from almoner.hospitals.models import Department
from almoner.kernel.tenancy import TenantForeignKey, TenantModel
from almoner.orders.models import PrescriptionLine


class StockItem(TenantModel):
    """A medication that the store of a department keeps, in the unit that its price is for.

    Only what is a stock item is managed: everything else is handed out without a batch. At or below
    ``minimum`` it is low.
    """

    store = TenantForeignKey(Department)
    service = TenantForeignKey(Service)
    minimum = models.DecimalField(max_digits=12, decimal_places=3, default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hospital_id", "store", "service"], name="stock_item_once"),
            models.CheckConstraint(condition=models.Q(minimum__gte=0), name="stock_minimum_not_negative"),
        ]
        indexes = [models.Index(fields=["hospital_id", "service"], name="stock_item_by_service")]


class Batch(TenantModel):
    """A manufacturer's batch of a stock item. ``on_hand`` is kept by the database from the movements, and can
    never be below zero. On ``expires_on`` it may still be handed out, the day after no more."""

    item = TenantForeignKey(StockItem, related_name="batches")
    number = models.CharField(max_length=60)
    expires_on = models.DateField()
    on_hand = models.DecimalField(max_digits=12, decimal_places=3, default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hospital_id", "item", "number"], name="batch_once"),
            models.CheckConstraint(condition=models.Q(on_hand__gte=0), name="stock_on_hand_not_negative"),
        ]
        indexes = [models.Index(fields=["hospital_id", "item", "expires_on"], name="batch_by_expiry")]


class Substitution(TenantModel):
    """From now on the rest of a prescribed line is handed out as another medication.

    ``consented_by`` is the prescriber who agreed, where the hospital asks for it.
    """

    prescription_line = TenantForeignKey(PrescriptionLine)
    service = TenantForeignKey(Service)
    reason = models.CharField(max_length=500)
    consented_by = models.CharField(max_length=200, default="", blank=True)
    substituted_at = models.DateTimeField()
    substituted_by = models.CharField(max_length=200)

    class Meta:
        indexes = [models.Index(fields=["hospital_id", "prescription_line"], name="substitution_by_line")]


class Dispensing(TenantModel):
    """A quantity of one prescribed medication handed out; of another one when ``substitution`` says so."""

    prescription_line = TenantForeignKey(PrescriptionLine)
    substitution = TenantForeignKey(Substitution, null=True)
    quantity = models.DecimalField(max_digits=12, decimal_places=3)
    dispensed_at = models.DateTimeField()
    dispensed_by = models.CharField(max_length=200)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(quantity__gt=0), name="dispensed_quantity_positive")
        ]
        indexes = [
            models.Index(fields=["hospital_id", "prescription_line"], name="dispensing_by_line"),
            models.Index(fields=["hospital_id", "dispensed_at"], name="dispensing_by_time"),
        ]

    @property
    def service(self) -> Service:
        """The medication that was handed out."""
        found: Service = (
            self.substitution.service if self.substitution is not None else self.prescription_line.service
        )
        return found


class MedicationReturn(TenantModel):
    """A quantity that came back. ``is_sealed``: it went back into its batch; otherwise it was disposed of."""

    dispensing = TenantForeignKey(Dispensing, related_name="returns")
    batch = TenantForeignKey(Batch, null=True)
    quantity = models.DecimalField(max_digits=12, decimal_places=3)
    is_sealed = models.BooleanField()
    reason = models.CharField(max_length=500)
    credited_minor = models.BigIntegerField()
    returned_at = models.DateTimeField()
    returned_by = models.CharField(max_length=200)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(quantity__gt=0), name="returned_quantity_positive"),
            models.CheckConstraint(
                condition=models.Q(credited_minor__gte=0), name="return_credit_not_negative"
            ),
        ]
        indexes = [models.Index(fields=["hospital_id", "dispensing"], name="return_by_dispensing")]


class StockMovement(TenantModel):
    """Stock that came or went, once and for all. ``quantity`` is what it changes ``on_hand`` by.

    ``source_id`` is the request, the dispensing or the return that moved it: once per batch. ``counted`` is
    what a count found; a count that found what was expected moves nothing and is kept all the same.
    """

    class Kind(models.TextChoices):
        RECEIVED = "received"
        DISPENSED = "dispensed"
        RETURNED = "returned"
        ADJUSTED = "adjusted"
        COUNTED = "counted"
        DISPOSED = "disposed"

    batch = TenantForeignKey(Batch, related_name="movements")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    quantity = models.DecimalField(max_digits=12, decimal_places=3)
    counted = models.DecimalField(max_digits=12, decimal_places=3, null=True)
    source_id = models.UUIDField()
    reason = models.CharField(max_length=500, default="", blank=True)
    reference = models.CharField(max_length=100, default="", blank=True)
    moved_at = models.DateTimeField()
    moved_by = models.CharField(max_length=200)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["hospital_id", "source_id", "batch", "kind"], name="stock_moved_once"
            ),
            models.CheckConstraint(
                condition=(
                    models.Q(kind__in=["received", "returned"], quantity__gt=0)
                    | models.Q(kind__in=["dispensed", "disposed"], quantity__lt=0)
                    | (models.Q(kind="adjusted") & ~models.Q(quantity=0))
                    | models.Q(kind="counted", counted__gte=0)
                ),
                name="stock_movement_sign",
            ),
            models.CheckConstraint(
                condition=models.Q(kind="counted") | models.Q(counted__isnull=True),
                name="stock_counted_by_counts",
            ),
            models.CheckConstraint(
                condition=~models.Q(kind__in=["adjusted", "disposed"]) | ~models.Q(reason=""),
                name="stock_movement_reason",
            ),
        ]
        indexes = [models.Index(fields=["hospital_id", "batch", "moved_at"], name="movement_by_batch")]
