"""The same request twice is the same request once: a key, and a hash of the content behind it."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson
from django.utils.translation import gettext as _

from almoner.kernel.errors import DomainError

MAXIMUM_KEY_LENGTH = 200


def content_hash(content: Any) -> str:
    """SHA-256 (hexadecimal) of the canonical JSON of ``content``: keys sorted, no white space."""
    data = orjson.dumps(content, option=orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z, default=str)
    return hashlib.sha256(data).hexdigest()


def check_key(key: str) -> str:
    """``key`` itself, or a ``DomainError`` when it is empty, too long or not printable."""
    if not key or len(key) > MAXIMUM_KEY_LENGTH or not key.isprintable():
        raise DomainError(
            _("An idempotency key has 1 to %(maximum_key_length)s printable characters.")
            % {"maximum_key_length": MAXIMUM_KEY_LENGTH},
            field="idempotency_key",
            code="invalid_idempotency_key",
        )
    return key
