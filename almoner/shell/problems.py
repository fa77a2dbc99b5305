"""Every refusal of the API as ``application/problem+json`` (RFC 9457), whoever refused: a rule, the
validation, the framework, the database."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent
from django.db import DataError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from almoner.kernel.errors import DomainError
from almoner.kernel.wire import FieldProblem, Problem, json_problem

logger = logging.getLogger(__name__)

NO_KEY = "Send a valid API key: 'Authorization: Bearer alm_...'."
UNKNOWN_ADDRESS = "There is nothing at this address. The endpoints are listed at /api/docs."


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    field: str = "",
    errors: list[FieldProblem] | None = None,
    more: dict[str, Any] | None = None,
    headers: dict[str, str] | None = None,
) -> HttpResponse:
    """A refusal as the response."""
    return json_problem(
        Problem(
            type=f"urn:almoner:problem:{code}",
            title=HTTPStatus(status).phrase,
            status=status,
            detail=detail,
            code=code,
            field=field,
            errors=errors or [],
            more=more or {},
        ),
        headers,
    )


def unknown_address() -> HttpResponse:
    """Whatever under /api/v1 is no endpoint."""
    return problem(404, "unknown_address", UNKNOWN_ADDRESS)


def _domain_error(request: HttpRequest, error: DomainError) -> HttpResponse:
    errors = [FieldProblem(field=error.field, code=error.code, detail=error.message)] if error.field else []
    return problem(
        error.status, error.code, error.message, field=error.field, errors=errors, more=error.detail
    )


def _place(location: tuple[Any, ...]) -> str:
    """The path of a field: ``lines[0].service`` for what pydantic calls ('body', 'body', 'lines', 0, ...)."""
    parts = location[2:] if location and location[0] == "body" else location[1:]
    path = ""
    for part in parts:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    return path[:200]


def _sentence(error: dict[str, Any]) -> str:
    message = str(error["msg"]).removeprefix("Value error, ")
    return f"{message}." if message and message[-1] not in ".!?" else message


def _validation_error(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """Every field that is wrong, by its path. A missing Idempotency-Key is a bad request as such (400)."""
    errors = [
        FieldProblem(field=_place(one["loc"]) or one["loc"][0], code=one["type"], detail=_sentence(one))
        for one in error.errors
    ]
    for one in error.errors:
        if one["type"] == "missing" and one["loc"][0] == "header":
            return problem(
                400,
                "idempotency_key_missing",
                "Send an Idempotency-Key header: a new value for every new request, the same one when you"
                " repeat it.",
                field="Idempotency-Key",
                errors=errors,
            )
    first = errors[0]
    others = f" ({len(errors) - 1} more fields are wrong.)" if len(errors) > 1 else ""
    return problem(
        422, "invalid_request", f"{first.field}: {first.detail}{others}", field=first.field, errors=errors
    )


def _http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    if isinstance(error.__cause__, DomainError):
        return _domain_error(request, error.__cause__)
    if error.status_code == 400:
        return problem(400, "invalid_json", "The body is not valid JSON.")
    return problem(error.status_code, f"http_{error.status_code}", str(error))


def _unauthorized(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    return problem(401, "invalid_key", NO_KEY, headers={"WWW-Authenticate": 'Bearer realm="almoner"'})


def _not_found(request: HttpRequest, error: Http404) -> HttpResponse:
    return unknown_address()


def _too_large(request: HttpRequest, error: Exception) -> HttpResponse:
    return problem(413, "request_too_large", "The request is too large. Send less at once.")


def _unreadable(request: HttpRequest, error: UnreadablePostError) -> HttpResponse:
    return problem(400, "unreadable_request", "The body ended before it was complete.")


def _impossible_value(request: HttpRequest, error: DataError) -> HttpResponse:
    """A value that no rule refused and no column can hold: still the sender's, and logged to find the rule."""
    logger.error("A value reached the database that it cannot hold: %s", type(error.__cause__).__name__)
    return problem(422, "impossible_value", "A value of the request cannot be stored: too large, or no text.")


def _unavailable(request: HttpRequest, error: Exception) -> HttpResponse:
    logger.error("The database gave up on a request: %s", type(error.__cause__).__name__)
    return problem(
        503,
        "try_again",
        "The database could not finish this now and nothing was written. Repeat the request under the same"
        " Idempotency-Key.",
        headers={"Retry-After": "1"},
    )


def _unexpected(request: HttpRequest, error: Exception) -> HttpResponse:
    logger.exception("An API request failed", exc_info=error)
    return problem(
        500,
        "internal_error",
        "Something went wrong on our side and was logged. Nothing was written. Repeat the request under the"
        " same Idempotency-Key.",
    )


def install_problems(api: NinjaAPI) -> None:
    """Answer every exception that an endpoint lets through with a problem."""
    handlers: list[tuple[type[Exception], Any]] = [
        (Exception, _unexpected),
        (Http404, _not_found),
        (HttpError, _http_error),
        (AuthenticationError, _unauthorized),
        (ValidationError, _validation_error),
        (DomainError, _domain_error),
        (RequestDataTooBig, _too_large),
        (TooManyFieldsSent, _too_large),
        (UnreadablePostError, _unreadable),
        (DataError, _impossible_value),
        (OperationalError, _unavailable),
        (InterfaceError, _unavailable),
    ]
    for kind, handler in handlers:
        api.add_exception_handler(kind, handler)
