"""What stands in a hospital's tables, as something that two moments can be compared by."""

from __future__ import annotations

from django.apps import apps
from django.db import connection

from almoner.kernel.tenancy import TenantModel


def rows_of_every_table() -> dict[str, tuple[int, int | None]]:
    """How many rows every tenant's table has for the open transaction, and which change was the last.

    Any insert, update or deletion makes it another.
    """
    found = {}
    with connection.cursor() as cursor:
        for model in apps.get_models():
            if issubclass(model, TenantModel):
                table = model._meta.db_table
                cursor.execute(f'SELECT count(*), max(xmin::text::bigint) FROM "{table}"')
                found[table] = cursor.fetchone()
    return found
