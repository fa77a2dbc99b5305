"""The embedded server lives as long as somebody holds it, and recovers from whatever was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import psycopg
import pytest

from almoner.shell.embedded_server import Server

HOLD = """
import sys
from pathlib import Path
from almoner.shell import embedded_database
server = embedded_database.start(Path(sys.argv[1]))
print(server.postmaster().pid, flush=True)
try:
    sys.stdin.read()
except KeyboardInterrupt:
    pass
"""


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of its own; what a failed test leaves running is ended."""
    folder = tmp_path_factory.mktemp("embedded")
    yield folder
    for process in Server(folder).processes():
        with suppress(psutil.NoSuchProcess):
            process.kill()


@contextmanager
def holder(data_dir: Path) -> Iterator[tuple[subprocess.Popen[str], psutil.Process]]:
    """Another process that holds the server until its standard input ends; and the server it found."""
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", HOLD, str(data_dir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        yield process, psutil.Process(int(process.stdout.readline()))


def is_gone(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.status() == psutil.STATUS_ZOMBIE
    return True


def answers(data_dir: Path) -> bool:
    with psycopg.connect(Server(data_dir).get_uri()) as connection:
        return connection.execute("SELECT 1").fetchone() == (1,)


def test_the_last_holder_stops_the_server(data_dir: Path) -> None:
    with holder(data_dir) as (first, server):
        with holder(data_dir) as (_, same):
            assert same == server
        assert not is_gone(server)
        assert answers(data_dir)
        first.communicate()
        assert is_gone(server)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_process_told_to_end_stops_the_server(data_dir: Path, number: signal.Signals) -> None:
    with holder(data_dir) as (process, server):
        process.send_signal(number)
        process.wait(timeout=30)
        assert is_gone(server)


def test_a_server_whose_holder_was_killed_is_taken_over_and_stopped(data_dir: Path) -> None:
    with holder(data_dir) as (process, server):
        process.kill()
        process.wait()
        assert not is_gone(server)
    with holder(data_dir) as (_, same):
        assert same == server
    assert is_gone(server)


def test_a_killed_postmaster_is_recovered_though_a_backend_outlives_it(data_dir: Path) -> None:
    with holder(data_dir) as (process, server):
        connection = psycopg.connect(Server(data_dir).get_uri(), autocommit=True)
        connection.execute("CREATE TABLE IF NOT EXISTS kept (number int)")
        connection.execute("INSERT INTO kept VALUES (1)")
        backend = psutil.Process(connection.info.backend_pid)
        busy = threading.Thread(target=_count_for_ever, args=[connection])
        busy.start()
        _wait_until_it_computes(backend)
        server.kill()
        process.kill()
        psutil.wait_procs([server], timeout=5)
        assert not is_gone(backend)
    with holder(data_dir) as (_, another):
        busy.join(timeout=30)
        assert another != server
        assert is_gone(backend)
        with psycopg.connect(Server(data_dir).get_uri()) as again:
            assert again.execute("SELECT sum(number) > 0 FROM kept").fetchone() == (True,)


def _wait_until_it_computes(backend: psutil.Process) -> None:
    before = backend.cpu_times().user
    while backend.cpu_times().user < before + 0.1:
        time.sleep(0.02)


def _count_for_ever(connection: psycopg.Connection) -> None:
    """A backend that computes does not notice that its postmaster is gone."""
    with suppress(psycopg.OperationalError):
        connection.execute("SELECT count(*) FROM generate_series(1, 10000000000)")


def test_a_number_in_postmaster_pid_that_is_now_another_process_is_ignored(data_dir: Path) -> None:
    with holder(data_dir) as (process, _):
        file = data_dir / "postgresql" / "postmaster.pid"
        lines = file.read_text().splitlines()
        process.communicate()
    file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    with holder(data_dir):
        assert answers(data_dir)


def test_a_first_start_that_was_cut_short_is_begun_again(tmp_path: Path) -> None:
    unfinished = tmp_path / "postgresql.new"
    unfinished.mkdir()
    (unfinished / "PG_VERSION").write_text("18\n")
    with holder(tmp_path) as (_, server):
        assert answers(tmp_path)
    assert is_gone(server)


def test_a_long_path_gets_a_short_socket(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 25)
    with holder(folder):
        assert answers(folder)
        assert not str(Server(folder).socket_dir()).startswith(str(folder))


def test_other_people_cannot_read_the_data(data_dir: Path) -> None:
    with holder(data_dir):
        assert (data_dir / "postgresql").stat().st_mode & 0o077 == 0
        assert Server(data_dir).socket_dir().stat().st_mode & 0o077 == 0
