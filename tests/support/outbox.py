"""Messages in tests: a hospital that reminds, a sender that keeps what it was handed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from almoner.messaging.delivery import Delivered, send_due
from almoner.messaging.models import Message
from almoner.messaging.operations import set_rules
from almoner.messaging.outbox import write_reminders
from almoner.messaging.rules import MessagingRules
from almoner.messaging.senders import Outgoing, Sender
from almoner.patients.models import Patient
from tests.support.hospital import TestHospital, TestPatient, enforce, make_hospital


@dataclass
class Post:
    """A sender for every channel. ``happens``, when set, is what an attempt does before it is kept."""

    taken: list[Outgoing] = field(default_factory=list)
    happens: Callable[[Outgoing], None] | None = None

    def __call__(self, channel: str) -> Sender:
        return self

    def send(self, message: Outgoing) -> None:
        if self.happens is not None:
            self.happens(message)
        self.taken.append(message)


@dataclass
class Reminding:
    """A hospital that reminds, and its post."""

    hospital: TestHospital
    post: Post = field(default_factory=Post)

    def patient(
        self, name: str = "Ada Byron", *, email: str = "ada@example.org", **columns: Any
    ) -> TestPatient:
        """A patient who is reached by email unless ``email`` is empty."""
        category = columns.pop("category", "general")
        made = self.hospital.patient(name, category=category)
        with self.hospital.transaction():
            Patient.objects.filter(id=made.id).update(email=email, **columns)
        return made

    def write(self, at: datetime) -> list[str]:
        """The reminders that are written at ``at``: kind, and state where it is not sent."""
        written = write_reminders(self.hospital.id, at=at)
        return [f"{one.kind} {one.reason}".strip() for one in written]

    def send(self, at: datetime) -> Delivered:
        return send_due(self.hospital.id, at=at, senders=self.post)

    def rules(self, at: datetime, **rules: Any) -> None:
        set_rules(self.hospital.id, MessagingRules(**rules), actor=self.hospital.actor, at=at)

    def messages(self) -> list[Message]:
        with self.hospital.transaction():
            return list(Message.objects.order_by("written_at", "id"))

    def message(self, message_id: UUID) -> Message:
        with self.hospital.transaction():
            return Message.objects.get(id=message_id)


def make_reminding(**settings: Any) -> Reminding:
    """A hospital whose every department reminds; ``settings`` as in the hospital's file."""
    hospital = make_hospital()
    enforce(hospital, "hospital", service_policies={"payment_reminders": "enabled"}, gate=settings)
    return Reminding(hospital)
