"""Blocks of calls, taken in turns, and what is made of them."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

BUDGET_SECONDS = 30
FEWEST_ROUNDS = 3


@dataclass
class Samples:
    """What one side of a comparison took: seconds of every call, and calls a second of every block."""

    seconds: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)

    def add(self, blocks: Sequence[tuple[list[float], float]], units_per_call: int = 1) -> None:
        """Add what the clients brought back from one block: latencies, and how long each was at work."""
        self.rates.append(sum(len(calls) * units_per_call / elapsed for calls, elapsed in blocks))
        for calls, _ in blocks:
            self.seconds += calls

    @property
    def rate(self) -> float:
        """Units a second: the median of the blocks."""
        return statistics.median(self.rates)

    def milliseconds(self, quantile: float) -> float:
        """The latency below which ``quantile`` of the calls stayed (nearest rank)."""
        ordered = sorted(self.seconds)
        return ordered[max(0, math.ceil(quantile * len(ordered)) - 1)] * 1000


@dataclass(frozen=True)
class Result:
    """A line of the table. ``ratio`` = ours / floor; the percentiles are of one call of ours.

    ``target`` says in words what is asked for, ``met`` whether it was reached (None: nothing was asked).
    """

    name: str
    unit: str
    ours: float
    floor: float | None
    ratio: float | None
    p50_ms: float | None
    p99_ms: float | None
    note: str = ""
    target: str = ""
    met: bool | None = None

    def as_data(self) -> dict[str, Any]:
        """A line of ``results.json``."""
        data = asdict(self)
        kept = ("name", "unit", "ours", "floor", "ratio", "p50_ms", "p99_ms", "note")
        return {key: round(data[key], 4) if isinstance(data[key], float) else data[key] for key in kept}


def in_turns(sides: Sequence[Callable[[], None]], rounds: int) -> None:
    """Run every side ``rounds`` times, in turns, the order swapped each time.

    Whatever drifts, the machine or the size of the tables, drifts for all of them. On a machine so slow
    that this takes longer than ``BUDGET_SECONDS``, it ends after ``FEWEST_ROUNDS``.
    """
    started = time.monotonic()
    for number in range(rounds):
        if number >= FEWEST_ROUNDS and time.monotonic() - started > BUDGET_SECONDS:
            return
        for side in sides if number % 2 == 0 else reversed(sides):
            side()


def compare(
    name: str,
    *,
    ours: Callable[[], list[tuple[list[float], float]]],
    floor: Callable[[], list[tuple[list[float], float]]],
    rounds: int,
    unit: str,
    units_per_call: int = 1,
    at_least: float | None = None,
    note: str = "",
) -> Result:
    """Ours against the floor in units a second; ``at_least`` is the share of the floor that is asked for."""
    ours()
    floor()
    ours_samples, floor_samples = Samples(), Samples()
    in_turns(
        [
            lambda: ours_samples.add(ours(), units_per_call),
            lambda: floor_samples.add(floor(), units_per_call),
        ],
        rounds,
    )
    ratio = ours_samples.rate / floor_samples.rate
    return Result(
        name=name,
        unit=unit,
        ours=ours_samples.rate,
        floor=floor_samples.rate,
        ratio=ratio,
        p50_ms=ours_samples.milliseconds(0.50),
        p99_ms=ours_samples.milliseconds(0.99),
        note=note,
        target=f"≥ {at_least:.2f}" if at_least is not None else "",
        met=ratio >= at_least if at_least is not None else None,
    )
