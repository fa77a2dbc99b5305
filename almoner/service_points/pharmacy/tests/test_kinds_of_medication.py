"""Emergency, standing and elective medication (section 3.2) over HTTP: each kind is answered in its own way."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.world import World
from tests.support.hospital import enforce

pytestmark = pytest.mark.django_db
KINDS = ("first", "follow_up", "maintenance", "elective", "emergency")
ANSWERS = {
    "strict": ("held", "held", "held", "held", "overridden"),
    "moderate": ("held", "deferred", "deferred", "held", "overridden"),
    "flexible": ("reminded", "reminded", "reminded", "reminded", "overridden"),
    "none": ("allowed", "allowed", "allowed", "allowed", "overridden"),
}


def dispense(world: World, kind: str) -> dict[str, Any]:
    """Prescribe and dispense through the API; the gate's decision."""
    body = {
        "encounter_id": world.encounter.id,
        "medications": [{"service": "amoxicillin", "quantity": "10"}],
        "request_type": kind,
    }
    order = world.owner.post("/orders/prescriptions", body, key=f"rx-{kind}").json()
    path = f"/pharmacy/prescriptions/{order['id']}/dispensings"
    answer: dict[str, Any] = world.owner.post(path, {}, key=f"hand-out-{kind}").json()
    assert (answer["result"] is None) is (answer["decision"]["outcome"] == "held")
    decision: dict[str, Any] = answer["decision"]
    return decision


@pytest.mark.parametrize("level", ANSWERS)
def test_each_kind_of_medication_is_answered_as_the_level_says(level: str) -> None:
    world = World()
    enforce(world.hospital, "department", "pharmacy", payment_enforcement=level)
    decisions = {kind: dispense(world, kind) for kind in KINDS}
    assert tuple(decisions[kind]["outcome"] for kind in KINDS) == ANSWERS[level]
    assert "emergency" in decisions["emergency"]["reason"]


@pytest.mark.parametrize(
    ("rule", "answers"),
    [
        ({}, ("held", "held", "held", "held", "overridden")),
        ({"defer": ["maintenance"]}, ("held", "held", "deferred", "held", "overridden")),
        ({"defer": ["elective"]}, ("held", "held", "held", "deferred", "overridden")),
        ({"allow": ["maintenance"]}, ("held", "held", "allowed", "held", "overridden")),
    ],
)
def test_the_rule_of_the_pharmacy_lets_kinds_through_or_defers_them(
    rule: dict[str, list[str]], answers: tuple[str, ...]
) -> None:
    world = World()
    enforce(world.hospital, "module", "pharmacy", payment_enforcement="strict", **rule)
    assert tuple(dispense(world, kind)["outcome"] for kind in KINDS) == answers


def test_a_kind_that_does_not_exist_is_refused_at_its_field() -> None:
    world = World()
    body = {
        "encounter_id": world.encounter.id,
        "medications": [{"service": "amoxicillin", "quantity": "10"}],
        "request_type": "urgent",
    }
    refused = world.owner.post("/orders/prescriptions", body, key="rx")
    assert refused.status_code == 422 and "request_type" in refused.content.decode()
