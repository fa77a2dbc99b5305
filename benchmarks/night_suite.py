"""The nightly run: how fast it charges, and what a payment notices of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from benchmarks.clients import Client
from benchmarks.databases import environment_for
from benchmarks.measure import FEWEST_ROUNDS, Result, Samples, in_turns

if TYPE_CHECKING:
    from benchmarks.suites import Bench

DATABASE = "bench_nights"
ITEMS_OF_A_DAY = 8 + 24
SHARE_OF_FLOOR = 0.50
PAYING_SECONDS = 0.25
ALONE_BLOCKS = 80
SLOWER_LIMIT = 2.0


def accrual(bench: Bench) -> Iterator[Result]:
    """Everybody in a bed charged for a day by 8 daily definitions and an hourly one; then once more while others pay."""
    bench.server.create(DATABASE)
    environment = environment_for(bench.server.urls(DATABASE))
    with Client("accrual", 0, environment) as night, Client("accrual", 1, environment) as payer:
        night.call("prepare", bench.plan.beds)
        bench.server.analyse(DATABASE)
        yield _speed(bench, night)
        yield _payments(bench, night, payer)
    bench.server.drop(DATABASE)


def _speed(bench: Bench, night: Client) -> Result:
    """Nights of ours and of the floor in turns, in the same database."""
    beds, charges = bench.plan.beds, bench.plan.beds * ITEMS_OF_A_DAY
    ours, floor = Samples(), Samples()

    def side(task: str, samples: Samples) -> None:
        bench.server.settle()
        samples.add([night.call(task)], charges)

    in_turns([lambda: side("ours", ours), lambda: side("by_hand", floor)], FEWEST_ROUNDS)
    ratio = ours.rate / floor.rate
    memory = night.call("peak_megabytes")
    return Result(
        name="accrual",
        unit="charges/s",
        ours=ours.rate,
        floor=floor.rate,
        ratio=ratio,
        p50_ms=ours.milliseconds(0.50),
        p99_ms=ours.milliseconds(0.99),
        note=f"{beds:,} beds, {charges:,} charges a night, {memory:.0f} MB at most; the floor knows the prices and is"
        " one statement; its summaries come from the same statement trigger as ours",
        target=f"≥ {SHARE_OF_FLOOR:.2f}",
        met=ratio >= SHARE_OF_FLOOR,
    )


def _payments(bench: Bench, night: Client, payer: Client) -> Result:
    """Payments of those who are in bed, before, during and after a night of theirs."""
    alone, beside = Samples(), Samples()

    def pay_alone() -> None:
        bench.server.settle()
        for _ in range(ALONE_BLOCKS // 2):
            alone.add([payer.call("pay", PAYING_SECONDS)])

    payer.call("pay", PAYING_SECONDS)
    pay_alone()
    night.send("ours")
    while night.is_at_work():
        block = payer.call("pay", PAYING_SECONDS)
        if night.is_at_work() or not beside.seconds:
            beside.add([block])
    night.receive()
    pay_alone()
    ratio = beside.milliseconds(0.99) / alone.milliseconds(0.99)
    return Result(
        name="accrual.payment",
        unit="ms (p99)",
        ours=beside.milliseconds(0.99),
        floor=alone.milliseconds(0.99),
        ratio=ratio,
        p50_ms=beside.milliseconds(0.50),
        p99_ms=beside.milliseconds(0.99),
        note=f"{len(beside.seconds):,} payments, 50 a second, of people whose night is being charged; the floor is the"
        f" same without a night: p50 {alone.milliseconds(0.50):.2f} ms",
        target=f"≤ {SLOWER_LIMIT:g} of the floor",
        met=ratio <= SLOWER_LIMIT,
    )
