"""``almoner up`` as people and init systems meet it: started, used, stopped, killed, started again."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest

from almoner.shell import start_up

PATIENCE_SECONDS = 120
READY = "Ctrl-C stops everything"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


class Up:
    """One ``almoner up`` in a process of its own."""

    def __init__(self, data_dir: Path, port: int | str, *arguments: str, embedded: bool) -> None:
        environment = {
            **os.environ,
            "ALMONER_DATA_DIR": str(data_dir),
            "ALMONER_PORT": str(port),
            "ALMONER_WEB_PROCESSES": os.environ.get("ALMONER_WEB_PROCESSES", "1"),
            "DJANGO_SETTINGS_MODULE": "almoner.shell.settings",
        }
        if embedded:
            del environment["DATABASE_URL"], environment["DATABASE_MIGRATION_URL"]
        self.port = int(port) if str(port).isdigit() else 0
        self.log = data_dir.parent / f"up-{port}-{time.monotonic_ns()}.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [str(Path(sys.executable).parent / "almoner"), "up", *arguments],
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        return self.log.read_text()

    def wait_until_ready(self) -> None:
        eventually(lambda: READY in self.output or self.process.poll() is not None)
        assert self.process.poll() is None, self.output

    def family(self) -> list[psutil.Process]:
        parent = psutil.Process(self.process.pid)
        return [parent, *parent.children(recursive=True)]

    def stop(self, number: signal.Signals) -> int:
        """Send a signal to the parent only; its exit code. Checks that nothing is left of it."""
        family = self.family()
        assert len(family) >= 4  # the parent, the web server and its process, the worker
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE_SECONDS)
        gone, alive = psutil.wait_procs(family, timeout=PATIENCE_SECONDS)
        assert not alive and gone
        start_up.check_port(self.port)
        return code

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", follow_redirects=False)

    def is_healthy(self) -> bool:
        with suppress(httpx.HTTPError):
            return self.get("/healthz").status_code == httpx.codes.OK
        return False

    def first_page(self) -> str:
        """The page after logging in with the address and the password that were printed."""
        password = re.search(r"with the password (\S+)", self.output)
        assert password is not None
        with httpx.Client(base_url=f"http://localhost:{self.port}", follow_redirects=True) as browser:
            browser.get("/login/")
            page = browser.post(
                "/login/",
                data={
                    "login": "admin@demo.example",
                    "password": password[1],
                    "csrfmiddlewaretoken": browser.cookies["csrftoken"],
                },
                headers={"Referer": f"http://localhost:{self.port}/login/"},
            )
            assert page.status_code == httpx.codes.OK
            return page.text


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Callable[..., Up]]:
    """Starts ``almoner up``; whatever is still running afterwards is ended."""
    started: list[Up] = []

    def start(*arguments: str, port: int | str = 0, folder: str = "data", embedded: bool = False) -> Up:
        one = Up(tmp_path / folder, port or free_port(), *arguments, embedded=embedded)
        started.append(one)
        return one

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.terminate()
            one.process.wait(PATIENCE_SECONDS)


def postmaster(data_dir: Path) -> psutil.Process:
    return psutil.Process(int((data_dir / "postgresql" / "postmaster.pid").read_text().splitlines()[0]))


def test_the_first_start_shows_a_hospital_at_work_and_the_second_keeps_it(
    up: Callable[..., Up], tmp_path: Path
) -> None:
    first = up(embedded=True)
    first.wait_until_ready()
    for line in ("✓ Database", "✓ Tables", "✓ Demo hospital", "✓ Pages", "✓ Server"):
        assert line in first.output
    assert f"http://localhost:{first.port}" in first.output
    page = first.first_page()
    for words in ("Maria Lopez", "$75.00", "Jane Smith", "$65.00", "John Doe", "$200.00"):
        assert words in page

    listening = {
        connection.laddr.ip
        for process in first.family()
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening and listening <= {"127.0.0.1", "::1"}

    server = postmaster(tmp_path / "data")
    server.kill()
    psutil.wait_procs([server], timeout=PATIENCE_SECONDS)
    eventually(lambda: "was started again" in first.output)
    eventually(first.is_healthy)

    server = postmaster(tmp_path / "data")
    assert first.stop(signal.SIGINT) == 0
    # Where nobody reaps orphans at once, what has ended is still listed for a moment.
    assert not server.is_running() or server.status() == psutil.STATUS_ZOMBIE

    second = up(embedded=True)
    second.wait_until_ready()
    assert "Demo hospital" not in second.output
    assert "Maria Lopez" in second.first_page()
    assert second.stop(signal.SIGTERM) == 0


def test_a_parent_that_is_killed_takes_its_children_along_and_the_next_start_recovers(
    up: Callable[..., Up],
) -> None:
    first = up("--no-demo")
    first.wait_until_ready()
    family = first.family()
    first.process.kill()
    first.process.wait()
    second = up("--no-demo", port=first.port)
    second.wait_until_ready()
    assert second.is_healthy()
    _, alive = psutil.wait_procs(family, timeout=0)
    assert not alive
    assert second.stop(signal.SIGTERM) == 0


def test_a_server_process_that_dies_is_replaced(up: Callable[..., Up]) -> None:
    one = up("--no-demo")
    one.wait_until_ready()
    parent, *killed = one.family()
    for child in parent.children():
        child.kill()
    eventually(lambda: one.output.count("was started again") == 2)
    eventually(one.is_healthy)
    _, alive = psutil.wait_procs(killed, timeout=PATIENCE_SECONDS)
    assert not alive
    assert one.stop(signal.SIGTERM) == 0


def test_the_data_folder_of_a_running_almoner_is_refused_to_another(up: Callable[..., Up]) -> None:
    one = up("--no-demo")
    one.wait_until_ready()
    other = up("--no-demo")
    assert other.process.wait(PATIENCE_SECONDS) == 78
    assert f"running already with this data folder: http://localhost:{one.port}" in other.output
    assert one.is_healthy()


def test_a_port_that_is_taken_is_refused_before_anything_is_started(
    up: Callable[..., Up], tmp_path: Path
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        one = up(port=port, embedded=True)
        assert one.process.wait(PATIENCE_SECONDS) == 78
    assert f"port {port} is taken by another program" in one.output
    assert not (tmp_path / "data" / "postgresql").exists()


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("ALMONER_PORT", "eighty", "ALMONER_PORT: "),
        ("ALMONER_PORT", "70000", "ALMONER_PORT: "),
        ("ALMONER_WEB_PROCESSES", "0", "ALMONER_WEB_PROCESSES: "),
        ("DATABASE_URL", "mysql://ada:secret@host/books", "DATABASE_URL: expected postgresql://"),
        ("DATABASE_MIGRATION_URL", "", "DATABASE_MIGRATION_URL is missing"),
        (
            "DATABASE_URL",
            "postgresql://ada:secret@127.0.0.1:1/books",
            "DATABASE_URL: the database cannot be reached",
        ),
    ],
)
def test_a_wrong_setting_is_refused_in_one_sentence_that_keeps_secrets(
    up: Callable[..., Up], monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    monkeypatch.setattr("os.environ", {**os.environ, name: value})
    one = up("--no-demo", port=value if name == "ALMONER_PORT" else 0)
    assert one.process.wait(PATIENCE_SECONDS) == 78
    assert says in one.output
    assert "Traceback" not in one.output and "secret" not in one.output


def test_a_role_above_row_level_security_is_refused(
    up: Callable[..., Up], monkeypatch: pytest.MonkeyPatch
) -> None:
    superuser = os.environ["ALMONER_TEST_SUPERUSER_URL"]
    monkeypatch.setattr("os.environ", {**os.environ, "DATABASE_URL": superuser})
    one = up("--no-demo")
    assert one.process.wait(PATIENCE_SECONDS) == 78
    assert "superuser or bypasses row-level security" in one.output


def test_one_role_for_everything_is_refused(up: Callable[..., Up], monkeypatch: pytest.MonkeyPatch) -> None:
    owner = os.environ["DATABASE_MIGRATION_URL"]
    monkeypatch.setattr("os.environ", {**os.environ, "DATABASE_URL": owner})
    one = up("--no-demo")
    assert one.process.wait(PATIENCE_SECONDS) == 78
    assert "DATABASE_URL and DATABASE_MIGRATION_URL both use the role" in one.output
