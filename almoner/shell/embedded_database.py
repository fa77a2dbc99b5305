"""PostgreSQL without a server to install: the binaries come with a wheel, the data live in a folder.

Every process that needs the database takes a handle on the server; the first starts it, the last stops
it, and one that was killed is recovered by the next (``embedded_server``).
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from almoner.shell.embedded_server import SUPERUSER, Server

APPLICATION_ROLE = "almoner_app"
OWNER_ROLE = "almoner_owner"
DATABASE = "almoner"

_servers: dict[Path, Server] = {}


@dataclass(frozen=True)
class DatabaseUrls:
    """Where the application connects, where migrations do (as owner), and the superuser's address."""

    application: str
    migration: str
    superuser: str


def start(data_dir: Path) -> Server:
    """The running server of ``data_dir``, started or recovered (and its folder made) when it is not running.

    It listens on a Unix socket only, and stops when the last process holding it ends. Raises
    ``ServerFailed``.
    """
    server = _servers.setdefault(data_dir.resolve(), Server(data_dir))
    server.hold()
    return server


def urls(server: Server, database: str = DATABASE) -> DatabaseUrls:
    """The addresses of ``database`` on ``server`` for the roles that Almoner uses."""
    return DatabaseUrls(
        application=server.get_uri(database, APPLICATION_ROLE),
        migration=server.get_uri(database, OWNER_ROLE),
        superuser=server.get_uri(database, SUPERUSER),
    )


def ensure_database(server: Server, database: str = DATABASE) -> DatabaseUrls:
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
