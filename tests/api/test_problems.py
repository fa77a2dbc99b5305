"""Bad input: a clear problem that names the field, the right status, and never a 500."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import DataError, OperationalError
from django.test import override_settings

from almoner.charging import operations as charging
from almoner.kernel.clock import now
from tests.api.test_endpoints import counts
from tests.api.world import World


@pytest.fixture
def world(db: None) -> World:
    return World()


def _event(world: World, **changes: Any) -> dict[str, Any]:
    body = {
        "kind": "service.provided",
        "encounter_id": str(world.encounter.id),
        "lines": [{"service": "bandage"}],
    }
    return {**body, **changes}


def _payment(world: World, **changes: Any) -> dict[str, Any]:
    body = {
        "patient_account_id": str(world.charged.patient_account_id),
        "method": "cash",
        "amount_minor": 1100,
        "currency": "USD",
        "cash_point": "main",
    }
    return {**body, **changes}


UNKNOWN = "0198a000-0000-7000-8000-000000000000"
DEEP: dict[str, Any] = {}
for _ in range(40):
    DEEP = {"deeper": DEEP}

EVENTS = [
    ({"kind": "nothing.happened"}, 422, "kind", "unknown_event_kind"),
    ({"kind": "NOTHING"}, 422, "kind", "string_pattern_mismatch"),
    ({"encounter_id": UNKNOWN}, 404, "encounter_id", "unknown_encounter"),
    ({"encounter_id": "12"}, 422, "encounter_id", "uuid_parsing"),
    ({"encounter_id": None}, 422, "patient_id", "patient_missing"),
    ({"patient_id": UNKNOWN, "encounter_id": None}, 404, "patient_id", "unknown_patient"),
    ({"lines": [{"service": "nothing"}]}, 422, "lines[0].service", "unknown_service"),
    ({"lines": [{"service": "bandage", "quantity": "-1"}]}, 422, "lines[0].quantity", "value_error"),
    ({"lines": [{"service": "bandage", "quantity": 0}]}, 422, "lines[0].quantity", "invalid_quantity"),
    ({"lines": [{"service": "bandage", "quantity": 10**8}]}, 422, "lines[0].quantity", "invalid_quantity"),
    ({"lines": [{"service": "bandage", "quantity": 10**30}]}, 422, "lines[0].quantity", "value_error"),
    ({"lines": [{"service": "bandage", "quantity": 1.5}]}, 422, "lines[0].quantity", "value_error"),
    ({"lines": [{"service": "bandage", "quantity": "0.0001"}]}, 422, "lines[0].quantity", "invalid_quantity"),
    ({"lines": [{"service": "bandage", "price_minor": 1}]}, 422, "lines[0].price_minor", "extra_forbidden"),
    ({"lines": [{"service": "bandage"}] * 201}, 422, "lines", "too_long"),
    ({"occurred_at": "2999-01-01T00:00:00Z"}, 422, "occurred_at", "value_error"),
    ({"occurred_at": "2026-03-02T12:00:00"}, 422, "occurred_at", "value_error"),
    ({"occurred_at": "2026-02-30T12:00:00Z"}, 422, "occurred_at", "value_error"),
    ({"occurred_at": 1772452800}, 422, "occurred_at", "value_error"),
    ({"occurred_at": "0001-01-01T00:00:00+14:00"}, 422, "occurred_at", "value_error"),
    ({"body": DEEP}, 422, "body", "value_error"),
    ({"body": {"a": ["\0"]}}, 422, "body", "value_error"),
    ({"body": {"\0": 1}}, 422, "body", "value_error"),
    ({"body": [1]}, 422, "body", "value_error"),
    ({"misspelt": 1}, 422, "misspelt", "extra_forbidden"),
    ({"priority": "soon"}, 422, "priority", "literal_error"),
]
PAYMENTS = [
    ({"amount_minor": 0}, 422, "amount_minor", "greater_than_equal"),
    ({"amount_minor": -5}, 422, "amount_minor", "greater_than_equal"),
    ({"amount_minor": 10**40}, 422, "amount_minor", "int_type"),
    ({"amount_minor": 10.5}, 422, "amount_minor", "int_type"),
    ({"amount_minor": "1100"}, 422, "amount_minor", "int_type"),
    ({"amount_minor": True}, 422, "amount_minor", "int_type"),
    ({"amount_minor": 1101}, 409, "amount_minor", "exceeds_outstanding"),
    ({"currency": "EUR"}, 422, "currency", "wrong_currency"),
    ({"currency": "dollars"}, 422, "currency", "string_pattern_mismatch"),
    ({"method": "barter"}, 422, "method", "enum"),
    ({"cash_point": "nowhere"}, 404, "cash_point", "unknown_cash_point"),
    ({"patient_account_id": UNKNOWN}, 404, "patient_account_id", "unknown_account"),
    ({"payer_id": UNKNOWN}, 404, "payer_id", "unknown_payer"),
    ({"encounter_id": UNKNOWN, "excess": "deposit"}, 404, "encounter_id", "unknown_encounter"),
    ({"tendered_minor": 500}, 422, "tendered_minor", "invalid_tendered"),
    ({"method": "card", "tendered_minor": 2000}, 422, "tendered_minor", "invalid_tendered"),
    ({"shares": []}, 422, "shares", "no_shares"),
    ({"shares": [{"charge_item_id": UNKNOWN, "amount_minor": 5}]}, 404, "shares", "unknown_charge_item"),
    ({"reference": "a\0b"}, 422, "reference", "string_pattern_mismatch"),
    ({"received_at": "2199-01-01T00:00:00Z"}, 422, "received_at", "payment_in_future"),
]


@pytest.mark.parametrize(("changes", "status", "field", "code"), EVENTS)
def test_a_bad_event_is_refused_by_its_field(
    changes: dict[str, Any], status: int, field: str, code: str, world: World
) -> None:
    _refused(world, "/events", _event(world, **changes), status, field, code)


@pytest.mark.parametrize(("changes", "status", "field", "code"), PAYMENTS)
def test_a_bad_payment_is_refused_by_its_field(
    changes: dict[str, Any], status: int, field: str, code: str, world: World
) -> None:
    _refused(world, "/payments", _payment(world, **changes), status, field, code)


def _refused(world: World, path: str, body: object, status: int, field: str, code: str) -> None:
    with world.hospital.transaction():
        before = counts()
    response = world.owner.post(path, body)
    problem = response.json()
    assert (response.status_code, problem.get("field")) == (status, field), problem
    assert problem["status"] == status
    assert code in (problem["code"], problem["errors"][0]["code"]), problem
    assert problem["detail"] and problem["type"].startswith("urn:almoner:problem:")
    with world.hospital.transaction():
        assert counts() == before


def test_an_event_of_the_future_is_refused_beyond_the_tolerance_of_clocks(world: World) -> None:
    later = now() + charging.FUTURE_TOLERANCE + timedelta(minutes=5)
    _refused(
        world,
        "/events",
        _event(world, occurred_at=later.isoformat()),
        422,
        "occurred_at",
        "event_in_future",
    )


def test_every_wrong_field_is_named(world: World) -> None:
    response = world.owner.post(
        "/payments", _payment(world, amount_minor=0, currency="x", unknown=1, method="barter")
    )
    fields = {error["field"] for error in response.json()["errors"]}
    assert fields == {"amount_minor", "currency", "unknown", "method"}
    assert "3 more fields" in response.json()["detail"]


@pytest.mark.parametrize(
    "body", [b"{", b"nothing", b"\xff\xfe", b'{"a": NaN}', b'{"a": "\\ud800"}', b"[" * 100_000, b'{"a":1,}']
)
def test_what_is_no_json_is_a_bad_request(body: bytes, world: World) -> None:
    response = world.owner.post("/events", body)
    assert response.status_code == 400
    assert response.json()["code"] == "invalid_json"


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"5", b'"text"'])
def test_json_that_is_no_object_is_refused(body: bytes, world: World) -> None:
    response = world.owner.post("/events", body)
    assert response.status_code == 422
    assert response.json()["code"] == "invalid_request"


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]
)
def test_another_media_type_is_refused(content_type: str, world: World) -> None:
    response = world.owner.client.generic(
        "POST",
        "/api/v1/events",
        json.dumps(_event(world)),
        content_type=content_type,
        headers={"Authorization": f"Bearer {world.owner.secret}", "Idempotency-Key": "k"},
    )
    assert response.status_code == 415
    assert response.json()["field"] == "Content-Type"


@override_settings(DATA_UPLOAD_MAX_MEMORY_SIZE=1000)
def test_a_body_that_is_too_large_is_refused(world: World) -> None:
    response = world.owner.post("/events", _event(world, body={"text": "x" * 2000}))
    assert response.status_code == 413
    assert response.json()["code"] == "request_too_large"


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/charge-items?status=lost", "status"),
        ("/charge-items?patient=1", "patient"),
        ("/charge-items?patient_id=1", "patient_id"),
        ("/charge-items?limit=0", "limit"),
        ("/charge-items?limit=201", "limit"),
        ("/charge-items?limit=many", "limit"),
        ("/charge-items?cursor=nothing", "cursor"),
        ("/charge-items?cursor=%00", "cursor"),
        ("/payments?cursor=WzFd", "cursor"),
        ("/payments?cursor=bnVsbA", "cursor"),
        ("/patients?name=a%00b", "name"),
        ("/orders?kind=x", "kind"),
        ("/orders", "kind"),
        ("/steps/laboratory.process/status", "encounter_id"),
    ],
)
def test_a_bad_parameter_is_refused_by_its_name(path: str, field: str, world: World) -> None:
    response = world.owner.get(path)
    assert response.status_code == 422, response.content
    assert response.json()["field"] == field


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/payments/", 404),
        ("GET", "/payments/not-an-id", 422),
        ("GET", "/payments/%00", 422),
        ("GET", f"/payments/{UNKNOWN}", 404),
        ("PUT", f"/payments/{UNKNOWN}", 405),
        ("DELETE", "/payments", 405),
        ("PATCH", "/events", 405),
        ("GET", "/events/batch", 405),
        ("POST", f"/payments/{UNKNOWN}", 405),
        ("GET", "/steps/nothing.known/status?encounter_id=" + UNKNOWN, 404),
        ("GET", "/steps/NOTHING/status?encounter_id=" + UNKNOWN, 422),
    ],
)
def test_wrong_addresses_and_methods_are_problems_too(
    method: str, path: str, status: int, world: World
) -> None:
    response = world.owner.send(method, path)
    assert response.status_code == status, response.content
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json()["status"] == status
    if status == 405:
        assert response.headers["Allow"]


def test_a_foreign_host_is_a_problem_too(world: World) -> None:
    response = world.owner.client.get("/api/v1/hospitals", headers={"Host": "evil.example"})
    assert response.status_code == 400
    assert response.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (OperationalError("deadlock detected"), 503, "try_again"),
        (DataError("out of range"), 422, "impossible_value"),
        (RuntimeError("a defect"), 500, "internal_error"),
    ],
)
def test_a_failure_on_our_side_tells_nothing_of_the_inside(
    error: Exception, status: int, code: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object, **keywords: object) -> None:
        raise error

    monkeypatch.setattr("almoner.payments.operations.record_payment", fail)
    headers = {"Authorization": f"Bearer {world.owner.secret}", "Idempotency-Key": "k"}
    response = world.owner.client.post(
        "/api/v1/payments", _payment(world), content_type="application/json", headers=headers
    )
    assert response.status_code == status
    assert response.json()["code"] == code
    assert str(error) not in response.content.decode()
