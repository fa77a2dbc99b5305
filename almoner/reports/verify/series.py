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

# Numbers that came from elsewhere (another system's record number) look otherwise and are not counted.
_OTHERS = SqlProbe(
    checks=(
        Check(
            "number_series",
            "Record, visit, order and sample numbers and tokens have no gap",
            "SELECT (SELECT count(*) FROM patients_patient) + (SELECT count(*) FROM patients_encounter)"
            " + (SELECT count(*) FROM orders_testorder) + (SELECT count(*) FROM orders_prescription)"
            " + (SELECT count(*) FROM orders_admission) + (SELECT count(*) FROM laboratory_sample) + (SELECT count(*) FROM scheduling_queuetoken)",
        ),
    ),
    problems="""
    WITH written AS (
        SELECT 'mrn' AS series, 0 AS year, substring(mrn FROM '^MRN([0-9]{7,18})$') AS number FROM patients_patient
        UNION ALL
        SELECT 'encounter', 0, substring(number FROM '^V([0-9]{8,18})$') FROM patients_encounter
        UNION ALL
        SELECT 'test_order', 0, substring(number FROM '^LAB-([0-9]{1,18})$') FROM orders_testorder
        UNION ALL
        SELECT 'prescription', 0, substring(number FROM '^RX-([0-9]{1,18})$') FROM orders_prescription
        UNION ALL
        SELECT 'admission', 0, substring(number FROM '^ADM-([0-9]{1,18})$') FROM orders_admission
        UNION ALL
        SELECT 'drawer:' || cash_point, 0, number::text FROM payments_cashsession
        UNION ALL
        SELECT 'accession', 2000 + substring(accession_number FROM '^S([0-9]{2})-')::int,
               substring(accession_number FROM '^S[0-9]{2}-([0-9]{6,18})$')
        FROM laboratory_sample
        UNION ALL
        SELECT 'token:' || department_id, to_char(day, 'YYYYMMDD')::int, number::text FROM scheduling_queuetoken
    ), issued AS (
        SELECT series, year, count(*) AS rows, min(number::bigint) AS first, max(number::bigint) AS last
        FROM written WHERE number IS NOT NULL GROUP BY series, year
    ), series AS (
        SELECT series, year, last_number FROM kernel_numberseries
        WHERE series IN ('mrn', 'encounter', 'test_order', 'prescription', 'admission', 'accession')
           OR series LIKE 'token:%' OR series LIKE 'drawer:%'
    )
    SELECT 'number_series',
           'series ' || coalesce(i.series, s.series) || coalesce('-' || nullif(coalesce(i.year, s.year), 0), ''),
           coalesce(i.rows, 0) || ' rows, numbers ' || coalesce(i.first, 0) || ' to ' || coalesce(i.last, 0)
           || ', last number issued ' || coalesce(s.last_number, 0)
    FROM issued AS i
    FULL JOIN series AS s ON s.series = i.series AND s.year = i.year
    WHERE i.first IS DISTINCT FROM 1 OR i.rows IS DISTINCT FROM s.last_number
       OR i.last IS DISTINCT FROM s.last_number
    """,
)

SERIES = (_RECEIPTS, _OTHERS)
