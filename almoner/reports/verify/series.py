"""Number series: every number from 1 to the last one issued is on exactly one row."""

from almoner.reports.verify.probe import Check, SqlProbe

_RECEIPTS = SqlProbe(
    checks=(
        Check(
            "receipt_series",
            "Receipts have no gap, per cash point and year",
            "SELECT count(*) FROM payments_payment",
        ),
    ),
    problems="""
    WITH issued AS (
        SELECT receipt_series AS series, receipt_year AS year, count(*) AS receipts,
               count(DISTINCT receipt_number) AS numbers, min(receipt_number) AS first,
               max(receipt_number) AS last
        FROM payments_payment GROUP BY receipt_series, receipt_year
    ), series AS (
        SELECT n.series, n.year, n.last_number FROM kernel_numberseries AS n
        WHERE n.series IN (SELECT upper(code) FROM payments_cashpoint)
           OR (n.series, n.year) IN (SELECT series, year FROM issued)
    ), wrong AS (
        SELECT coalesce(i.series, s.series) AS series, coalesce(i.year, s.year) AS year,
               coalesce(i.receipts, 0) AS receipts, i.last, s.last_number
        FROM issued AS i
        FULL JOIN series AS s ON s.series = i.series AND s.year = i.year
        WHERE i.first IS DISTINCT FROM 1 OR i.receipts IS DISTINCT FROM s.last_number
           OR i.last IS DISTINCT FROM s.last_number OR i.numbers <> i.receipts
    )
    SELECT 'receipt_series', 'series ' || w.series || '-' || w.year,
           w.receipts || ' receipts, highest ' || coalesce(w.last, 0) || ', last number issued '
           || coalesce(w.last_number, 0)
           || coalesce(', first missing ' || (
               SELECT min(number) FROM generate_series(1, greatest(w.last, w.last_number)) AS number
               WHERE NOT EXISTS (
                   SELECT FROM payments_payment AS p
                   WHERE p.receipt_series = w.series AND p.receipt_year = w.year AND p.receipt_number = number)
           ), '')
    FROM wrong AS w
    """,
)

SERIES = (_RECEIPTS,)
