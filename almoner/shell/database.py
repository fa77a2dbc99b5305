"""Which PostgreSQL, found before Django starts."""

from __future__ import annotations

import os

from almoner.shell import embedded_database
from almoner.shell.environment import SettingRefused, read_environment


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


def setup_django() -> None:
    """Connect this process: database first, then Django."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "almoner.shell.settings")
    prepare()
    import django

    django.setup()
