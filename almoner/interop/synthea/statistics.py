"""The planner's statistics, kept up while tables grow from nothing."""

from __future__ import annotations

from collections.abc import Callable

from django.db import connections

_WRITTEN = (
    "patients_patient",
    "patients_patientaccount",
    "patients_coverage",
    "patients_encounter",
    "catalog_service",
    "catalog_tariffline",
    "charging_clinicalevent",
    "charging_chargeitem",
    "payments_payment",
    "payments_allocation",
    "ledger_journalentry",
    "ledger_posting",
    "ledger_openitem",
    "ledger_patientbalance",
)


def refresh_statistics() -> None:
    """Tell the planner how large the tables have become.

    Plans made while a table was empty read all of it later. Runs as the owner of the tables (the
    application's role owns none), on a connection of its own.
    """
    with connections["owner"].cursor() as cursor:
        cursor.execute(f"ANALYZE {', '.join(_WRITTEN)}")


class Growth:
    """Calls ``analyse`` at the first rows written, and whenever they have grown fourfold."""

    def __init__(self, analyse: Callable[[], None]) -> None:
        self._analyse = analyse
        self._written = 0
        self._next = 1

    def add(self, rows: int) -> None:
        """Count ``rows`` that were committed."""
        self._written += rows
        if self._written >= self._next:
            self._analyse()
            self._next = self._written * 4
