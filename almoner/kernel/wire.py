"""What every HTTP endpoint reads and writes: the types of the wire, the answer, the problem.

Money is an integer count of minor units beside a currency, a quantity is a decimal in a string, an
instant is ISO 8601 with its zone. Numbers that could lose digits on the way (floats) are refused. What a
request names and nobody knows is refused too, so that a misspelt field is never silently ignored.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any

import orjson
from django.http import HttpResponse
from ninja import Header
from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, PlainValidator, Strict, WithJsonSchema

MAXIMUM_MINOR = 10**13
MAXIMUM_KEY_LENGTH = 128
MAXIMUM_JSON_DEPTH = 16
PROBLEM_TYPE = "application/problem+json"

_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d(:\d\d(\.\d{1,9})?)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_QUANTITY = r"^\d{1,9}(\.\d{1,9})?$"
_NO_NUL = r"^[^\x00]*$"
_EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)


class Input(BaseModel):
    """The body of a request. A field that it does not know is refused."""

    model_config = ConfigDict(extra="forbid")


class Resource(BaseModel):
    """What an endpoint answers with."""

    model_config = ConfigDict(extra="forbid")


def _read_instant(value: object) -> datetime:
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        raise ValueError("Expected a time with its zone, such as 2026-03-02T12:00:00Z.")
    instant = datetime.fromisoformat(value.upper())
    if not _EARLIEST <= instant < _LATEST:
        raise ValueError("Expected a time between 1900 and 2200.")
    return instant


def _read_date(value: object) -> date:
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise ValueError("Expected a date, such as 2026-03-02.")
    day = date.fromisoformat(value)
    if not _EARLIEST.date() <= day < _LATEST.date():
        raise ValueError("Expected a date between 1900 and 2200.")
    return day


def _read_quantity(value: object) -> Decimal:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**9:
        return Decimal(value)
    if not isinstance(value, str) or not re.fullmatch(_QUANTITY[1:-1], value, re.ASCII):
        raise ValueError('Expected a decimal number in quotes, such as "1.5", or a whole number.')
    return Decimal(value)


def _read_json_object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("Expected a JSON object.")
    pending: list[tuple[object, int]] = [(value, 1)]
    while pending:
        part, depth = pending.pop()
        if depth > MAXIMUM_JSON_DEPTH:
            raise ValueError(f"Expected at most {MAXIMUM_JSON_DEPTH} levels of nesting.")
        if isinstance(part, str) and "\0" in part:
            raise ValueError("A text may not contain the character U+0000.")
        if isinstance(part, dict):
            pending += [(key, depth + 1) for key in part]
            pending += [(inner, depth + 1) for inner in part.values()]
        elif isinstance(part, list):
            pending += [(inner, depth + 1) for inner in part]
    return value


def _plain_decimal(value: Decimal) -> str:
    return f"{value.normalize():f}"


Minor = Annotated[int, Strict(), Field(ge=0, le=MAXIMUM_MINOR)]
"""An amount in minor units that may be nothing."""
PositiveMinor = Annotated[int, Strict(), Field(ge=1, le=MAXIMUM_MINOR)]
"""An amount in minor units, at least one."""
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
Code = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,80}$")]
"""The code of a service, department, ward, payer..."""
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=_NO_NUL)]
Note = Annotated[str, Field(max_length=500, pattern=_NO_NUL)]
Reason = Annotated[str, Field(min_length=1, max_length=500, pattern=_NO_NUL)]
Text = Annotated[str, Field(max_length=200, pattern=_NO_NUL)]
Instant = Annotated[
    datetime,
    PlainValidator(_read_instant),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-03-02T12:00:00Z"]}),
]
Day = Annotated[
    date,
    PlainValidator(_read_date),
    WithJsonSchema({"type": "string", "format": "date", "examples": ["2026-03-02"]}),
]
Quantity = Annotated[
    Decimal,
    PlainValidator(_read_quantity),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": _QUANTITY},
                {"type": "integer", "minimum": 0, "maximum": 10**9 - 1},
            ],
            "examples": ["1.5"],
        }
    ),
]
"""A quantity as it comes in: ``"1.5"`` or ``2``."""
DecimalText = Annotated[Decimal, PlainSerializer(_plain_decimal, return_type=str)]
"""A quantity as it goes out: ``"1.5"``."""
JsonObject = Annotated[
    dict[str, Any],
    PlainValidator(_read_json_object),
    WithJsonSchema({"type": "object", "additionalProperties": True}),
]
IdempotencyKey = Annotated[
    str,
    Header(
        ...,
        alias="Idempotency-Key",
        pattern=f"^[!-~]{{1,{MAXIMUM_KEY_LENGTH}}}$",
        description=(
            "Names this request. Repeating it with the same content changes nothing and gives the first"
            " answer again (`Idempotency-Replayed: true`); other content under the same key is refused (409)."
        ),
    ),
]


class FieldProblem(Resource):
    """What was wrong with one field: ``field`` is its path, such as ``lines[0].service``."""

    field: str
    code: str
    detail: str


class Problem(Resource):
    """A refusal (RFC 9457). ``code`` is stable, ``detail`` is a sentence a person can act on."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    field: str = ""
    errors: list[FieldProblem] = []
    more: dict[str, Any] = {}


def answer(resource: BaseModel, status: int = 200, *, replayed: bool = False) -> HttpResponse:
    """``resource`` as the response. Its model has checked it already, so it is written out as it is."""
    response = HttpResponse(
        resource.__pydantic_serializer__.to_json(resource), content_type="application/json", status=status
    )
    if replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return response


def json_problem(problem: Problem, headers: Mapping[str, str] | None = None) -> HttpResponse:
    """``problem`` as the response; members that say nothing are left out."""
    data = problem.model_dump()
    for name in ("field", "errors", "more"):
        if not data[name]:
            del data[name]
    return HttpResponse(
        orjson.dumps(data), content_type=PROBLEM_TYPE, status=problem.status, headers=dict(headers or {})
    )
