"""The summaries look up what changed by its key, whatever the planner believes about a hospital."""

from __future__ import annotations

import os

import psycopg
import pytest
from django.db import connection

from tests.support.hospital import TEST_ORDERED, make_hospital

MANY = 60


def _fetched(table: str) -> int:
    """Rows that this transaction has fetched by an index."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = %s", [table])
        return int(cursor.fetchone()[0])


@pytest.mark.parametrize("table", ["ledger_openitem", "ledger_patientbalance"])
def test_a_hospital_that_the_planner_does_not_know_is_not_looked_through(committed: None, table: str) -> None:
    known, unknown = make_hospital(), make_hospital()
    for _ in range(MANY):
        known.capture(TEST_ORDERED, "blood_count", patient=known.patient())
    with psycopg.connect(os.environ["ALMONER_TEST_SUPERUSER_URL"], autocommit=True) as superuser:
        superuser.execute(f"ANALYZE {table}")
    connection.close()
    for _ in range(MANY):
        unknown.capture(TEST_ORDERED, "blood_count", patient=unknown.patient())
    patient = unknown.patient()
    with unknown.transaction():
        unknown.capture(TEST_ORDERED, "blood_count", patient=patient)
        before = _fetched(table)
        unknown.capture(TEST_ORDERED, "lipid_panel", patient=patient)
        assert _fetched(table) - before < 10
