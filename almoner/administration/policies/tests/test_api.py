"""Policies for programs: what is in force and who says so, a change tried on the past, and put in force."""

from __future__ import annotations

from typing import Any

import pytest

from almoner.enforcement.facts import Subject
from almoner.enforcement.gate import check
from tests.api.world import World
from tests.support.api import ApiClient

pytestmark = pytest.mark.django_db
FLEXIBLE: dict[str, Any] = {"scope": "department", "subject": "cardiology"}


@pytest.fixture
def world() -> World:
    return World(strict=True)


def in_force(client: ApiClient, setting: str) -> tuple[Any, str]:
    items = client.get("/policies/in-force?department=cardiology").json()["items"]
    return next((one["value"], one["source"]) for one in items if one["setting"] == setting)


def test_a_change_is_tried_saved_and_then_in_force(world: World) -> None:
    world.hospital.capture("patient.checked_in", encounter=world.encounter, at=world.at)
    told = {"actor": world.actor, "at": world.at}
    check(world.hospital.id, "consultation.start", Subject(world.encounter.id), **told)
    assert in_force(world.owner, "level") == ("strict", "hospital")
    change = FLEXIBLE | {"settings": {"payment_enforcement": "flexible"}}
    seen = world.owner.post("/policies/preview", change).json()
    assert (seen["newly_released"], seen["changes"]) == (
        1,
        [{"before": "held", "after": "reminded", "services": 1}],
    )
    assert in_force(world.owner, "level") == ("strict", "hospital")
    version = world.owner.get("/policies").json()["version"]
    saved = world.owner.post("/policies", change | {"based_on": version})
    assert saved.status_code == 201 and saved.json()["version"] == version + 1
    assert in_force(world.owner, "level") == ("flexible", "department:cardiology")
    stale = world.owner.post(
        "/policies", change | {"settings": {"payment_enforcement": "none"}, "based_on": version}
    )
    assert (stale.status_code, stale.json()["code"]) == (409, "configuration_changed")


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"settings": {"payment_enforcement": "severe"}}, 422, "payment_enforcement"),
        ({"settings": {"grace_period": 31}}, 422, "grace_period"),
        ({"settings": {"nonsense": 1}}, 422, "nonsense"),
        ({"settings": {"late_fees": "enabled"}}, 422, "late_fees"),
        ({"subject": "radiology", "settings": {"grace_period": 3}}, 404, "subject"),
        ({"settings": {}}, 422, "settings"),
    ],
)
def test_what_cannot_be_is_refused_at_its_key(
    world: World, change: dict[str, Any], status: int, field: str
) -> None:
    for path, more in (("/policies/preview", {}), ("/policies", {"based_on": 0})):
        refused = world.owner.post(path, FLEXIBLE | change | more)
        assert (refused.status_code, refused.json()["field"]) == (status, field), refused.content
