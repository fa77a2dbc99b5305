"""The processes that serve: started, watched, restarted, and none of them left behind.

Each child is asked by the kernel to end when ``almoner up`` does, however that happens, and is written
down in the data folder, so that the next start can end what a crash of the machine's memory left over.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import orjson
import psutil

STOP_TIMEOUT_SECONDS = 12
MAXIMUM_RESTARTS = 5
RESTART_WINDOW_SECONDS = 60
_PR_SET_PDEATHSIG = 1


class GaveUp(Exception):
    """A process ended again and again."""


@dataclass
class Child:
    """A process of ours: what it is called and how it is started."""

    name: str
    command: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    restarts: deque[float] = field(default_factory=deque)

    def start(self) -> None:
        """Start it in a session of its own (Ctrl-C reaches only the parent), to end with the parent.

        PostgreSQL shows its connections under its name (``pg_stat_activity.application_name``).
        """
        self.process = subprocess.Popen(
            self.command,
            env={**os.environ, "PGAPPNAME": f"almoner {self.name}"},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=_ending_with(os.getpid()),
        )

    @property
    def ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def restart(self) -> None:
        """Start it again. Raises ``GaveUp`` when that happened too often in the last minute."""
        present = time.monotonic()
        self.restarts.append(present)
        while self.restarts[0] < present - RESTART_WINDOW_SECONDS:
            self.restarts.popleft()
        if len(self.restarts) > MAXIMUM_RESTARTS:
            raise GaveUp(f"The {self.name} ended {len(self.restarts)} times within a minute.")
        time.sleep(min(2 ** (len(self.restarts) - 1) / 4, 4))
        self.start()


def _ending_with(parent: int) -> Callable[[], None] | None:
    """What a child runs first: ask the kernel for SIGTERM when the parent dies (Linux only)."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None, use_errno=True)

    def ask() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    return ask


class Children:
    """The processes of one ``almoner up``, and the record of them in ``data_dir``."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.running: list[Child] = []
        self._lock: IO[str] | None = None

    @property
    def _record(self) -> Path:
        return self.data_dir / "up.json"

    def claim(self, port: int) -> str | None:
        """Make this the one ``almoner up`` of the data folder; else say where the other one is.

        Ends what an earlier one, which was killed, left running.
        """
        self.data_dir.mkdir(parents=True, exist_ok=True)
        lock = (self.data_dir / "up.lock").open("a")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            known = self._read()
            return f"http://localhost:{known.get('port', port)} (process {known.get('process', 'unknown')})"
        self._lock = lock
        self._end_leftovers()
        self._write(port)
        return None

    def start(self, child: Child, port: int) -> None:
        """Start ``child`` and write it down."""
        child.start()
        self.running.append(child)
        self._write(port)

    def restart_ended(self, port: int) -> list[str]:
        """Start again whatever has ended; the names of what did. Raises ``GaveUp``."""
        ended = [child for child in self.running if child.ended]
        for child in ended:
            child.restart()
        if ended:
            self._write(port)
        return [child.name for child in ended]

    def stop(self) -> None:
        """End them all: asked first, made to after a while. Nothing of theirs is left."""
        processes = [child.process for child in self.running if child.process is not None]
        trees = _trees([process.pid for process in processes])
        for process in processes:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
        _, alive = psutil.wait_procs(trees, timeout=STOP_TIMEOUT_SECONDS)
        _kill(alive)
        for process in processes:
            process.wait()
        self.running.clear()
        self._record.unlink(missing_ok=True)

    def _write(self, port: int) -> None:
        children = []
        for child in self.running:
            with suppress(psutil.Error):
                if child.process is not None:
                    started = psutil.Process(child.process.pid).create_time()
                    children.append({"process": child.process.pid, "started": started})
        document = {"process": os.getpid(), "port": port, "children": children}
        draft = self._record.with_suffix(".new")
        draft.write_bytes(orjson.dumps(document))
        draft.rename(self._record)

    def _read(self) -> dict[str, object]:
        try:
            document = orjson.loads(self._record.read_bytes())
        except (OSError, orjson.JSONDecodeError):
            return {}
        return document if isinstance(document, dict) else {}

    def _end_leftovers(self) -> None:
        """End the recorded children that still run (same number, same time of birth) and theirs."""
        found = []
        children = self._read().get("children", [])
        for child in children if isinstance(children, list) else []:
            with suppress(psutil.Error, KeyError, TypeError):
                process = psutil.Process(child["process"])
                if process.create_time() == child["started"]:
                    found.append(process.pid)
        trees = _trees(found)
        for process in trees:
            with suppress(psutil.NoSuchProcess):
                process.terminate()
        _, alive = psutil.wait_procs(trees, timeout=STOP_TIMEOUT_SECONDS)
        _kill(alive)


def _trees(numbers: Sequence[int]) -> list[psutil.Process]:
    """The processes and everything they started."""
    found = []
    for number in numbers:
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(number)
            found += [process, *process.children(recursive=True)]
    return found


def _kill(processes: Sequence[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(list(processes), timeout=STOP_TIMEOUT_SECONDS)
