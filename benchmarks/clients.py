"""Clients: processes of their own that do blocks of work when told to."""

from __future__ import annotations

import multiprocessing
import os
import traceback
from importlib import import_module
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any

Block = tuple[list[float], float]


def _serve(pipe: Connection, module: str, number: int, environment: dict[str, str]) -> None:
    """A client's life: take its place in ``module``, then do one block of work after the other."""
    os.environ |= environment
    if "DJANGO_SETTINGS_MODULE" in environment:
        import django

        django.setup()
    work = import_module(f"benchmarks.{module}")
    desk = work.Desk(number)
    while (message := pipe.recv()) is not None:
        function, arguments = message
        try:
            pipe.send((True, getattr(work, function)(desk, *arguments)))
        except Exception:
            pipe.send((False, traceback.format_exc()))


class Client:
    """A process that works at desk ``number`` of a module of this package (its ``Desk``)."""

    def __init__(self, module: str, number: int, environment: dict[str, str] | None = None) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, module, number, environment or {}), daemon=True
        )
        self._process.start()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def call(self, function: str, *arguments: Any) -> Any:
        """Have the client run ``function`` of its module with its desk, and wait for what it returns."""
        self.send(function, *arguments)
        return self.receive()

    def send(self, function: str, *arguments: Any) -> None:
        self._pipe.send((function, arguments))

    def is_at_work(self) -> bool:
        """Whether what was sent last is still being done."""
        return not self._pipe.poll()

    def receive(self) -> Any:
        """What the last ``send`` came to. Raises ``RuntimeError`` with the client's own trace."""
        succeeded, value = self._pipe.recv()
        if not succeeded:
            raise RuntimeError(f"A client failed:\n{value}")
        return value

    def close(self) -> None:
        if self._process.is_alive():
            self._pipe.send(None)
            self._process.join(timeout=10)


def together(clients: list[Client], function: str, *arguments: Any) -> list[Any]:
    """Have all ``clients`` do the same at the same time, and collect what each returns."""
    for client in clients:
        client.send(function, *arguments)
    return [client.receive() for client in clients]
