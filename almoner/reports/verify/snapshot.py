"""The transaction that verification reads in: one hospital, one moment, nothing written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from django.db import connection

from almoner.kernel.tenancy import set_hospital, transaction
from almoner.reports.verify.probe import Cursor


@contextmanager
def snapshot(hospital_id: UUID) -> Iterator[Cursor]:
    """A cursor that sees the hospital as it stands now, however long the reading takes.

    REPEATABLE READ and READ ONLY: people go on working, and what they commit meanwhile is not seen. It
    must be the outermost transaction.
    """
    with transaction(hospital_id, announce=False), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SET LOCAL work_mem = '128MB'")
        # Workers share memory through /dev/shm, which containers keep small; they would gain little.
        cursor.execute("SET LOCAL max_parallel_workers_per_gather = 0")
        set_hospital(hospital_id)
        yield cursor
