"""A program that calls the API in tests, and checks every answer against the committed OpenAPI document."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.test import Client
from jsonschema import Draft202012Validator

from almoner.identity.models import ApiKey
from almoner.kernel.ids import new_id

PREFIX = "/api/v1"
DOCUMENT = Path(__file__).resolve().parents[2] / "openapi.json"
LABORATORY_SCOPES = [
    "hospitals.read",
    "patients.read",
    "charging.capture",
    "enforcement.check",
    "enforcement.read_status",
    "laboratory.process",
    "laboratory.verify",
]


@cache
def document() -> dict[str, Any]:
    """openapi.json as it is committed."""
    return json.loads(DOCUMENT.read_text())


@cache
def all_scopes() -> tuple[str, ...]:
    """Every scope that some endpoint asks for."""
    operations = [one for methods in document()["paths"].values() for one in methods.values()]
    return tuple(sorted({scope for one in operations for scope in one["security"][0]["ApiKey"]}))


@cache
def _routes() -> list[tuple[re.Pattern[str], str]]:
    paths = sorted(document()["paths"], key=lambda path: (path.count("{"), path))
    return [(re.compile(re.sub(r"{\w+}", "[^/]+", path) + "$"), path) for path in paths]


def check_response(method: str, path: str, response: HttpResponse) -> None:
    """Fail unless the document knows this status of this endpoint, and the body is as it says."""
    route = next((known for pattern, known in _routes() if pattern.match(path.split("?")[0])), None)
    if route is None or method.lower() not in document()["paths"][route]:
        return
    responses = document()["paths"][route][method.lower()]["responses"]
    assert str(response.status_code) in responses, (
        f"{method} {path} answered {response.status_code}, which openapi.json does not know:"
        f" {response.content[:500]!r}"
    )
    [(media_type, content)] = responses[str(response.status_code)]["content"].items()
    assert response.headers["Content-Type"] == media_type
    schema = {**content["schema"], "components": document()["components"]}
    Draft202012Validator(schema).validate(json.loads(response.content))


class ApiClient:
    """A program with a key of ``hospital_id`` that has ``scopes`` (every scope when None)."""

    def __init__(self, hospital_id: UUID, *, scopes: list[str] | None = None) -> None:
        self.key, self.secret = ApiKey.issue(
            hospital_id=hospital_id, name="test", scopes=list(all_scopes()) if scopes is None else scopes
        )
        self.client = Client(raise_request_exception=False)

    def get(self, path: str, **parameters: object) -> HttpResponse:
        return self.send("GET", path, parameters=parameters)

    def post(self, path: str, body: object = None, *, key: str | None = "", **headers: str) -> HttpResponse:
        """POST ``body`` as JSON under ``key``: a new one when empty, none when None."""
        if key is not None:
            headers["Idempotency-Key"] = key or f"key-{new_id()}"
        return self.send("POST", path, body, headers=headers)

    def send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: dict[str, str] | None = None,
        parameters: dict[str, object] | None = None,
    ) -> HttpResponse:
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body, default=str)
        response = self.client.generic(
            method,
            PREFIX + path,
            content,
            content_type="application/json",
            headers={"Authorization": f"Bearer {self.secret}", **(headers or {})},
            query_params=parameters,  # type: ignore[arg-type]
        )
        check_response(method, PREFIX + path, response)
        return response
