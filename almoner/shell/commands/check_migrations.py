"""``almoner check-migrations``: are the models and the migrations the same?"""

from __future__ import annotations

import sys

import click


@click.command("check-migrations")
def command() -> None:
    """Exit with 1 and a list when a model changed without a migration."""
    from almoner.shell.database import setup_django

    setup_django(with_tables=False)
    from django.core.management import call_command

    try:
        call_command("makemigrations", check=True, dry_run=True, verbosity=1)
    except SystemExit as error:
        sys.exit(error.code)
