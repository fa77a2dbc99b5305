"""How a patient is reached, which messages they want, and what was written to them lately."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from almoner.kernel.actor import Actor
from almoner.messaging.models import Channel, Message
from almoner.messaging.operations import PERMISSION_CONTACT, PERMISSION_MANAGE
from almoner.messaging.queries import address_of
from almoner.pages.patient_messages.presenting import MessageLine, message_line
from almoner.pages.presenters import Formats
from almoner.patients.merging import records_of
from almoner.patients.models import Patient

MAXIMUM_MESSAGES = 6
NO_ADDRESS = {
    Channel.EMAIL: gettext_lazy("No email address"),
    Channel.SMS: gettext_lazy("No phone number"),
}


@dataclass(frozen=True, slots=True)
class Way:
    """A channel: where it reaches the patient, and since when they want no messages by it ("": they do)."""

    channel: str
    title: Any
    address: str
    refused: str


@dataclass(frozen=True, slots=True)
class ContactCard:
    """``patients/contact_card.html``. ``change_url`` "": the reader may not change it."""

    ways: tuple[Way, ...]
    language: str
    messages: tuple[MessageLine, ...]
    change_url: str


def ways_of(patient: Patient, since: Mapping[str, datetime], formats: Formats) -> tuple[Way, ...]:
    """The channels and what the patient says about them: ``since`` when they want none by which."""
    return tuple(
        Way(
            channel=channel.value,
            title=channel.label,
            address=address_of(patient, channel) or str(NO_ADDRESS[channel]),
            refused=formats.day(formats.local_date(since[channel])) if channel in since else "",
        )
        for channel in Channel
    )


def contact_card(patient: Patient, actor: Actor, formats: Formats, *, today: date) -> ContactCard | None:
    """How ``patient``, read ``with_opt_outs``, is reached, for who may change it or read messages; one statement."""
    may_read, may_change = actor.may(PERMISSION_MANAGE), actor.may(PERMISSION_CONTACT)
    if not (may_read or may_change):
        return None
    standing: list[dict[str, str]] = patient.opt_outs  # type: ignore[attr-defined]
    since = {one["channel"]: datetime.fromisoformat(one["since"]) for one in standing}
    return ContactCard(
        ways=ways_of(patient, since, formats),
        language=dict(settings.LANGUAGES).get(patient.language, _("the hospital's")),
        messages=_messages(patient.id, formats, today) if may_read else (),
        change_url=reverse("patient-contact", args=[patient.id]) if may_change else "",
    )


def _messages(patient_id: UUID, formats: Formats, today: date) -> tuple[MessageLine, ...]:
    rows = Message.objects.filter(patient__in=records_of(patient_id)).select_related("patient")
    latest = rows.order_by("-written_at", "-id")[:MAXIMUM_MESSAGES]
    return tuple(message_line(one, formats, today=today) for one in latest)
