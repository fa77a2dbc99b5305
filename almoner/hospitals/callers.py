"""Programs that call: who they are, for which hospital, and what their key may do.

A key belongs to one hospital and the hospital follows from the key, so no request names it. Reading a
key costs one indexed statement and is remembered for ``REMEMBERED``, so that a revoked key stops working
after that at the latest; its expiry is compared every time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar
from uuid import UUID

from django.db import connection
from django.http import HttpRequest
from django.utils.translation import gettext
from ninja.errors import AuthenticationError
from ninja.security.base import AuthBase

from almoner.identity.models import ApiKey
from almoner.kernel.actor import Actor
from almoner.kernel.clock import now
from almoner.kernel.errors import DomainError

REMEMBERED = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, and the hospital of their key. ``at`` is when the request came in."""

    actor: Actor
    hospital_id: UUID
    currency: str
    time_zone: str
    at: datetime


class ApiRequest(HttpRequest):
    """A request whose key was accepted."""

    auth: Caller


@dataclass(frozen=True, slots=True)
class _Known:
    actor: Actor
    hospital_id: UUID
    currency: str
    time_zone: str
    expires_at: datetime | None
    read_at: datetime


_known: dict[str, _Known] = {}


def caller_of(secret: str, *, at: datetime) -> Caller | None:
    """Who calls with ``secret`` at ``at``; None when the key is unknown, expired or revoked."""
    hashed = ApiKey.hash_secret(secret)
    known = _known.get(hashed)
    if known is None or not timedelta() <= at - known.read_at < REMEMBERED:
        known = _read(hashed, at)
        if known is None:
            _known.pop(hashed, None)
            return None
        _known[hashed] = known
    if known.expires_at is not None and known.expires_at <= at:
        return None
    return Caller(known.actor, known.hospital_id, known.currency, known.time_zone, at)


def _read(hashed: str, at: datetime) -> _Known | None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT k.name, k.scopes, k.hospital_id, h.currency, h.time_zone, k.expires_at"
            " FROM identity_apikey AS k JOIN hospitals_hospital AS h ON h.id = k.hospital_id"
            " WHERE k.secret_hash = %s AND k.revoked_at IS NULL",
            [hashed],
        )
        row = cursor.fetchone()
    if row is None:
        return None
    name, scopes, hospital_id, currency, time_zone, expires_at = row
    actor = Actor(name=f"key:{name}", permissions=frozenset(scopes))
    return _Known(actor, hospital_id, currency, time_zone, expires_at, at)


class UnknownParameter(DomainError):
    code = "unknown_parameter"


class ApiKeyAuth(AuthBase):
    """``Authorization: Bearer alm_...`` with every scope in ``scopes``.

    ``more`` are scopes with which the endpoint tells more; it checks them itself. ``parameters`` are the names that may stand in the query string; the API fills them in from the
    endpoint's signature.
    """

    openapi_type: ClassVar[str] = "http"
    openapi_scheme: ClassVar[str] = "bearer"
    openapi_description: ClassVar[str] = "An API key of one hospital: `Authorization: Bearer alm_...`"

    def __init__(self, *scopes: str, more: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.scopes = scopes
        self.more = more
        self.parameters: frozenset[str] = frozenset()

    def __call__(self, request: HttpRequest) -> Caller:
        """The caller. Raises ``AuthenticationError`` (401), ``PermissionRefused`` (403)."""
        scheme, _, secret = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        caller = caller_of(secret, at=now()) if scheme.lower() == "bearer" else None
        if caller is None:
            raise AuthenticationError
        for scope in self.scopes:
            caller.actor.require(scope)
        if request.META.get("QUERY_STRING"):
            self._check_parameters(request)
        return caller

    def _check_parameters(self, request: HttpRequest) -> None:
        for name in request.GET:
            if name not in self.parameters:
                known = ", ".join(sorted(self.parameters)) or "none"
                raise UnknownParameter(
                    gettext("Unknown parameter. Known here: %(known)s.") % {"known": known}, field=name[:80]
                )
            if "\0" in request.GET[name]:
                raise UnknownParameter(
                    gettext("A text may not contain the character U+0000."), field=name[:80]
                )


def needs(*scopes: str, more: tuple[str, ...] = ()) -> ApiKeyAuth:
    """How an endpoint says which scopes a key must have to call it, and with which it tells ``more``."""
    return ApiKeyAuth(*scopes, more=more)
