"""Identifiers: UUID version 7 (RFC 9562), made here so that rows can be built before they are sent."""

from __future__ import annotations

from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    """A time-ordered identifier, unique across hospitals."""
    return uuid7()
