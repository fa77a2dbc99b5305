"""The refusals an operation may give. Every one names what was wrong and what to do about it."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _


class DomainError(Exception):
    """A request that cannot be carried out; nothing was written.

    ``code`` is stable and machine-readable, ``message`` is a sentence a clerk can read out, in the language of
    whoever asked, ``field`` names the offending input, ``status`` is the HTTP status of the refusal (RFC 9110).
    """

    status = 422
    code = "invalid"

    def __init__(
        self, message: str, *, field: str = "", code: str = "", detail: dict[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.code = code or type(self).code
        self.detail = detail or {}


class NotFound(DomainError):
    status = 404
    code = "not_found"


class Conflict(DomainError):
    status = 409
    code = "conflict"


class IdempotencyMismatch(Conflict):
    """The same idempotency key came with another content."""

    code = "idempotency_key_reused"

    def __init__(self, key: str) -> None:
        super().__init__(
            _(
                "The key %(key)r was already used for a request with other content. "
                "Repeat the original request, or choose a new key."
            )
            % {"key": key},
            field="idempotency_key",
        )


class PermissionRefused(DomainError):
    status = 403
    code = "permission_refused"

    def __init__(self, permission: str) -> None:
        super().__init__(
            _("This needs the permission %(permission)r.") % {"permission": permission}, field="permission"
        )
        self.permission = permission
