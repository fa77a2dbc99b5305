"""Letters: sent by the mail server that ``ALMONER_MAIL_URL`` names, shown in the terminal when there is none."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

TERMINAL = "almoner.shell.accounts.mail.TerminalMailbox"
SMTP = "django.core.mail.backends.smtp.EmailBackend"
STARTTLS_PORT, TLS_PORT, PLAIN_PORT = 587, 465, 25


@dataclass(frozen=True, slots=True)
class MailSettings:
    """How letters leave. With a user, ``smtp://`` asks for STARTTLS; ``smtps://`` is TLS from the start."""

    backend: str = TERMINAL
    host: str = "localhost"
    port: int = PLAIN_PORT
    user: str = ""
    password: str = ""
    starttls: bool = False
    tls: bool = False


def mail_settings(url: str) -> MailSettings:
    """``smtp://USER:PASSWORD@HOST:PORT`` as settings; empty: the terminal."""
    if not url:
        return MailSettings()
    parts = urlsplit(url)
    tls = parts.scheme == "smtps"
    starttls = bool(parts.username) and not tls
    return MailSettings(
        backend=SMTP,
        host=parts.hostname or "localhost",
        port=parts.port or (TLS_PORT if tls else STARTTLS_PORT if starttls else PLAIN_PORT),
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        starttls=starttls,
        tls=tls,
    )


class TerminalMailbox(BaseEmailBackend):
    """Shows every letter as people read it, links in one piece."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        for message in email_messages:
            body = "\n".join(f"  │ {line}" for line in str(message.body).strip().splitlines())
            sys.stdout.write(f"\n  ✉ To {', '.join(message.to)}: {message.subject}\n{body}\n\n")
        sys.stdout.flush()
        return len(email_messages)
