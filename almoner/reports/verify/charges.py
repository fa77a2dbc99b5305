"""Charge items: each posted once and for its net amount, delivered into revenue, reversed when taken back."""

from almoner.reports.verify.probe import Check, SqlProbe

_ITEMS = "SELECT count(*) FROM charging_chargeitem"


def _having(*statuses: str) -> str:
    return f"{_ITEMS} WHERE status IN ({', '.join(repr(status) for status in statuses)})"


# An item is reported once, under the first promise it breaks: what was never posted is not also
# "not delivered".
_POSTED = SqlProbe(
    checks=(
        Check(
            "charge_posted_once",
            "Every billable charge is posted once, for its net amount",
            _having("billable", "cancelled", "entered_in_error"),
        ),
        Check(
            "charge_not_posted_early",
            "Planned and unpriced charges are not posted",
            _having("planned", "unpriced"),
        ),
        Check(
            "charge_reversed_once",
            "Charges taken back are reversed once, others never",
            _having("billable", "cancelled", "entered_in_error"),
        ),
        Check(
            "charge_delivered",
            "Delivered charges are revenue, undelivered ones a liability, tax is owed",
            _having("billable", "cancelled", "entered_in_error"),
        ),
        Check("posting_has_charge", "Postings name charges that exist, on the account they name", _ITEMS),
    ),
    problems="""
    WITH moved AS MATERIALIZED (
        SELECT p.charge_item_id AS id, min(p.patient_account_id::text) AS account,
               count(DISTINCT p.patient_account_id) AS accounts,
               count(*) FILTER (WHERE captured) AS captures,
               sum(p.amount_minor) FILTER (WHERE captured) AS captured_minor,
               count(*) FILTER (WHERE reversed) AS reversals,
               sum(p.amount_minor) FILTER (WHERE reversed) AS reversed_minor,
               -sum(p.amount_minor) FILTER (WHERE own AND p.account_code = 'contract_liability') AS liability,
               -sum(p.amount_minor) FILTER (WHERE own AND p.account_code = 'revenue') AS revenue,
               -sum(p.amount_minor) FILTER (WHERE own AND p.account_code = 'tax_payable') AS tax
        FROM ledger_posting AS p
        JOIN ledger_journalentry AS e ON e.id = p.entry_id
        CROSS JOIN LATERAL (SELECT
            p.account_code = 'patient_receivable' AND e.kind = 'charge.captured' AS captured,
            p.account_code = 'patient_receivable' AND e.kind IN ('charge.cancelled', 'charge.credited') AS reversed,
            e.kind IN ('charge.captured', 'charge.delivered', 'charge.cancelled', 'charge.credited') AS own
        ) AS told
        WHERE p.charge_item_id IS NOT NULL
        GROUP BY p.charge_item_id
    ), item AS (
        SELECT i.id, i.status, i.net_minor, i.tax_minor, i.delivered_at, m.id IS NOT NULL AS is_posted,
               i.patient_account_id::text AS account, m.account AS posted_account, m.accounts,
               coalesce(m.captures, 0) AS captures, coalesce(m.captured_minor, 0) AS captured_minor,
               coalesce(m.reversals, 0) AS reversals, coalesce(m.reversed_minor, 0) AS reversed_minor,
               coalesce(m.liability, 0) AS liability, coalesce(m.revenue, 0) AS revenue,
               coalesce(m.tax, 0) AS tax,
               CASE WHEN i.status = 'billable' AND i.delivered_at IS NULL THEN i.net_minor - i.tax_minor
                    ELSE 0 END AS expected_liability,
               CASE WHEN i.status = 'billable' AND i.delivered_at IS NOT NULL THEN i.net_minor - i.tax_minor
                    ELSE 0 END AS expected_revenue,
               CASE WHEN i.status = 'billable' THEN i.tax_minor ELSE 0 END AS expected_tax
        FROM charging_chargeitem AS i
        LEFT JOIN moved AS m ON m.id = i.id
    ), judged AS (
        SELECT item.*, CASE
            WHEN status IN ('planned', 'unpriced') THEN
                CASE WHEN is_posted THEN 'charge_not_posted_early' END
            WHEN (captures <> 1 OR captured_minor IS DISTINCT FROM net_minor)
                AND NOT (status = 'cancelled' AND captures = 0) THEN 'charge_posted_once'
            WHEN status = 'billable' AND reversals <> 0 THEN 'charge_reversed_once'
            WHEN status <> 'billable' AND (reversals <> captures OR reversed_minor <> -captured_minor)
                THEN 'charge_reversed_once'
            WHEN (liability, revenue, tax) IS DISTINCT FROM (expected_liability, expected_revenue, expected_tax)
                THEN 'charge_delivered'
            WHEN is_posted AND (accounts <> 1 OR posted_account <> account) THEN 'posting_has_charge'
        END AS broken
        FROM item
    )
    SELECT broken, 'charge item ' || id, CASE broken
        WHEN 'charge_not_posted_early' THEN status || ', yet there are postings'
        WHEN 'charge_posted_once' THEN
            status || ', net ' || net_minor || ', captured ' || captures || ' times, ' || captured_minor || ' in all'
        WHEN 'charge_reversed_once' THEN
            status || ', captured ' || captures || ' times (' || captured_minor || '), reversed ' || reversals
            || ' times (' || reversed_minor || ')'
        WHEN 'charge_delivered' THEN
            status || CASE WHEN delivered_at IS NULL THEN ', undelivered' ELSE ', delivered' END
            || ': liability ' || liability || ' (expected ' || expected_liability || '), revenue ' || revenue
            || ' (expected ' || expected_revenue || '), tax ' || tax || ' (expected ' || expected_tax || ')'
        ELSE 'it belongs to patient account ' || account || ', posted to another'
        END
    FROM judged WHERE broken IS NOT NULL
    UNION ALL
    SELECT 'posting_has_charge', 'charge item ' || m.id, 'there are postings, but no such charge'
    FROM moved AS m WHERE NOT EXISTS (SELECT FROM charging_chargeitem AS i WHERE i.id = m.id)
    """,
)

CHARGES = (_POSTED,)
