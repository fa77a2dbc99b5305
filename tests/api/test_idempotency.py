"""Repeating a request under its key changes nothing; another content under the key is refused."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from almoner.kernel.clock import now
from tests.api.test_endpoints import BY_OPERATION, counts, operations
from tests.api.world import World

KEYED = [
    name
    for name, operation in operations().items()
    if any(one["in"] == "header" and one["name"] == "Idempotency-Key" for one in operation["parameters"])
]
# A field of the body, and another value for it, that makes the request another one.
OTHERWISE: dict[str, Any] = {
    "open_encounter": {"reason": "cough"},
    "capture_event": {"priority": "urgent"},
    "cancel_charge_item": None,
    "cancel_order": None,
    "revise_charge_item": {"quantity": "3"},
    "record_payment": {"reference": "other"},
    "void_payment": {"reason": "another reason"},
    "request_void": {"reason": "another reason"},
    "refund_payment": {"amount_minor": 101},
    "request_refund": {"amount_minor": 101},
    "apply_deposits": {"maximum_minor": 301},
    "grant_override": {"reason": "another reason"},
    "review_override": {"verdict": "disputed"},
    "agree_payment_plan": {"instalments": 4},
    "cancel_payment_plan": None,
    "request_plan_change": {"instalments": 4},
    "accept_plan": {"patient_agreed_by": "Joao Silva"},
    "order_tests": {"services": ["lipid_panel"]},
    "prescribe": {"priority": "urgent"},
    "admit": {"priority": "urgent"},
    "record_diagnosis": {"text": "Chest pain"},
    "make_estimate": {"deposit_minor": 2000},
    "write_note": {"text": "Fever."},
    "correct_note": {"text": "Fever, no cough."},
    "check_in_patient": {"reason": "cough"},
    "provide_services": {"lines": [{"service": "bandage", "quantity": 2}]},
    "book_appointment": {"reason": "another reason"},
    "refer_patient": {"text": "Please see soon"},
    "correct_stay": {"reason": "another reason"},
    "transfer": {"reason": "another reason"},
    "substitute_medication": {"reason": "another reason"},
    "return_medication": {"quantity": "4"},
    "receive_stock": {"quantity": "31"},
    "adjust_stock": {"quantity": "3"},
    "dispense": {"quantities": [{"line": 1, "quantity": "4"}]},
}


@pytest.fixture
def world(db: None) -> World:
    return World()


def test_every_endpoint_that_moves_money_takes_a_key() -> None:
    assert set(KEYED) == set(OTHERWISE) | {"capture_events"}


@pytest.mark.parametrize("operation", OTHERWISE)
def test_a_replay_gives_the_first_answer_and_changes_nothing(operation: str, world: World) -> None:
    call = BY_OPERATION[operation]
    assert call.body is not None
    path, body = call.path(world), call.body(world)
    first = world.owner.post(path, body, key="once")
    assert first.status_code == call.status, first.content
    assert "Idempotency-Replayed" not in first.headers
    with world.hospital.transaction():
        before = counts()
    again = world.owner.post(path, body, key="once")
    assert again.status_code == first.status_code, again.content
    assert again.headers["Idempotency-Replayed"] == "true"
    assert _without_floating(again.json()) == _without_floating(first.json())
    with world.hospital.transaction():
        assert counts() == before


def _without_floating(answer: Any) -> Any:
    """The answer without what may differ: how much is open now, and details of a decision not stored."""
    if isinstance(answer, dict):
        return {
            key: _without_floating(value)
            for key, value in answer.items()
            if key not in ("revision", "delivered_at", "options", "until", "by")
        }
    return [_without_floating(value) for value in answer] if isinstance(answer, list) else answer


@pytest.mark.parametrize("operation", [name for name, other in OTHERWISE.items() if other])
def test_another_content_under_the_key_is_refused(operation: str, world: World) -> None:
    call = BY_OPERATION[operation]
    assert call.body is not None
    path, body = call.path(world), call.body(world)
    assert world.owner.post(path, body, key="once").status_code == call.status
    with world.hospital.transaction():
        before = counts()
    response = world.owner.post(path, {**body, **OTHERWISE[operation]}, key="once")
    assert response.status_code == 409, response.content
    assert response.json()["code"] == "idempotency_key_reused"
    with world.hospital.transaction():
        assert counts() == before


@pytest.mark.parametrize("operation", OTHERWISE)
def test_without_a_key_the_problem_names_the_header(operation: str, world: World) -> None:
    call = BY_OPERATION[operation]
    assert call.body is not None
    response = world.owner.post(call.path(world), call.body(world), key=None)
    assert response.status_code == 400
    assert response.json()["code"] == "idempotency_key_missing"
    assert response.json()["field"] == "Idempotency-Key"


@pytest.mark.parametrize("key", ["x" * 129, "tab\tinside", "söme"])
def test_a_key_that_is_none_is_refused(key: str, world: World) -> None:
    response = world.owner.post(
        "/events", {"kind": "service.provided", "patient_id": world.patient.id}, key=key
    )
    assert response.status_code == 422
    assert response.json()["field"] == "Idempotency-Key"


def test_a_batch_takes_keys_per_event_or_makes_them_of_its_own(world: World) -> None:
    event = {"kind": "service.provided", "patient_id": world.patient.id, "lines": [{"service": "bandage"}]}
    keyed = {"events": [{**event, "idempotency_key": "a"}, {**event, "idempotency_key": "b"}]}
    first = world.owner.post("/events/batch", keyed, key=None)
    assert [one["replayed"] for one in first.json()["events"]] == [False, False]
    mixed = {"events": [{**event, "idempotency_key": "b"}, event]}
    second = world.owner.post("/events/batch", mixed, key="batch")
    assert [one["replayed"] for one in second.json()["events"]] == [True, False]
    assert "Idempotency-Replayed" not in second.headers
    third = world.owner.post("/events/batch", mixed, key="batch")
    assert third.headers["Idempotency-Replayed"] == "true"
    assert len(world.charge_items(patient=world.patient.id)) == 3

    missing = world.owner.post("/events/batch", mixed, key=None)
    assert missing.status_code == 400
    assert missing.json()["field"] == "events[1].idempotency_key"


def test_a_bad_event_of_a_batch_is_named_and_nothing_is_written(world: World) -> None:
    event = {"kind": "service.provided", "patient_id": world.patient.id}
    with world.hospital.transaction():
        before = counts()
    response = world.owner.post(
        "/events/batch", {"events": [event, {**event, "lines": [{"service": "nothing"}]}]}
    )
    assert response.status_code == 422
    assert response.json()["field"] == "events[1].lines[0].service"
    with world.hospital.transaction():
        assert counts() == before


def test_a_held_dispensing_does_not_use_up_its_key(db: None) -> None:
    world = World(strict=True)
    path = f"/pharmacy/prescriptions/{world.prescription.id}/dispensings"
    held = world.owner.post(path, {}, key="dispense")
    assert held.json()["decision"]["outcome"] == "held"
    assert held.json()["decision"]["due_minor"] == 1000
    world.hospital.pay(world.patient, 1000, at=now() - timedelta(seconds=1))
    done = world.owner.post(path, {}, key="dispense")
    assert [row["quantity"] for row in done.json()["result"]["dispensings"]] == ["20"]
    assert "Idempotency-Replayed" not in done.headers
