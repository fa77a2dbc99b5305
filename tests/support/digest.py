"""What stands in a hospital's tables, as something that two moments can be compared by."""

from __future__ import annotations

from functools import cache

from django.apps import apps
from django.db import connection

from almoner.kernel.tenancy import TenantModel


@cache
def _every_table() -> str:
    tables = [model._meta.db_table for model in apps.get_models() if issubclass(model, TenantModel)]
    counts = [f"SELECT '{table}', count(*), max(xmin::text::bigint) FROM \"{table}\"" for table in tables]
    return " UNION ALL ".join(counts)


def rows_of_every_table() -> dict[str, tuple[int, int | None]]:
    """How many rows every tenant's table has for the open transaction, and which change was the last.

    Any insert, update or deletion makes it another.
    """
    with connection.cursor() as cursor:
        cursor.execute(_every_table())
        return {table: (count, last) for table, count, last in cursor.fetchall()}
