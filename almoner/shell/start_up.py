"""The steps of ``almoner up``, in the order in which they are taken."""

from __future__ import annotations

import errno
import http.client
import socket
import sys
import time
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from almoner.shell import embedded_database
from almoner.shell.embedded_server import Server
from almoner.shell.environment import Environment, SettingRefused
from almoner.shell.processes import Child, Children, GaveUp
from almoner.shell.steps import Steps

IPV4, IPV6 = "127.0.0.1", "::1"
READY_TIMEOUT_SECONDS = 60
GRACEFUL_TIMEOUT_SECONDS = 6
REQUEST_TIMEOUT_SECONDS = 60


def addresses() -> list[str]:
    """The addresses of this machine's loopback: IPv6 too, where ``localhost`` means it."""
    found = [IPV4]
    try:
        known = socket.getaddrinfo("localhost", None, socket.AF_INET6, socket.SOCK_STREAM)
    except OSError:
        return found
    return [*found, IPV6] if any(entry[4][0] == IPV6 for entry in known) else found


def check_port(port: int) -> None:
    """Raise ``SettingRefused`` when ``port`` cannot be listened on."""
    for address in addresses():
        family = socket.AF_INET6 if address == IPV6 else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError as error:
                if error.errno == errno.EADDRNOTAVAIL:
                    continue
                why = {
                    errno.EADDRINUSE: "is taken by another program",
                    errno.EACCES: "may be used by the administrator of this machine only",
                }.get(error.errno or 0, f"cannot be used ({error.strerror})")
                raise SettingRefused(
                    f"ALMONER_PORT: port {port} {why}. Choose another one, such as: ALMONER_PORT={_free_port()}"
                ) from None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((IPV4, 0))
        return int(probe.getsockname()[1])


def connect(steps: Steps, environment: Environment) -> Server | None:
    """Find or start the database, and get Django ready; the embedded server, if that is what it is.

    Raises ``SettingRefused`` and ``ServerFailed``.
    """
    from almoner.shell.database import setup_django

    with steps.step("Database") as step:
        step.show("starting the embedded PostgreSQL" if not environment.database_url else "connecting")
        setup_django(with_tables=False)
        from django.db import OperationalError, connections

        for name, alias in (("DATABASE_URL", "default"), ("DATABASE_MIGRATION_URL", "owner")):
            try:
                connections[alias].ensure_connection()
            except OperationalError as error:
                raise SettingRefused(f"{name}: the database cannot be reached. {error}".strip()) from None
        _check_roles()
        version = str(connections["default"].pg_version)  # type: ignore[attr-defined]
        external = urlsplit(environment.database_url)
        where = (
            f"{external.hostname or 'a local socket'}, database {external.path.lstrip('/')}"
            if environment.database_url
            else f"embedded, data in {_short(environment.data_dir)}"
        )
        step.result = f"PostgreSQL {version[:-4]}.{int(version[-4:])}, {where}"
    return None if environment.database_url else embedded_database.start(environment.data_dir)


def _check_roles() -> None:
    """The application's role must be one that row-level security and grants bind."""
    from django.db import connections

    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT rolname, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
        role, is_above_the_rules = cursor.fetchone()
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT current_user")
        (owner,) = cursor.fetchone()
    if is_above_the_rules:
        raise SettingRefused(
            f"DATABASE_URL: the role {role!r} is a superuser or bypasses row-level security, which keeps hospitals "
            "apart. Use a role that does neither."
        )
    if role == owner:
        raise SettingRefused(
            f"DATABASE_URL and DATABASE_MIGRATION_URL both use the role {role!r}. The application needs one "
            "that owns no table: CREATE ROLE almoner_app LOGIN"
        )


def _short(path: Path) -> str:
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def bring_up_to_date(steps: Steps, *, demo: bool, data_dir: Path) -> None:
    """Migrate, and make the demo hospital if there is no hospital yet; one process at a time."""
    from django.db import connections

    from almoner.shell.database import bring_tables_up_to_date, one_at_a_time

    with steps.step("Tables") as step:
        number = bring_tables_up_to_date(step.show)
        step.result = f"{number} migrations applied" if number else "up to date"
    with one_at_a_time():
        _seed(steps, demo, data_dir)
    connections.close_all()


