"""What a hospital writes to its patients: the outbox, its own wordings, who wants none, when it is quiet."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from almoner.kernel.tenancy import TenantForeignKey, TenantModel
from almoner.patients.models import Patient


class Channel(models.TextChoices):
    """By which way a message goes."""

    EMAIL = "email", _("Email")
    SMS = "sms", _("SMS")


class MessagingSettings(TenantModel):
    """How a hospital writes; at most one row, without it ``rules.DEFAULTS`` hold.

    Nothing is sent from ``quiet_from`` until ``quiet_until`` by the hospital's clock (both empty: never quiet).
    Of ``channels`` the first one that reaches a patient is taken. ``days_before`` and ``days_after`` are the
    steps of a reminder, counted from the day something falls due and from the day it is overdue.
    """

    quiet_from = models.TimeField(null=True)
    quiet_until = models.TimeField(null=True)
    channels = ArrayField(models.CharField(max_length=10, choices=Channel.choices))
    days_before = ArrayField(models.SmallIntegerField())
    days_after = ArrayField(models.SmallIntegerField())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hospital_id"], name="messaging_settings_once"),
            models.CheckConstraint(
                condition=models.Q(quiet_from=None, quiet_until=None)
                | (
                    models.Q(quiet_from__isnull=False, quiet_until__isnull=False)
                    & ~models.Q(quiet_from=models.F("quiet_until"))
                ),
                name="messaging_quiet_from_until",
            ),
        ]


class Wording(TenantModel):
    """The hospital's own words for a kind of message from ``starts_on`` on; an empty ``body`` goes back to the
    shipped ones. Of several for one day the last written holds. Never changed."""

    kind = models.CharField(max_length=60)
    channel = models.CharField(max_length=10, choices=Channel.choices)
    locale = models.CharField(max_length=10)
    starts_on = models.DateField()
    subject = models.CharField(max_length=150, default="", blank=True)
    body = models.TextField(default="", blank=True)
    written_at = models.DateTimeField()
    written_by = models.CharField(max_length=200)

    class Meta:
        indexes = [
            models.Index(fields=["hospital_id", "kind", "channel", "locale"], name="wording_by_kind"),
        ]


class OptOut(TenantModel):
    """A patient wants no messages by a channel, from ``since`` until ``ended_at``; ``ended_by`` wants them again.

    An opt-out of any record of a person holds for the person (``patients.merging``).
    """

    patient = TenantForeignKey(Patient)
    channel = models.CharField(max_length=10, choices=Channel.choices)
    since = models.DateTimeField()
    recorded_by = models.CharField(max_length=200)
    ended_at = models.DateTimeField(null=True)
    ended_by = models.CharField(max_length=200, default="", blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["hospital_id", "patient", "channel"],
                condition=models.Q(ended_at=None),
                name="opt_out_once",
            ),
            models.CheckConstraint(
                condition=models.Q(ended_at=None, ended_by="")
                | (models.Q(ended_at__isnull=False) & ~models.Q(ended_by="")),
                name="opt_out_ended_by_somebody",
            ),
        ]


class Message(TenantModel):
    """A message to a patient: written with what causes it, sent by the worker.

    ``thing`` is what it is about (``visit:…``), ``step`` which of its reminders: one message for a thing and a
    step, and one for a thing and a day (``written_on``, the hospital's date). ``amount_minor`` and ``due_on`` are
    what it says; text, address and locale are those of the last attempt. ``not_before``: when it is tried
    (next). ``reason`` says in a word why it was suppressed, ``last_error`` why it could not be sent.
    """

    class State(models.TextChoices):
        QUEUED = "queued"
        SENT = "sent"
        FAILED = "failed"
        SUPPRESSED = "suppressed"

    class Reason(models.TextChoices):
        OPTED_OUT = "opted_out"
        NO_ADDRESS = "no_address"
        NO_LONGER_DUE = "no_longer_due"

    kind = models.CharField(max_length=60)
    thing = models.CharField(max_length=80)
    step = models.CharField(max_length=40)
    patient = TenantForeignKey(Patient)
    channel = models.CharField(max_length=10, choices=Channel.choices)
    address = models.CharField(max_length=254, default="", blank=True)
    locale = models.CharField(max_length=10)
    amount_minor = models.BigIntegerField()
    due_on = models.DateField()
    subject = models.CharField(max_length=200, default="", blank=True)
    body = models.TextField(default="", blank=True)
    state = models.CharField(max_length=12, choices=State.choices, default=State.QUEUED)
    reason = models.CharField(max_length=20, choices=Reason.choices, default="", blank=True)
    attempts = models.SmallIntegerField(default=0)
    last_error = models.CharField(max_length=300, default="", blank=True)
    written_on = models.DateField()
    written_at = models.DateTimeField()
    not_before = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["hospital_id", "kind", "thing", "step"], name="message_step_once"
            ),
            models.UniqueConstraint(fields=["hospital_id", "thing", "written_on"], name="message_day_once"),
            models.CheckConstraint(
                condition=models.Q(state="queued", finished_at=None)
                | (models.Q(state__in=["sent", "failed", "suppressed"], finished_at__isnull=False)),
                name="message_finished",
            ),
            models.CheckConstraint(
                condition=models.Q(state="suppressed") ^ models.Q(reason=""),
                name="message_suppressed_for_a_reason",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="sent")
                | (~models.Q(address="") & ~models.Q(body="") & models.Q(attempts__gt=0)),
                name="message_sent_somewhere",
            ),
            models.CheckConstraint(condition=models.Q(amount_minor__gt=0), name="message_amount_positive"),
        ]
        indexes = [
            models.Index(
                fields=["hospital_id", "not_before", "id"],
                condition=models.Q(state="queued"),
                name="message_to_send",
            ),
            models.Index(fields=["hospital_id", "state", "-written_at"], name="message_by_state"),
            models.Index(fields=["hospital_id", "patient", "-written_at"], name="message_by_patient"),
        ]
