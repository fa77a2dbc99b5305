"""A key with the laboratory's scopes and none of billing's learns no test before release, wherever it asks."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from almoner.kernel.clock import now
from tests.api.test_endpoints import BY_OPERATION, operations, send
from tests.api.world import World
from tests.support.api import LABORATORY_SCOPES, ApiClient, all_scopes

NAMES = re.compile("blood|lipid", re.IGNORECASE)
# Their examples need an order that is released; tests/access/test_before_payment.py asks them before that.
OF_ORDERS_IN_WORK = {
    "process_order",
    "collect_samples",
    "receive_sample",
    "reject_sample",
    "enter_result",
    "verify_results",
    "tell_critical",
}
# These show what was ordered or charged by name; a laboratory's key must not have them.
SCOPES_THAT_NAME_SERVICES = {"billing.read", "orders.read"}


@pytest.fixture
def world(db: None) -> World:
    world = World(strict=True)
    assert world.test_order
    assert world.decision_id
    world.hospital.pay(world.patient, 1000, at=world.at)
    return world


@pytest.fixture
def laboratory(world: World) -> ApiClient:
    return ApiClient(world.hospital.id, scopes=LABORATORY_SCOPES)


def _ids(world: World) -> dict[str, list[UUID]]:
    """Every id that a path of the API may hold, for this world."""
    items = [item.id for item in world.charge_items(order_id=world.test_order.id)]
    events = [item.event_id for item in world.charge_items(order_id=world.test_order.id)]
    return {
        "hospital_id": [world.hospital.id],
        "patient_id": [world.patient.id],
        "encounter_id": [world.encounter.id],
        "event_id": events,
        "charge_item_id": items,
        "decision_id": [world.decision_id],
        "order_id": [world.test_order.id],
    }


def _steps() -> list[str]:
    from almoner.kernel.service_points import steps

    return list(steps())


def test_no_read_names_a_test_before_release(world: World, laboratory: ApiClient) -> None:
    ids = _ids(world)
    asked = 0
    for operation in operations().values():
        if operation["method"] != "GET":
            continue
        path = operation["path"].removeprefix("/api/v1")
        names = re.findall(r"{(\w+)}", path)
        values: list[dict[str, Any]] = [{}]
        for name in names:
            choices: list[Any] = {"kind": ["tests"], "step": _steps()}.get(name) or ids.get(name) or []
            values = [{**known, name: choice} for known in values for choice in choices]
        for chosen in values:
            parameters: dict[str, object] = {}
            for parameter in operation["parameters"]:
                if parameter["in"] == "query" and parameter["name"] in (
                    "encounter_id",
                    "order_id",
                    "patient_id",
                ):
                    parameters[parameter["name"]] = ids[parameter["name"]][0]
                elif parameter["in"] == "query" and parameter["name"] == "kind" and parameter["required"]:
                    parameters["kind"] = "tests"
            response = laboratory.get(path.format(**chosen), **parameters)
            assert not NAMES.search(response.content.decode()), (path, response.content)
            asked += 1
    assert asked > 30


def test_no_gate_answer_names_a_test(world: World, laboratory: ApiClient) -> None:
    for step in _steps():
        for order_id in (None, world.test_order.id):
            response = laboratory.post(
                "/gate-decisions",
                {"step": step, "encounter_id": world.encounter.id, "order_id": order_id},
            )
            assert response.status_code == 201
            assert not NAMES.search(response.content.decode()), (step, response.content)
    assert (
        "Blood"
        in world.owner.post(
            "/gate-decisions", {"step": "ward.discharge", "encounter_id": world.encounter.id}
        ).json()["reason"]
    ), "who reads billing is told what is owed for"


def test_no_request_that_succeeds_or_fails_names_a_test(world: World, laboratory: ApiClient) -> None:
    for operation, call in BY_OPERATION.items():
        if operations()[operation]["method"] == "GET" or operation in OF_ORDERS_IN_WORK:
            continue
        needed = set(operations()[operation]["security"][0]["ApiKey"])
        if needed <= set(LABORATORY_SCOPES):
            response = send(laboratory, call, world)
            assert not NAMES.search(response.content.decode()), (operation, response.content)


def test_the_work_list_shows_patient_number_and_amount_only(world: World, laboratory: ApiClient) -> None:
    [order] = laboratory.get("/laboratory/orders").json()["items"]
    assert order["details_hidden"] is True
    assert order["tests"] == []
    assert order["patient_name"] == "Ada Byron"
    assert order["number"].startswith("LAB-")
    assert order["decision"]["due_minor"] == 5500
    assert order["decision"]["reason"] == "Payment required: $55.00."


def test_blocked_services_are_a_count_for_the_laboratory(world: World, laboratory: ApiClient) -> None:
    status = laboratory.get(f"/patients/{world.patient.id}/billing-status").json()
    assert status["blocked_service_count"] == 1
    assert status["blocked_services"] is None
    assert status["outstanding_minor"] == 5500
    full = world.owner.get(f"/patients/{world.patient.id}/billing-status").json()
    assert [service["step"] for service in full["blocked_services"]] == ["laboratory.process"]


def test_processing_is_held_until_paid_and_then_shows_the_tests(world: World, laboratory: ApiClient) -> None:
    path = f"/laboratory/orders/{world.test_order.id}"
    held = laboratory.post(f"{path}/processing")
    assert held.status_code == 200
    assert held.json()["decision"]["outcome"] == "held"
    assert held.json()["result"] is None
    decisions = world.owner.get("/gate-decisions", encounter_id=world.encounter.id).json()["items"]
    assert held.json()["decision"]["id"] in {row["id"] for row in decisions}, "a held answer is committed"
    assert not NAMES.search(held.content.decode())

    world.hospital.pay(world.patient, 5500, at=now())
    released = laboratory.get(path).json()
    assert [test["service"] for test in released["tests"]] == ["blood_count", "lipid_panel"]
    assert laboratory.post(f"{path}/processing").json()["result"]["order_id"] == str(world.test_order.id)


def test_an_overrides_reason_is_not_told_to_the_laboratory(world: World, laboratory: ApiClient) -> None:
    world.owner.post(
        "/overrides",
        {
            "step": "ward.discharge",
            "encounter_id": world.encounter.id,
            "reason": "waits for the lipid panel",
            "expires_at": (now() + timedelta(hours=1)).isoformat(),
        },
    )
    decision = laboratory.post(
        "/gate-decisions", {"step": "ward.discharge", "encounter_id": world.encounter.id}
    ).json()
    assert decision["outcome"] == "overridden"
    assert decision["reason"] == "Released by an override."


def test_the_gated_event_kinds_do_not_come_in_by_the_back_door(world: World, laboratory: ApiClient) -> None:
    for kind in ("lab_test.processed", "consultation.started", "medication.dispensed", "bed.assigned"):
        response = laboratory.post(
            "/events",
            {"kind": kind, "encounter_id": world.encounter.id, "order_id": world.test_order.id},
        )
        assert response.status_code == 422
        assert response.json()["code"] == "gated_event_kind"
    assert all(item.delivered_at is None for item in world.charge_items(order_id=world.test_order.id))


def test_the_scopes_that_name_services_are_no_scopes_of_the_laboratory() -> None:
    assert set(all_scopes()) >= SCOPES_THAT_NAME_SERVICES
    assert not SCOPES_THAT_NAME_SERVICES & set(LABORATORY_SCOPES)