def _seed(steps: Steps, demo: bool, data_dir: Path) -> None:
    from django.db import connections

    from almoner.hospitals.models import Hospital
    from almoner.kernel.clock import now
    from almoner.shell.simulation.demo import demo_password, seed

    if not demo or Hospital.objects.exists():
        return
    with steps.step("Demo hospital") as step:
        step.show("describing it")

        def show(local: datetime, visits: int) -> None:
            step.show(f"{local:%A %H:%M}, {visits} visits so far")

        hospital, played = seed(password=demo_password(data_dir), at=now(), progress=show)
        step.show("taking stock")
        # What the planner assumes of empty tables would last: they are full now.
        with connections["owner"].cursor() as cursor:
            cursor.execute("ANALYZE")
        step.result = f"{hospital.name}: {played.events['visits']} visits, {played.books.postings:,} postings"


def collect_static_files(steps: Steps) -> None:
    """Gather style sheets, scripts and fonts when one of them has changed."""
    import hashlib

    from django.conf import settings
    from django.contrib.staticfiles.finders import get_finders
    from django.core.management import call_command

    root = Path(settings.STATIC_ROOT)
    digest, count = hashlib.sha256(), 0
    for finder in get_finders():
        for name, storage in finder.list([]):
            status = Path(storage.path(name)).stat()
            digest.update(f"{name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
            count += 1
    stamp = root / ".collected"
    with steps.step("Pages") as step:
        if stamp.exists() and stamp.read_text() == digest.hexdigest():
            step.result = "up to date"
            return
        step.show(f"collecting {count} files")
        call_command("collectstatic", interactive=False, clear=True, verbosity=0)
        stamp.write_text(digest.hexdigest())
        step.result = f"{count} files collected"


def serve(steps: Steps, environment: Environment, children: Children) -> None:
    """Start the web server and the background worker, and wait until the first page can be served."""
    with steps.step("Server") as step:
        step.show("starting")
        children.start(Child("web server", _gunicorn(environment)), environment.port)
        children.start(
            Child("background worker", [sys.executable, "-W", "ignore", "-m", "almoner.shell.worker"]),
            environment.port,
        )
        deadline = time.monotonic() + READY_TIMEOUT_SECONDS
        while not _is_ready(environment):
            if children.running[0].ended or time.monotonic() > deadline:
                raise GaveUp("The web server did not get ready.")
            time.sleep(0.05)
        step.result = (
            f"{environment.web_processes} processes of {environment.web_threads} threads, "
            "and a background worker"
        )


def _gunicorn(environment: Environment) -> list[str]:
    binds = [
        argument
        for address in addresses()
        for argument in ("--bind", f"{f'[{address}]' if ':' in address else address}:{environment.port}")
    ]
    # Not preloaded: processes forked from one that has drawn random numbers would draw the same ones.
    return [
        *(sys.executable, "-W", "ignore", "-m", "gunicorn", "almoner.shell.wsgi:application", *binds),
        *("--workers", str(environment.web_processes), "--threads", str(environment.web_threads)),
        *("--worker-class", "almoner.shell.web_worker.Worker", "--timeout", str(REQUEST_TIMEOUT_SECONDS)),
        *("--graceful-timeout", str(GRACEFUL_TIMEOUT_SECONDS), "--keep-alive", "15"),
        *("--log-level", "warning", "--no-control-socket"),
    ]


def _is_ready(environment: Environment) -> bool:
    host = environment.allowed_hosts.split(",")[0].strip().replace("*", "localhost")
    connection = http.client.HTTPConnection(IPV4, environment.port, timeout=5)
    try:
        connection.request("GET", "/healthz", headers={"Host": host.lstrip(".")})
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def keep_database(steps: Steps, server: Server | None) -> None:
    """Start the embedded server again when somebody killed it. Raises ``ServerFailed``."""
    if server is not None and server.postmaster() is None:
        server.hold()
        steps.note("The database had ended and was started again.")


def welcome(steps: Steps, environment: Environment) -> None:
    """The address, and whom to log in as while the demo's password holds."""
    from django.db import connections

    from almoner.identity.models import User
    from almoner.shell.simulation.demo import demo_password, logins, password_still_holds

    steps.console.print(f"\n  [bold]http://localhost:{environment.port}[/]\n")
    if (environment.data_dir / "demo_password").exists():
        password = demo_password(environment.data_dir)
        if password_still_holds(password):
            steps.console.print(f"  Demo logins, all with the password [bold]{password}[/]\n")
            steps.pairs([(login.email, login.role_title) for login in logins()])
            steps.console.print()
    elif not User.objects.exists():
        steps.console.print("  Nobody can log in yet: see almoner user --help.\n")
    connections.close_all()
    steps.console.print("  [dim]Ctrl-C stops everything; the data stay.[/]")
