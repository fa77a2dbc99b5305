"""Three views, one statement each. Everything is believed: no key, no check, no price, no rule."""

from __future__ import annotations

import os
import threading
from typing import Any
from uuid import UUID

import orjson
import psycopg
from django.http import HttpRequest, HttpResponse
from django.urls import path

from almoner.kernel.clock import now
from benchmarks import floor

_local = threading.local()


def _connection(hospital_id: str) -> psycopg.Connection[Any]:
    """This thread's connection for the hospital, which was told once which hospital that is."""
    known: dict[str, psycopg.Connection[Any]] = _local.__dict__.setdefault("connections", {})
    if hospital_id not in known:
        known[hospital_id] = floor.connect(os.environ["DATABASE_URL"], UUID(hospital_id))
    return known[hospital_id]


def _json(data: Any, status: int) -> HttpResponse:
    return HttpResponse(orjson.dumps(data), content_type="application/json", status=status)


def event(request: HttpRequest, hospital_id: str) -> HttpResponse:
    """Insert an event with three charges; answers with what a payment needs."""
    body = orjson.loads(request.body)
    given = (floor.Visit(*body["visit"]), body["lines"], body["key"])
    parameters = floor.capture_parameters(UUID(hospital_id), given, now())
    _connection(hospital_id).execute(floor.statement("capture"), parameters)
    items = [
        (parameters[f"item_{number}"], service_id, net_minor)
        for number, (service_id, net_minor) in enumerate(body["lines"], start=1)
    ]
    return _json({"event_id": parameters["event"], "items": items}, 201)


def payment(request: HttpRequest, hospital_id: str) -> HttpResponse:
    """Insert a payment in full of three charges."""
    body = orjson.loads(request.body)
    given = (floor.Visit(*body["visit"]), body["items"], body["cash_point"], body["key"])
    parameters = floor.payment_parameters(UUID(hospital_id), given, now())
    _connection(hospital_id).execute(floor.statement("payment"), parameters)
    return _json({"payment_id": parameters["payment"]}, 201)


def status(request: HttpRequest, hospital_id: str, account_id: str) -> HttpResponse:
    """Read the summary of an account."""
    row = (
        _connection(hospital_id)
        .execute(floor.statement("status"), {"hospital": hospital_id, "account": account_id})
        .fetchone()
    )
    return _json({"status": row}, 200)


urlpatterns = [
    path("<str:hospital_id>/event", event),
    path("<str:hospital_id>/payment", payment),
    path("<str:hospital_id>/status/<str:account_id>", status),
]
