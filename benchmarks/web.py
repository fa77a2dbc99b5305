"""Web servers for the benchmark, and the clients that visit them."""

from __future__ import annotations

import asyncio
import http.client
import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from itertools import count
from types import TracebackType
from typing import Any

import orjson
import psutil

from benchmarks.databases import CHECKOUT

PROCESSES = 2
THREADS = 4
WORKER = "almoner.shell.web_worker.Worker"
START_TIMEOUT_SECONDS = 60
PAGE_ASKS_SECONDS = 1.5


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class WebServer:
    """Gunicorn with two processes by default, serving ``application`` on a port of its own."""

    def __init__(
        self,
        application: str,
        environment: dict[str, str],
        *,
        processes: int = PROCESSES,
        worker: str = WORKER,
    ) -> None:
        self.port = _free_port()
        command = [sys.executable, "-W", "ignore", "-m", "gunicorn", application]
        command += ["--bind", f"127.0.0.1:{self.port}", "--workers", str(processes)]
        command += ["--worker-class", worker, "--threads", str(THREADS), "--keep-alive", "15"]
        command += ["--no-control-socket", "--log-level", "warning", "--chdir", str(CHECKOUT)]
        self._process = subprocess.Popen(command, env={**os.environ, **environment})

    def __enter__(self) -> WebServer:
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return self
            except OSError:
                time.sleep(0.05)
        self._process.terminate()
        raise RuntimeError("The web server did not start.")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(timeout=30)

    def processor_seconds(self) -> float:
        """What the processes that serve have used of the processor so far."""
        used = [process.cpu_times() for process in psutil.Process(self._process.pid).children()]
        return sum(times.user + times.system for times in used)


@dataclass(frozen=True)
class Assignment:
    """What a web client is given: visits (identifiers as text), services with prices, a key, a cash point."""

    hospital_id: str
    api_key: str
    cash_point: str
    event_kind: str
    visits: list[tuple[str, str, str, str]]
    services: list[tuple[str, str, int]]
    lines: int
    run: str


class Desk:
    """A web client. It keeps one connection for a block, as a program that calls an API does."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.assignment: Assignment | None = None
        self.turn = count()
        self.connection: http.client.HTTPConnection | None = None

    @property
    def task(self) -> Assignment:
        if self.assignment is None:
            raise RuntimeError("This client was not given its visits.")
        return self.assignment

    def next(self) -> tuple[tuple[str, str, str, str], list[tuple[str, str, int]], str]:
        """The next visit, its three services, and a key that was never used before."""
        turn = next(self.turn)
        services = self.task.services
        lines = [services[(turn * self.task.lines + line) % len(services)] for line in range(self.task.lines)]
        return self.task.visits[turn % len(self.task.visits)], lines, f"{self.task.run}-{turn}"

    def request(
        self, method: str, path: str, expected: int, body: Any = None, headers: dict[str, str] | None = None
    ) -> Any:
        """Send JSON, read JSON. Raises ``RuntimeError`` with the answer when it has another status."""
        if self.connection is None:
            raise RuntimeError("A request outside a block.")
        content = None if body is None else orjson.dumps(body)
        self.connection.request(
            method, path, content, {"Content-Type": "application/json", **(headers or {})}
        )
        response = self.connection.getresponse()
        answer = response.read()
        if response.status != expected:
            raise RuntimeError(f"{method} {path}: {response.status} {answer[:500]!r}")
        return orjson.loads(answer)


def assign(desk: Desk, assignment: Assignment) -> None:
    """Tell the client what to work on."""
    desk.assignment = assignment


def _block(desk: Desk, port: int, seconds: float, visit: Any) -> tuple[list[float], float]:
    """Visits one after the other for ``seconds``; how long each took, and how long all of them."""
    desk.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    desk.connection.connect()
    desk.connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    took: list[float] = []
    start = last = time.perf_counter()
    while last - start < seconds:
        visit(desk)
        after = time.perf_counter()
        took.append(after - last)
        last = after
    desk.connection.close()
    return took, last - start


def _visit_ours(desk: Desk) -> None:
    (encounter_id, patient_id, _, _), services, key = desk.next()
    task = desk.task
    allowed = {"Authorization": f"Bearer {task.api_key}"}
    captured = desk.request(
        "POST",
        "/api/v1/events",
        201,
        {
            "kind": task.event_kind,
            "encounter_id": encounter_id,
            "lines": [{"service": code} for code, _, _ in services],
        },
        {**allowed, "Idempotency-Key": key},
    )
    desk.request(
        "POST",
        "/api/v1/payments",
        201,
        {
            "patient_account_id": captured["patient_account_id"],
            "encounter_id": encounter_id,
            "method": "cash",
            "amount_minor": captured["total_minor"],
            "currency": "USD",
            "cash_point": task.cash_point,
        },
        {**allowed, "Idempotency-Key": key},
    )
    desk.request("GET", f"/api/v1/patients/{patient_id}/billing-status", 200, headers=allowed)


def _visit_floor(desk: Desk) -> None:
    visit, services, key = desk.next()
    task = desk.task
    lines = [(service_id, price) for _, service_id, price in services]
    captured = desk.request(
        "POST", f"/{task.hospital_id}/event", 201, {"visit": visit, "lines": lines, "key": key}
    )
    body = {"visit": visit, "items": captured["items"], "cash_point": task.cash_point, "key": key}
    desk.request("POST", f"/{task.hospital_id}/payment", 201, body)
    desk.request("GET", f"/{task.hospital_id}/status/{visit[2]}", 200)


def visit_ours(desk: Desk, port: int, seconds: float) -> tuple[list[float], float]:
    """A block of visits to Almoner's API: event, payment in full, billing status."""
    return _block(desk, port, seconds, _visit_ours)


def visit_floor(desk: Desk, port: int, seconds: float) -> tuple[list[float], float]:
    """A block of visits to the bare view."""
    return _block(desk, port, seconds, _visit_floor)


def watch(desk: Desk, port: int, address: str, pages: int, seconds: float) -> float:
    """``pages`` open pages that ask ``address`` for ``seconds`` as ``frontend/source/live.js`` does, each on a
    connection of its own; returns how many questions a second were answered."""
    return asyncio.run(_watch(port, address, pages, seconds))


async def _watch(port: int, address: str, pages: int, seconds: float) -> float:
    end = time.perf_counter() + seconds
    answered = await asyncio.gather(
        *(_open_page(port, address, PAGE_ASKS_SECONDS * number / pages, end) for number in range(pages))
    )
    return sum(answered) / seconds


async def _open_page(port: int, address: str, first_after: float, end: float) -> int:
    await asyncio.sleep(first_after)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    marker, answered = "", 0
    while (asked_at := time.perf_counter()) < end:
        writer.write(f"GET {address}?marker={marker} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        status, *headers = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        if " 200 " in status:
            [length] = [
                int(line.partition(":")[2]) for line in headers if line.lower().startswith("content-length")
            ]
            marker = (await reader.readexactly(length)).decode()
        elif " 204 " not in status:
            raise RuntimeError(f"GET {address}: {status}")
        answered += 1
        await asyncio.sleep(max(0.0, asked_at + PAGE_ASKS_SECONDS - time.perf_counter()))
    writer.close()
    return answered
