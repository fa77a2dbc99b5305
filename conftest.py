"""Tests run as the application's role against real PostgreSQL, each worker in a database of its own.

The migrations run once into a template database; a worker's database is a copy of it, which takes
a fraction of a second. ``ALMONER_DATA_DIR`` chooses where the test server lives (never the one of
``make run``).
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import django
import hypothesis
import psycopg
import pytest
from psycopg import sql

ROOT = Path(__file__).resolve().parent
DATA_DIR = Path(os.environ.get("ALMONER_TEST_DATA_DIR", ROOT / ".almoner" / "test"))
os.environ["ALMONER_DATA_DIR"] = str(DATA_DIR)
warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR")

TEMPLATE = "almoner_template"

# What is generated is judged by what it shows, not by how long a busy machine took over it.
hypothesis.settings.register_profile(
    "almoner", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow], database=None
)
hypothesis.settings.load_profile("almoner")
pytest_plugins = ["tests.support.pages"]


def _fingerprint() -> str:
    """Changes whenever a migration or a SQL file does."""
    digest = hashlib.sha256()
    for path in sorted(
        [
            *ROOT.glob("almoner/**/migrations/*.py"),
            *ROOT.glob("almoner/**/sql/*.sql"),
            *ROOT.glob("tests/**/migrations/*.py"),
        ]
    ):
        digest.update(path.read_bytes())
    for name in ("kernel/schema.py", "shell/settings.py"):
        digest.update((ROOT / "almoner" / name).read_bytes())
    return digest.hexdigest()[:16]


def _prepare() -> None:
    from almoner.shell import embedded_database

    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    template = f"{TEMPLATE}_{_fingerprint()}"
    DATA_DIR.mkdir(parents=True, exist_ok=True)
    with (DATA_DIR / "template.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        server = embedded_database.start(DATA_DIR)
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            # Nothing here has to survive a power cut; what must, is shown by tests with a server of their own.
            for setting in ("fsync", "full_page_writes", "synchronous_commit"):
                connection.execute(sql.SQL("ALTER SYSTEM SET {} = off").format(sql.Identifier(setting)))
            connection.execute("SELECT pg_reload_conf()")
            found = connection.execute(
                "SELECT datname FROM pg_database WHERE datname LIKE %s", [f"{TEMPLATE}%"]
            ).fetchall()
            if (template,) not in found:
                for (name,) in found:
                    connection.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))
                _migrate(server, f"{template}_new")
                connection.execute(
                    sql.SQL("ALTER DATABASE {} RENAME TO {}").format(
                        sql.Identifier(f"{template}_new"), sql.Identifier(template)
                    )
                )
            mine = f"test_{worker}"
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(mine))
            )
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER almoner_owner").format(
                    sql.Identifier(mine), sql.Identifier(template)
                )
            )
    addresses = embedded_database.urls(server, mine)
    os.environ["DATABASE_URL"] = addresses.application
    os.environ["DATABASE_MIGRATION_URL"] = addresses.migration
    os.environ["ALMONER_TEST_SUPERUSER_URL"] = addresses.superuser
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    django.setup()


def _migrate(server: Any, database: str) -> None:
    import subprocess
    import sys

    from almoner.shell import embedded_database

    addresses = embedded_database.ensure_database(server, database)
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "DATABASE_URL": addresses.application,
        "DATABASE_MIGRATION_URL": addresses.migration,
    }
    subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "django", "migrate", "--database", "owner", "-v", "0"],
        env=environment,
        check=True,
        cwd=ROOT,
    )


# The xdist controller only hands out tests; the workers (or a single process) need the database. It has
# to be there before Django reads its settings, which pytest-django does while it is configured.
if not any(argument.startswith(("-n", "--numprocesses")) for argument in sys.argv) or os.environ.get(
    "PYTEST_XDIST_WORKER"
):
    _prepare()


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: Any) -> Iterator[None]:
    """The database is there already; nothing is created or dropped."""
    yield


@pytest.fixture
def committed(django_db_blocker: Any) -> Iterator[None]:
    """A test whose transactions really commit. It makes a hospital of its own, so nothing is cleaned up."""
    from django.db import connections

    with django_db_blocker.unblock():
        yield
        connections.close_all()


@pytest.fixture(autouse=True)
def in_english() -> Iterator[None]:
    """A request leaves the language it was answered in to its thread: every test begins in English."""
    from django.utils import translation

    translation.activate("en")
    yield
    translation.activate("en")
