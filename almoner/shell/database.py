"""Which PostgreSQL, found before Django starts."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from almoner.shell import embedded_database
from almoner.shell.environment import SettingRefused, read_environment

_ONE_AT_A_TIME = 0x416C6D6F  # advisory lock: "Almo"


def prepare() -> None:
    """Make sure that ``DATABASE_URL`` and ``DATABASE_MIGRATION_URL`` are set for this process and its children.

    Without them the embedded server is started. Raises ``SettingRefused`` when only one is given.
    """
    environment = read_environment()
    if environment.database_url:
        if not environment.database_migration_url:
            raise SettingRefused(
                "DATABASE_MIGRATION_URL is missing: migrations run as a role that owns the tables, "
                "the application (DATABASE_URL) as one that does not."
            )
        return
    addresses = embedded_database.ensure_database(embedded_database.start(environment.data_dir))
    os.environ["DATABASE_URL"] = addresses.application
    os.environ["DATABASE_MIGRATION_URL"] = addresses.migration


def setup_django(*, with_tables: bool = True) -> None:
    """Connect this process: database first, then Django, then (``with_tables``) the tables it needs."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "almoner.shell.settings")
    prepare()
    import django

    django.setup()
    if with_tables:
        bring_tables_up_to_date()


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Let one process at a time change what the database is made of; the others wait."""
    from django.db import connections

    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [_ONE_AT_A_TIME])
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_ONE_AT_A_TIME])


def bring_tables_up_to_date(show: Callable[[str], None] = lambda text: None) -> int:
    """Apply the migrations that are missing, as the owner; returns how many. ``show`` is told before."""
    from django.core.management import call_command
    from django.db import connections
    from django.db.migrations.executor import MigrationExecutor

    def missing() -> int:
        executor = MigrationExecutor(connections["owner"])
        return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))

    if not missing():
        return 0
    with one_at_a_time():
        number = missing()
        if number:
            show(f"applying {number} migrations")
            call_command("migrate", database="owner", verbosity=0, interactive=False)
    return number
