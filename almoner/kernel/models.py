"""What every room may use and none owns."""

from __future__ import annotations

from django.db import connection, models

from almoner.kernel.tenancy import TenantModel, require_transaction


class NumberSeries(TenantModel):
    """A gapless series of numbers: of receipts per cash point and year, of MRNs, of orders."""

    series = models.CharField(max_length=60)
    year = models.IntegerField()
    last_number = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hospital_id", "series", "year"], name="number_series_once")
        ]


def next_number(series: str, year: int) -> int:
    """Issue the next number of ``series`` in ``year`` (0 for a series that never restarts)."""
    hospital_id = require_transaction()
    with connection.cursor() as cursor:
        cursor.execute("SELECT kernel_next_number(%s, %s, %s)", [hospital_id, series, year])
        return int(cursor.fetchone()[0])
