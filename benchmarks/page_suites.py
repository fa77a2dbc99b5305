"""What pages are measured by: their server time, what hundreds of open ones cost, how late they are."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

from benchmarks.clients import Client
from benchmarks.databases import Server, environment_for, fingerprint
from benchmarks.measure import Result, Samples, in_turns
from benchmarks.web import WebServer

if TYPE_CHECKING:
    from benchmarks.suites import Bench

BUSY = "busy"
DATABASE = f"bench_{BUSY}"
SHARES = 2
MEDIAN_LIMIT_MS = 60.0
MOST_STATEMENTS = 12
OPEN_PAGES = 500
OPENING_SECONDS = 2.5
PAYER = 1
PAYMENT_SHARE = 0.75
DELAY_LIMIT_SECONDS = 2.0


def prepare(server: Server) -> str:
    """The busy hospital in a database to work on: a copy of a loaded one, which is loaded if there is none."""
    template = f"loaded_{fingerprint()}_{BUSY}"
    if template not in server.names():
        _load(server, template)
    if DATABASE not in server.names():
        server.copy(template, DATABASE)
    return DATABASE


def _load(server: Server, template: str) -> None:
    work = f"bench_load_{os.getpid()}"
    server.create(work)
    environment = environment_for(server.urls(work))
    with ExitStack() as stack:
        clients = [stack.enter_context(Client("pages", number, environment)) for number in range(SHARES)]
        slug = clients[0].call("make_hospital")
        for number, client in enumerate(clients):
            client.send("load_history", slug, number, SHARES)
        for client in clients:
            client.receive()
    server.analyse(work)
    server.rename(work, template)


def pages(bench: Bench) -> Iterator[Result]:
    """Every page of the tour, and an empty one of the same frame, in turns."""
    environment = environment_for(bench.server.urls(prepare(bench.server)))
    with Client("pages", 0, environment) as desk:
        bench.server.settle()
        for name in desk.call("names"):
            statements, size = desk.call("look", name)
            desk.call("look", "empty")
            ours, floor = Samples(), Samples()
            in_turns(
                [
                    lambda name=name, ours=ours: ours.add([desk.call("open_page", name, 5)]),  # type: ignore[misc]
                    lambda floor=floor: floor.add([desk.call("open_page", "empty", 5)]),  # type: ignore[misc]
                ],
                bench.plan.rounds // 2,
            )
            median = ours.milliseconds(0.50)
            yield Result(
                name=f"page.{name.replace(':', '.')}",
                unit="ms (p50)",
                ours=median,
                floor=floor.milliseconds(0.50),
                ratio=median / floor.milliseconds(0.50),
                p50_ms=median,
                p99_ms=ours.milliseconds(0.99),
                note=f"{statements} statements, {size / 1000:,.0f} kB; the floor is an empty page",
                target=f"< {MEDIAN_LIMIT_MS:g} ms, ≤ {MOST_STATEMENTS} statements",
                met=median < MEDIAN_LIMIT_MS and statements <= MOST_STATEMENTS,
            )


def open_pages(bench: Bench) -> Iterator[Result]:
    """Visits through the API of one process, while 500 pages of the same hospital ask it whether anything changed,
    and while none does."""
    urls = bench.server.urls(bench.database())
    with ExitStack() as stack:
        staff = stack.enter_context(bench.client(PAYER))
        server = stack.enter_context(
            WebServer("almoner.shell.wsgi:application", environment_for(urls), processes=1)
        )
        payer = stack.enter_context(Client("web", PAYER))
        payer.call("assign", staff.call("assignment", PAYER))
        watchers = stack.enter_context(Client("web", 0))
        ticket = staff.call("changes_ticket")
        seconds = bench.plan.web_seconds
        alone, watched = Samples(), Samples()
        asked: list[float] = []

        def open_all() -> None:
            watchers.send("watch", server.port, ticket, OPEN_PAGES, OPENING_SECONDS + seconds)
            time.sleep(OPENING_SECONDS)

        def pay_alone() -> None:
            alone.add([payer.call("visit_ours", server.port, seconds)])

        def pay_watched() -> None:
            open_all()
            watched.add([payer.call("visit_ours", server.port, seconds)])
            asked.append(watchers.receive())

        bench.server.settle()
        in_turns([pay_alone, pay_watched], max(3, bench.plan.rounds // 2))
        open_all()
        before = server.processor_seconds()
        time.sleep(seconds)
        spent = server.processor_seconds() - before
        questions = watchers.receive() * seconds
        ratio = watched.rate / alone.rate
        yield Result(
            name=f"pages.open.{OPEN_PAGES}",
            unit="visits/s",
            ours=watched.rate,
            floor=alone.rate,
            ratio=ratio,
            p50_ms=watched.milliseconds(0.50),
            p99_ms=watched.milliseconds(0.99),
            note=f"one process; {min(asked):,.0f} to {max(asked):,.0f} questions a second, each of"
            f" {spent / questions * 1_000_000:,.0f} µs of its processor time; the floor is nobody asking",
            target=f"≥ {PAYMENT_SHARE:.2f}",
            met=ratio >= PAYMENT_SHARE,
        )


def live_delay(bench: Bench) -> Iterator[Result]:
    """From the answer to a payment until the patient's open page shows it, asking as a page does."""
    urls = bench.server.urls(prepare(bench.server))
    environment = environment_for(urls)
    with ExitStack() as stack:
        server = stack.enter_context(WebServer("almoner.shell.wsgi:application", environment))
        desk = stack.enter_context(Client("live", 0, environment))
        delays = desk.call("live_delays", server.port, bench.plan.rounds)
        samples = Samples()
        samples.add([(delays, sum(delays))])
        longest = samples.milliseconds(1.0)
        yield Result(
            name="live.delay",
            unit="ms (most)",
            ours=longest,
            floor=None,
            ratio=None,
            p50_ms=samples.milliseconds(0.50),
            p99_ms=samples.milliseconds(0.99),
            note=f"{len(delays)} payments; the page asks every 1.5 s",
            target=f"< {DELAY_LIMIT_SECONDS:g} s",
            met=longest < DELAY_LIMIT_SECONDS * 1000,
        )
