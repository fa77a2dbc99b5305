"""Payment plans at the demo hospital as they stand after a while: behind, settled early, changed, cancelled."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from almoner.payments.operations import agree_plan, cancel_plan, request_plan_change
from almoner.payments.plans import Frequency, Terms
from almoner.shell.simulation.scenes import Scene
from almoner.shell.simulation.world import HOUR, Play, World

OPENS_AT = 9 * HOUR
CLOSES_AT = 17 * HOUR


def _agree(scene: Scene, terms: Terms) -> UUID:
    """Arrive, and agree to pay the visit's fee of 30.00 later."""
    scene.arrive("general_medicine", "Back pain")
    if scene.account_id is None:
        raise RuntimeError(f"{scene.name} has no account.")
    return agree_plan(
        scene.world.id,
        patient_account_id=scene.account_id,
        encounter_id=scene.visit,
        total_minor=3000,
        terms=terms,
        patient_agreed_by=scene.name,
        actor=scene.world.staff["billing_staff"],
        at=scene.world.at,
    ).id


def _behind(scene: Scene) -> Play[None]:
    """Half was due the next day, and nobody came."""
    yield from scene.until(0.1)
    day = scene.world.local.date()
    parts = ((day + timedelta(days=1), 1500), (day + timedelta(days=31), 1500))
    _agree(scene, Terms(frequency=Frequency.DATES, parts=parts))


def _settled(scene: Scene) -> Play[None]:
    """Paid whole the same afternoon."""
    yield from scene.until(0.2)
    _agree(scene, Terms(3, scene.world.local.date() + timedelta(days=30)))
    yield from scene.until(0.9)
    scene.pay(3000, "card")


def _changing(scene: Scene) -> Play[None]:
    """The down payment was made; smaller instalments are asked for and wait for a second person."""
    yield from scene.until(0.3)
    day = scene.world.local.date()
    plan_id = _agree(scene, Terms(2, day + timedelta(days=14), Frequency.FORTNIGHTLY, 1000))
    scene.pay(1000, "card")
    yield from scene.until(0.8)
    request_plan_change(
        scene.world.id,
        plan_id,
        terms=Terms(4, day + timedelta(days=14), Frequency.WEEKLY),
        reason="Paid by the week, and asks for smaller parts",
        idempotency_key=scene.key("plan-change"),
        actor=scene.world.staff["billing_staff"],
        at=scene.world.at,
    )


def _cancelled(scene: Scene) -> Play[None]:
    """Agreed by mistake: the employer pays."""
    yield from scene.until(0.4)
    plan_id = _agree(scene, Terms(6, scene.world.local.date() + timedelta(days=30)))
    yield from scene.until(0.5)
    cancel_plan(
        scene.world.id,
        plan_id,
        reason="The employer pays this visit",
        actor=scene.world.staff["billing_staff"],
        at=scene.world.at,
    )


_SCENES: dict[str, Callable[[Scene], Play[None]]] = {
    "Lucia Ferrari": _behind,
    "Peter Novak": _settled,
    "Aisha Khan": _changing,
    "Tom Becker": _cancelled,
}


def stage_plans(world: World) -> None:
    """Let every plan be agreed on the first day."""
    for name, tell in _SCENES.items():
        world.clock.process(tell(Scene(world, name, OPENS_AT, CLOSES_AT)))
