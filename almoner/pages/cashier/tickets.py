"""The code on a receipt: an address that only this program can have made, and its picture."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from uuid import UUID

import segno
from django.core.signing import BadSignature, Signer
from django.utils.safestring import SafeString, mark_safe

TICKET_IN_ADDRESS = re.compile(r"/cashier/verify/([A-Za-z0-9_.-]+)")
"""The ticket in what a scanner types of a receipt's code."""
_SALT = "almoner.pages.cashier.receipt"


def _signer() -> Signer:
    return Signer(salt=_SALT, sep=".")


def receipt_ticket(hospital_id: UUID, payment_id: UUID) -> str:
    """A word that names the payment and cannot be guessed."""
    return _signer().sign(urlsafe_b64encode(hospital_id.bytes + payment_id.bytes).decode().rstrip("="))


def read_ticket(ticket: str) -> tuple[UUID, UUID] | None:
    """The hospital and the payment that ``ticket`` names; None when it was not made here."""
    try:
        packed = urlsafe_b64decode(_signer().unsign(ticket) + "==")
    except (BadSignature, ValueError):
        return None
    return (UUID(bytes=packed[:16]), UUID(bytes=packed[16:])) if len(packed) == 32 else None


def qr_picture(text: str) -> SafeString:
    """``text`` as a QR code: SVG markup of the library, without a script or a style."""
    code = segno.make(text, error="m", micro=False)
    return mark_safe(code.svg_inline(border=2, omitsize=True, svgclass="qr", lineclass=None))
