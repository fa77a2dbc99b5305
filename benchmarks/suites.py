"""What is measured, and against what. Every suite gives lines of the table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from benchmarks import measure, night_suite, page_suites
from benchmarks.clients import Block, Client, together
from benchmarks.databases import Server, environment_for
from benchmarks.measure import FEWEST_ROUNDS, Result, Samples, compare, in_turns
from benchmarks.web import WebServer

BATCH = 100
READER = -1
SIZES = {"10k": 10_000, "100k": 100_000, "1m": 1_000_000}
TRIGGERS = "the floor's summaries come from the same statement trigger as ours"
READ_LIMIT_MS = 3.0
GROWTH_LIMIT = 1.5
DECISIONS = 100_000
PREVIEW_LIMIT_SECONDS = 5.0


@dataclass(frozen=True)
class Plan:
    """How much is measured: rounds of blocks, calls in a block, seconds of an HTTP block, beds of a night."""

    rounds: int
    calls: int
    web_seconds: float
    sizes: tuple[str, ...]
    beds: int

    @property
    def largest(self) -> str:
        return self.sizes[-1]


FULL = Plan(rounds=11, calls=200, web_seconds=2.5, sizes=("10k", "100k", "1m"), beds=10_000)
QUICK = Plan(rounds=3, calls=50, web_seconds=1.0, sizes=("10k", "100k"), beds=500)


class Bench:
    """The server with the databases to work on, and how much to measure."""

    def __init__(self, server: Server, plan: Plan) -> None:
        self.server = server
        self.plan = plan

    def database(self, size: str = "") -> str:
        """The database to work on that was loaded with ``size`` postings; the largest by default."""
        return f"bench_{size or self.plan.largest}"

    def client(self, number: int, database: str = "") -> Client:
        """A process with Almoner's own connection to ``database``."""
        urls = self.server.urls(database or self.database())
        return Client("tasks", number, environment_for(urls))


def _compare(
    bench: Bench,
    name: str,
    clients: list[Client],
    ours: str,
    floor: str,
    *,
    calls: int,
    unit: str,
    units_per_call: int = 1,
    at_least: float | None = None,
    note: str = "",
) -> Result:
    """``ours`` against ``floor``, two tasks that every one of ``clients`` does at the same time."""
    bench.server.settle()

    def side(task: str) -> Callable[[], list[Block]]:
        return lambda: together(clients, task, calls)

    return compare(
        name,
        ours=side(ours),
        floor=side(floor),
        rounds=bench.plan.rounds,
        unit=unit,
        units_per_call=units_per_call,
        at_least=at_least,
        note=note,
    )


def capture_single(bench: Bench) -> Iterator[Result]:
    """One event with three charges, from one client and from four at once."""
    with ExitStack() as stack:
        clients = [stack.enter_context(bench.client(16 + number)) for number in range(4)]
        for name, count, at_least in (("capture.single", 1, 0.45), ("capture.single.4", 4, None)):
            yield _compare(
                bench,
                name,
                clients[:count],
                "capture_ours",
                "capture_floor",
                calls=bench.plan.calls,
                unit="events/s",
                at_least=at_least,
                note=f"{count} client{'s' if count > 1 else ''}; {TRIGGERS}",
            )


def capture_bare(bench: Bench) -> Iterator[Result]:
    """For the record: what triggers and row-level security cost, which is not much."""
    database = "bench_bare"
    bench.server.copy(bench.database(), database)
    bench.server.strip(database)
    with bench.client(20) as secured, bench.client(20, database) as stripped:
        bench.server.settle()
        calls = bench.plan.calls
        yield compare(
            "capture.floor.bare",
            ours=lambda: [secured.call("capture_floor", calls)],
            floor=lambda: [stripped.call("capture_floor", calls, "capture_bare")],
            rounds=bench.plan.rounds,
            unit="events/s",
            note="the floor itself, against the same rows without triggers and row-level security",
        )
    bench.server.drop(database)


