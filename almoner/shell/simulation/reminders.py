"""Reminders at the demo hospital: most were sent, somebody wants none, one could not be sent yet."""

from __future__ import annotations

from datetime import datetime

from almoner.hospitals.models import Hospital
from almoner.kernel.actor import Actor
from almoner.kernel.tenancy import transaction
from almoner.messaging.delivery import send_due
from almoner.messaging.kinds import find_notices
from almoner.messaging.operations import opt_out, set_contact
from almoner.messaging.outbox import write_reminders
from almoner.messaging.senders import Outgoing, Sender, SendFailed
from almoner.patients.models import Patient

UNREACHABLE = "full.mailbox@example.org"


class _Mailbox:
    """Takes every message and shows none: a first start is no place for a dozen letters."""

    def send(self, message: Outgoing) -> None:
        if message.address == UNREACHABLE:
            raise SendFailed("SMTPRecipientsRefused: 452 4.2.2 The mailbox is full")


def remind(hospital: Hospital, *, actor: Actor, at: datetime) -> None:
    """Write the reminders that are due at ``at`` to patients who can be reached, and send them."""
    with transaction(hospital.id):
        told = dict.fromkeys(notice.patient_id for notice in find_notices(hospital.id, at=at))
        patients = Patient.objects.in_bulk(list(told))
        for number, patient_id in enumerate(told):
            _reach(hospital, patients[patient_id], number, actor, at)
        write_reminders(hospital.id, at=at)
        send_due(hospital.id, at=at, senders=_mailbox)


def _mailbox(channel: str) -> Sender:
    return _Mailbox()


def _reach(hospital: Hospital, patient: Patient, number: int, actor: Actor, at: datetime) -> None:
    """The first, fourth... are reached by SMS alone; the second one's mailbox is full, the third wants none."""
    email = f"{patient.name.lower().replace(' ', '.')}@example.org"
    if number == 1:
        email = UNREACHABLE
    by_sms = number % 3 == 0
    set_contact(
        hospital.id,
        patient.id,
        phone=f"+1 555 01{number % 100:02d}",
        email="" if by_sms else email,
        language="es" if number % 4 == 3 else "",
        actor=actor,
        at=at,
    )
    if number == 2:
        for channel in ("email", "sms"):
            opt_out(hospital.id, patient.id, channel, actor=actor, at=at)
