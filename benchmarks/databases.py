"""The benchmark's own PostgreSQL: an embedded server, and databases that hold 10 thousand to 1 million postings.

A loaded database is kept as a template, so that the next run starts with a copy of it instead of
loading again. It is made anew when a migration, an SQL file or the loader changes.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import psycopg
from psycopg import sql

from almoner.shell import embedded_database
from almoner.shell.embedded_database import DatabaseUrls

CHECKOUT = Path(__file__).resolve().parents[1]
DATA_DIR = Path(os.environ.get("ALMONER_BENCH_DATA_DIR", CHECKOUT / ".almoner" / "bench"))
DURABILITY = ("fsync", "synchronous_commit", "full_page_writes", "wal_level")
SUMMARIES = ("ledger_openitem", "ledger_patientbalance")


def fingerprint() -> str:
    """Changes with everything that decides what a loaded database looks like."""
    digest = hashlib.sha256()
    sources = [*CHECKOUT.glob("almoner/**/migrations/*.py"), *CHECKOUT.glob("almoner/**/sql/*.sql")]
    loaders = [CHECKOUT / "benchmarks" / name for name in ("loading.py", "busy.py")]
    for path in sorted([*sources, CHECKOUT / "almoner/kernel/schema.py", *loaders]):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:10]


def environment_for(urls: DatabaseUrls) -> dict[str, str]:
    """What a process needs to know to be Almoner on one database of the benchmark's server."""
    return {
        "ALMONER_DATA_DIR": str(DATA_DIR),
        "DJANGO_SETTINGS_MODULE": "almoner.shell.settings",
        "DATABASE_URL": urls.application,
        "DATABASE_MIGRATION_URL": urls.migration,
    }


class Server:
    """The server, and what is done to whole databases: make, copy, drop, analyse."""

    def __init__(self) -> None:
        self.handle = embedded_database.start(DATA_DIR)

    def urls(self, database: str) -> DatabaseUrls:
        return embedded_database.urls(self.handle, database)

    def _run(self, statement: sql.SQL | sql.Composed, database: str = "postgres") -> None:
        with psycopg.connect(self.urls(database).superuser, autocommit=True) as connection:
            connection.execute(statement)

    def names(self) -> set[str]:
        with psycopg.connect(self.urls("postgres").superuser, autocommit=True) as connection:
            return {name for (name,) in connection.execute("SELECT datname FROM pg_database")}

    def drop(self, database: str) -> None:
        self._run(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))

    def copy(self, source: str, target: str) -> None:
        """Make ``target`` a copy of ``source``, to which nobody may be connected."""
        self.drop(target)
        self._run(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {} STRATEGY file_copy").format(
                sql.Identifier(target), sql.Identifier(source), sql.Identifier(embedded_database.OWNER_ROLE)
            )
        )

    def rename(self, database: str, name: str) -> None:
        self._run(
            sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(database), sql.Identifier(name))
        )

    def create(self, database: str) -> None:
        """An empty ``database`` with every table, made by the migrations."""
        self.drop(database)
        urls = embedded_database.ensure_database(self.handle, database)
        environment = {**os.environ, **environment_for(urls)}
        command = [sys.executable, "-W", "ignore", "-m", "django", "migrate", "--database", "owner"]
        subprocess.run([*command, "-v", "0", "--skip-checks"], env=environment, check=True, cwd=CHECKOUT)

    def analyse(self, database: str) -> None:
        """Plans made for empty tables scan whole tables later: tell the planner what there is now."""
        self._run(sql.SQL("VACUUM (ANALYZE)"), database)

    def settle(self) -> None:
        """Write what is dirty now, so that it is not written in the middle of a measurement."""
        self._run(sql.SQL("CHECKPOINT"))

    def postings(self, database: str) -> int:
        with psycopg.connect(self.urls(database).superuser) as connection:
            row = connection.execute("SELECT count(*) FROM ledger_posting").fetchone()
        return int(row[0]) if row else 0

    def strip(self, database: str) -> None:
        """Take triggers and row-level security off ``database``: what they cost, for the record.

        References, checks and unique keys stay.
        """
        role = sql.Identifier(embedded_database.APPLICATION_ROLE)
        with psycopg.connect(self.urls(database).superuser, autocommit=True) as connection:
            secured = connection.execute(
                "SELECT relname FROM pg_class WHERE relrowsecurity AND relkind = 'r'"
            ).fetchall()
            for (table,) in secured:
                for change in (
                    "DISABLE ROW LEVEL SECURITY",
                    "NO FORCE ROW LEVEL SECURITY",
                    "DISABLE TRIGGER USER",
                ):
                    connection.execute(
                        sql.SQL("ALTER TABLE {} {}").format(sql.Identifier(table), sql.SQL(change))
                    )
            for table in SUMMARIES:
                connection.execute(
                    sql.SQL("GRANT INSERT, UPDATE ON {} TO {}").format(sql.Identifier(table), role)
                )

    def durability(self) -> str:
        """The settings that decide what a commit costs; the same for every line of the table."""
        with psycopg.connect(self.urls("postgres").superuser) as connection:
            values = [connection.execute(f"SHOW {name}").fetchone() for name in DURABILITY]
            version = connection.execute("SHOW server_version").fetchone()
        pairs = (f"{name}={row[0] if row else '?'}" for name, row in zip(DURABILITY, values, strict=True))
        return f"PostgreSQL {version[0] if version else '?'}, {', '.join(pairs)}"
