"""What takes a message out of the house. Which one serves a channel, ``MESSAGE_SENDERS`` of the settings says."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from smtplib import SMTPException
from typing import Protocol
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMessage
from django.utils.module_loading import import_string

from almoner.messaging.texts import sms_segments


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message on its way. ``id`` is the key that a provider tells a second attempt by: it is the same each time.

    ``stop_url`` is where the reader ends such emails; empty for an SMS.
    """

    id: UUID
    channel: str
    address: str
    body: str
    subject: str = ""
    stop_url: str = ""
    attempt: int = field(default=1, compare=False)


class SendFailed(Exception):
    """The message was not taken; the text says why, and it is tried again."""


class Sender(Protocol):
    """Hands a message to whoever carries it. At least once: what is not known to have been taken comes again,
    with the same ``Outgoing.id``."""

    def send(self, message: Outgoing) -> None:
        """Raises ``SendFailed``."""


class DjangoMail:
    """Email by Django's mail backend: the server of ``ALMONER_MAIL_URL``, or the terminal."""

    def send(self, message: Outgoing) -> None:
        email = EmailMessage(
            message.subject,
            message.body,
            to=[message.address],
            headers={
                "Message-ID": f"<{message.id}@almoner>",
                "Auto-Submitted": "auto-generated",
                "List-Unsubscribe": f"<{message.stop_url}>",
                "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            },
        )
        try:
            email.send()
        except (OSError, SMTPException) as error:
            raise SendFailed(f"{type(error).__name__}: {error}") from error


class TerminalSms:
    """Shows an SMS in the terminal, for a demo: no provider is connected yet."""

    def send(self, message: Outgoing) -> None:
        body = "\n".join(f"  │ {line}" for line in message.body.splitlines())
        sys.stdout.write(f"\n  ✆ To {message.address}: SMS of {sms_segments(message.body)}\n{body}\n\n")
        sys.stdout.flush()


def sender_of(channel: str) -> Sender:
    """What serves ``channel``."""
    made: Sender = import_string(settings.MESSAGE_SENDERS[channel])()
    return made
