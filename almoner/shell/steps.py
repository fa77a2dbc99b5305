"""What a start prints: one line a step, each written when it is done."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

_WIDTH = 14


class Step:
    """A step under way. ``show`` tells what it is at, ``result`` is what its line will say."""

    def __init__(self, steps: Steps, title: str) -> None:
        self._steps = steps
        self._title = title
        self.result = ""

    def show(self, doing: str) -> None:
        """What it is doing, where somebody watches."""
        self._steps.status.update(f"{self._title:{_WIDTH}} {doing}")


class Steps:
    """The lines on the terminal; in a log file they are plain text."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False, soft_wrap=True)
        self.status = self.console.status("")

    def title(self, text: str) -> None:
        self.console.print(f"[bold]{text}[/]\n")

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """A step; its line is printed when the block ends, with how long it took."""
        step, started = Step(self, title), time.monotonic()
        self.status = self.console.status(f"{title:{_WIDTH}}", spinner="dots")
        with self.status:
            yield step
        seconds = time.monotonic() - started
        took = f"  [dim]{seconds:.1f} s[/]" if seconds >= 1 else ""
        self.console.print(f"  [green]✓[/] {title:{_WIDTH}} {step.result}{took}")

    def note(self, text: str) -> None:
        self.console.print(text, markup=False)

    def pairs(self, rows: list[tuple[str, str]]) -> None:
        """Two columns, indented like the steps."""
        width = max(len(left) for left, _ in rows)
        for left, right in rows:
            self.console.print(f"    {left:{width}}   [dim]{right}[/]")
