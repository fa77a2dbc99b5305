"""The system that is hurt: ``almoner up`` with an embedded database of its own, and a way to look inside."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import orjson
import psutil
import psycopg

from almoner.shell.embedded_server import Server

CHECKOUT = Path(__file__).resolve().parents[2]
READY_TIMEOUT_SECONDS = 180
STOP_TIMEOUT_SECONDS = 60
DATABASE = "almoner"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Site:
    """``almoner up`` in ``data_dir``, with one web process, so that a kill of it is a kill of all its work."""

    def __init__(self, data_dir: Path, *, web_threads: int) -> None:
        self.data_dir = data_dir
        self.server = Server(data_dir)
        self.port = free_port()
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("DATABASE_")},
            "ALMONER_DATA_DIR": str(data_dir),
            "ALMONER_PORT": str(self.port),
            "ALMONER_WEB_PROCESSES": "1",
            "ALMONER_WEB_THREADS": str(web_threads),
        }
        self._up: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Site:
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self._output = (self.data_dir / "up.log").open("ab")
        self._up = subprocess.Popen(
            [*self.almoner, "up", "--no-demo"],
            env=self.environment,
            cwd=CHECKOUT,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
        )
        self.await_ready()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    almoner = (sys.executable, "-W", "ignore", "-c", "from almoner.shell.command_line import main; main()")

    def run(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        """An ``almoner`` command on this site's data."""
        return subprocess.run(
            [*self.almoner, *arguments], env=self.environment, cwd=CHECKOUT, check=False, capture_output=True
        )

    def stop(self) -> None:
        """Ctrl-C. ``almoner up`` must leave no process behind."""
        if self._up is None:
            return
        self._up.send_signal(signal.SIGINT)
        try:
            self._up.wait(STOP_TIMEOUT_SECONDS)
        finally:
            self._up.kill()
            self._up.wait()
            self._up = None
            self._output.close()

    def await_ready(self) -> None:
        """Wait until the web server and its database answer."""
        deadline = time.monotonic() + READY_TIMEOUT_SECONDS
        while not self._is_ready():
            self.check_alive()
            if time.monotonic() > deadline:
                raise RuntimeError(f"almoner up did not get ready; the end of its log:\n{self.log()}")
            time.sleep(0.1)

    def check_alive(self) -> None:
        """Raise ``RuntimeError`` when ``almoner up`` itself has ended."""
        if self._up is None or self._up.poll() is not None:
            raise RuntimeError(f"almoner up ended; the end of its log:\n{self.log()}")

    def log(self) -> str:
        """The end of what ``almoner up`` and its processes wrote."""
        return "\n".join((self.data_dir / "up.log").read_text(errors="replace").splitlines()[-20:])

    def _is_ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        with suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/healthz", headers={"Host": "localhost"})
            return connection.getresponse().status == http.client.OK
        return False

    def postmaster(self) -> psutil.Process | None:
        return self.server.postmaster()

    def web_process(self) -> psutil.Process | None:
        """The process that serves requests: the worker below gunicorn's master."""
        if self._up is None:
            return None
        with suppress(psutil.Error):
            for child in psutil.Process(self._up.pid).children():
                if "gunicorn" in child.cmdline():
                    return next(iter(child.children()), None)
        return None

    def worker_process(self) -> psutil.Process | None:
        """The background worker."""
        if self._up is None:
            return None
        with suppress(psutil.Error):
            for child in psutil.Process(self._up.pid).children():
                if "almoner.shell.worker" in child.cmdline():
                    return child
        return None

    def left_behind(self) -> list[psutil.Process]:
        """Processes of this site's database that still run."""
        return [process for process in self.server.processes() if process.is_running()]

    @contextmanager
    def look(self) -> Iterator[psycopg.Connection[Any]]:
        """A superuser's connection, as soon as the database takes one."""
        deadline = time.monotonic() + READY_TIMEOUT_SECONDS
        while True:
            try:
                connection = psycopg.connect(self.server.get_uri(DATABASE), autocommit=True)
                break
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
        with connection:
            yield connection


def prepare_hospital(site: Site, patients: int) -> tuple[Any, list[Any], str]:
    """A hospital with ``patients``, and the secret of an API key; needs Django connected to the site."""
    from almoner.identity.models import ApiKey
    from tests.support.hospital import make_hospital

    hospital = make_hospital("fault-test")
    people = [hospital.patient(f"Patient {number}") for number in range(patients)]
    _, secret = ApiKey.issue(
        hospital_id=hospital.id, name="fault-test", scopes=["charging.capture", "payments.record"]
    )
    return hospital, people, secret


def parse_json(output: bytes) -> Any:
    return orjson.loads(output)