def capture_batch(bench: Bench) -> Iterator[Result]:
    """A hundred events in one call."""
    with bench.client(21) as client:
        yield _compare(
            bench,
            "capture.batch100",
            [client],
            "batch_ours",
            "batch_floor",
            calls=max(2, bench.plan.calls // 40),
            unit="events/s",
            units_per_call=BATCH,
            at_least=0.65,
            note=f"{BATCH} events in a call; {TRIGGERS}",
        )


def payment_single(bench: Bench) -> Iterator[Result]:
    """A payment in full of three charges; the charges are made between the blocks, off the clock."""
    with bench.client(22) as client:
        yield _compare(
            bench,
            "payment.single",
            [client],
            "payment_ours",
            "payment_floor",
            calls=bench.plan.calls // 2,
            unit="payments/s",
            at_least=0.50,
            note=f"three allocations; the floor is told what to allocate; {TRIGGERS}",
        )


def _reads(bench: Bench, name: str, task: str) -> Iterator[Result]:
    """The same read on a small and on a large database; the clients take turns, so the noise is shared."""
    sizes = bench.plan.sizes
    samples = {size: Samples() for size in sizes}
    with ExitStack() as stack:
        clients = {size: stack.enter_context(bench.client(READER, bench.database(size))) for size in sizes}
        for size in sizes:
            clients[size].call(task, bench.plan.calls)
        bench.server.settle()

        def side(size: str) -> Callable[[], None]:
            return lambda: samples[size].add([clients[size].call(task, bench.plan.calls)])

        in_turns([side(size) for size in sizes], bench.plan.rounds)
    smallest = samples[sizes[0]].milliseconds(0.99)
    for size in sizes:
        p99 = samples[size].milliseconds(0.99)
        judged = size == "1m"
        yield Result(
            name=f"{name}.{size}",
            unit="ms (p99)",
            ours=p99,
            floor=smallest,
            ratio=p99 / smallest,
            p50_ms=samples[size].milliseconds(0.50),
            p99_ms=p99,
            note=f"in process, {SIZES[size]:,} postings; the floor is the same at {SIZES[sizes[0]]:,}",
            target=f"p99 < {READ_LIMIT_MS:g} ms, ≤ {GROWTH_LIMIT:g} of {sizes[0]}" if judged else "",
            met=p99 < READ_LIMIT_MS and p99 / smallest <= GROWTH_LIMIT if judged else None,
        )


def gate(bench: Bench) -> Iterator[Result]:
    """A gate decision, stored, in small and large tables."""
    yield from _reads(bench, "gate", "gate_ours")


def status(bench: Bench) -> Iterator[Result]:
    """A billing status in small and large tables."""
    yield from _reads(bench, "status", "status_ours")


def policy_preview(bench: Bench) -> Iterator[Result]:
    """What another policy would have done to a hundred thousand decisions, against reading them."""
    ours, floor = Samples(), Samples()
    with bench.client(READER) as client:
        count = client.call("past_decisions", DECISIONS)
        situations = client.call("situations")
        bench.server.settle()
        in_turns(
            [
                lambda: ours.add([client.call("preview_ours", 1)]),
                lambda: floor.add([client.call("preview_floor", 1)]),
            ],
            FEWEST_ROUNDS,
        )
    seconds, least = ours.milliseconds(0.5) / 1000, floor.milliseconds(0.5) / 1000
    yield Result(
        name="policy.preview.100k",
        unit="s",
        ours=seconds,
        floor=least,
        ratio=seconds / least,
        p50_ms=seconds * 1000,
        p99_ms=ours.milliseconds(0.99),
        note=f"{count:,} past decisions of {situations:,} situations made anew; the floor reads and parses the same facts",
        target=f"< {PREVIEW_LIMIT_SECONDS:g} s",
        met=seconds < PREVIEW_LIMIT_SECONDS,
    )


def visit_http(bench: Bench) -> Iterator[Result]:
    """Three requests: event with three charges, payment in full, billing status."""
    urls = bench.server.urls(bench.database())
    most = 16
    with ExitStack() as stack:
        staff = stack.enter_context(bench.client(0))
        almoner = stack.enter_context(WebServer("almoner.shell.wsgi:application", environment_for(urls)))
        bare = stack.enter_context(
            WebServer(
                "benchmarks.bare.wsgi:application",
                {"DJANGO_SETTINGS_MODULE": "benchmarks.bare.settings", "DATABASE_URL": urls.application},
                worker="gthread",
            )
        )
        visitors = [stack.enter_context(Client("web", number)) for number in range(most)]
        for number, visitor in enumerate(visitors):
            visitor.call("assign", staff.call("assignment", number))
        for count in (1, 4, most):
            bench.server.settle()
            yield _visits(bench, visitors[:count], almoner.port, bare.port)


def _visits(bench: Bench, visitors: list[Client], almoner: int, bare: int) -> Result:
    seconds = bench.plan.web_seconds
    return measure.compare(
        f"visit.http.{len(visitors)}",
        ours=lambda: together(visitors, "visit_ours", almoner, seconds),
        floor=lambda: together(visitors, "visit_floor", bare, seconds),
        rounds=max(3, bench.plan.rounds // 2),
        unit="visits/s",
        at_least=0.45,
        note="three requests; two processes of four threads; the floor is a bare Django view with the floor's SQL",
    )


SUITES: dict[str, Callable[[Bench], Iterator[Result]]] = {
    "gate": gate,
    "status": status,
    "policy.preview": policy_preview,
    "capture.single": capture_single,
    "capture.floor.bare": capture_bare,
    "capture.batch100": capture_batch,
    "payment.single": payment_single,
    "accrual": night_suite.accrual,
    "visit.http": visit_http,
    "page": page_suites.pages,
    "pages.open": page_suites.open_pages,
    "live.delay": page_suites.live_delay,
}
