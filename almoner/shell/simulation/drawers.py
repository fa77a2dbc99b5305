"""The drawers of the demo hospital: opened every morning, counted and banked every evening, today's still open."""

from __future__ import annotations

from collections.abc import Mapping

from almoner.kernel.actor import Actor
from almoner.kernel.tenancy import transaction
from almoner.payments import operations as payments
from almoner.payments.denominations import denominations
from almoner.payments.operations.shared import expected_cash
from almoner.shell.simulation.world import DAY, HOUR, Play, World

FLOAT_MINOR = 15000
SHORT_MINOR = 200
_OPENS_AT = 7 * HOUR
_CLOSES_AT = 21 * HOUR


def pieces_of(amount_minor: int, currency: str) -> dict[int, int]:
    """``amount_minor`` as a careful person lays it out: the largest pieces first."""
    count, left = {}, amount_minor
    for piece in denominations(currency):
        count[piece], left = divmod(left, piece)
    return count


def tend(world: World, cashiers: Mapping[str, Actor], *, days: int, today_from: int) -> None:
    """Let each of ``cashiers`` (by cash point) keep a drawer for ``days`` days; on the last one it stays open.

    It is opened in the morning, on the last day no later than ``today_from`` (seconds of the world's clock).
    The first cash point is a little short on the evening before the last.
    """
    for number, (cash_point, cashier) in enumerate(cashiers.items()):
        for day in range(days):
            is_today = day == days - 1
            opens = min(day * DAY + _OPENS_AT, today_from) if is_today else day * DAY + _OPENS_AT
            short = SHORT_MINOR if number == 0 and day == days - 2 else 0
            closes = None if is_today else day * DAY + _CLOSES_AT
            world.clock.process(_day(world, cash_point, cashier, opens, closes, short))


def _day(
    world: World, cash_point: str, cashier: Actor, opens: int, closes: int | None, short_minor: int
) -> Play[None]:
    yield world.clock.timeout(max(0, opens - world.clock.now))
    session = payments.open_session(
        world.id,
        cash_point=cash_point,
        count=pieces_of(FLOAT_MINOR, world.hospital.currency),
        idempotency_key=f"{world.run}:{cash_point}:{opens}:open",
        actor=cashier,
        at=world.at,
    )
    world.count("drawers opened")
    if closes is None:
        return
    yield world.clock.timeout(closes - world.clock.now)
    with transaction(world.id):
        counted_minor = max(0, expected_cash(session.id) - short_minor)
    banked_minor = max(0, counted_minor - FLOAT_MINOR) // 1000 * 1000
    payments.close_session(
        world.id,
        session.id,
        count=pieces_of(counted_minor, world.hospital.currency),
        banked_minor=banked_minor,
        slip=f"DS-{world.local:%m%d}-{cash_point}" if banked_minor else "",
        idempotency_key=f"{world.run}:{cash_point}:{opens}:close",
        actor=cashier,
        at=world.at,
    )
    world.count("drawers closed")
