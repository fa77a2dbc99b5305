"""Lists over HTTP: newest first, a page at a time, by an opaque cursor and never by an offset."""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

import orjson
from django.db.models import Model, Q, QuerySet
from django.utils.translation import gettext as _
from ninja import Query
from pydantic import Field

from almoner.kernel.errors import DomainError
from almoner.kernel.wire import Resource

MAXIMUM_LIMIT = 200
DEFAULT_LIMIT = 50

Row = TypeVar("Row", bound=Model)
Shown = TypeVar("Shown")

Cursor = Annotated[
    str,
    Query(
        "",
        max_length=200,
        pattern=r"^[A-Za-z0-9_=-]*$",
        description="`next` of the page before; leave it out for the first page.",
    ),
]
Limit = Annotated[int, Query(DEFAULT_LIMIT, ge=1, le=MAXIMUM_LIMIT, description="Rows of a page.")]


class Page(Resource, Generic[Shown]):
    """Some rows, newest first. ``next`` is the cursor of the page after, null on the last one."""

    items: Annotated[list[Shown], Field(max_length=MAXIMUM_LIMIT)]
    next: str | None


def _write_cursor(values: list[Any]) -> str:
    return urlsafe_b64encode(orjson.dumps(values)).decode().rstrip("=")


def _read_cursor(text: str, *, timed: bool) -> tuple[datetime | None, UUID]:
    try:
        values = orjson.loads(urlsafe_b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4)))
        *times, identity = values
        at = datetime.fromisoformat(times[0]) if timed else None
        if len(times) != (1 if timed else 0) or (at is not None and at.tzinfo is None):
            raise ValueError
        return at, UUID(identity)
    except (ValueError, TypeError, AttributeError, IndexError, binascii.Error) as error:
        raise DomainError(
            _("This is no cursor of this list. Pass `next` of the page before as it is."),
            field="cursor",
            code="invalid_cursor",
        ) from error


def read_page(
    rows: QuerySet[Row], *, cursor: str, limit: int, show: Callable[[Row], Shown], time: str = ""
) -> dict[str, Any]:
    """The fields of a ``Page``: up to ``limit`` of ``rows`` after ``cursor``, each as ``show`` gives it.

    Ordered by the column ``time`` and the id, newest first; by the id alone (which grows with time) when
    ``time`` is empty. Raises ``DomainError`` for a cursor that is none.
    """
    order = [f"-{time}", "-id"] if time else ["-id"]
    if cursor:
        at, identity = _read_cursor(cursor, timed=bool(time))
        if at is None:
            rows = rows.filter(id__lt=identity)
        else:
            rows = rows.filter(
                Q(**{f"{time}__lte": at}), Q(**{f"{time}__lt": at}) | Q(**{time: at, "id__lt": identity})
            )
    found = list(rows.order_by(*order)[: limit + 1])
    following = None
    if len(found) > limit:
        found.pop()
        last = found[-1]
        identity = last.id  # type: ignore[attr-defined]
        following = _write_cursor([getattr(last, time), identity] if time else [identity])
    return {"items": [show(row) for row in found], "next": following}
