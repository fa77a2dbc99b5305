"""The link in every email by which its reader ends such emails."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from almoner.kernel.errors import NotFound

_SALT = "almoner.messaging.stop"


def stop_ticket(hospital_id: UUID, patient_id: UUID) -> str:
    """What names a patient in the link; it tells nothing, lets do nothing else, and never ends."""
    named = urlsafe_b64encode(hospital_id.bytes + patient_id.bytes).decode().rstrip("=")
    return signing.Signer(salt=_SALT).sign(named)


def read_stop_ticket(ticket: str) -> tuple[UUID, UUID]:
    """The hospital and the patient of a ticket. Raises ``NotFound`` for one that was not made here."""
    try:
        named = signing.Signer(salt=_SALT).unsign(ticket)
    except signing.BadSignature as error:
        raise NotFound(
            _("This link is not complete. Open it from the email again."),
            field="ticket",
            code="unknown_ticket",
        ) from error
    ids = urlsafe_b64decode(named + "=")
    return UUID(bytes=ids[:16]), UUID(bytes=ids[16:])


def stop_url(hospital_id: UUID, patient_id: UUID) -> str:
    """The whole address of the link."""
    path = reverse("messaging:stop", args=[stop_ticket(hospital_id, patient_id)])
    return f"{settings.PUBLIC_URL}{path}"


def with_stop_link(body: str, url: str, locale: str) -> str:
    """``body`` with the link under it: no wording of a hospital leaves it out."""
    with translation.override(locale):
        return f"{body}\n\n-- \n{_('No more such emails: %(url)s') % {'url': url}}\n"
