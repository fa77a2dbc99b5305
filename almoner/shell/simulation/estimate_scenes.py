"""Estimates at the demo hospital: one that was agreed to, one that was asked for at the counter."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from almoner.estimates.operations import Wanted, make_estimate, record_consent
from almoner.shell.simulation.world import HOUR, Play, World

ASKED_AT = 10 * HOUR
VALID_DAYS = 30


def stage_estimates(world: World) -> None:
    """Let both be asked for on the first day."""
    world.clock.process(_ask(world))


def _ask(world: World) -> Play[None]:
    yield world.clock.timeout(ASKED_AT)
    day = world.local.date()
    clerk = world.staff["receptionist"]
    stay = Wanted(
        expected_on=day + timedelta(days=7),
        valid_until=day + timedelta(days=VALID_DAYS),
        walk_in="Asha Rao",
        reason="Fracture of the lower leg, to be set",
        services=(("fracture_splint", Decimal(1)), ("cbc", Decimal(1))),
        ward_type="general",
        days=3,
        deposit_minor=20000,
    )
    agreed = make_estimate(
        world.id, stay, idempotency_key=f"{world.run}:estimate-1", actor=clerk, at=world.at
    )
    record_consent(world.id, agreed.id, given_by="Asha Rao", how="signed", actor=clerk, at=world.at)
    check_up = Wanted(
        expected_on=day + timedelta(days=2),
        valid_until=day + timedelta(days=VALID_DAYS),
        walk_in="Viktor Lindqvist",
        reason="Heart check-up",
        services=(("heart_check_up", Decimal(1)),),
    )
    make_estimate(world.id, check_up, idempotency_key=f"{world.run}:estimate-2", actor=clerk, at=world.at)
