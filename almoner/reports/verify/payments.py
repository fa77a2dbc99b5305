"""Payments, allocations, refunds, voids and deposits: never more given than came in, all of it posted."""

from almoner.reports.verify.probe import Check, SqlProbe

_PAYMENTS = "SELECT count(*) FROM payments_payment"
_ALLOCATIONS = "SELECT count(*) FROM payments_allocation"

# A payment is reported once, under the first promise it breaks.
_AMOUNTS = SqlProbe(
    checks=(
        Check("payment_posted_once", "Every payment is posted once, for its amount", _PAYMENTS),
        Check("payment_not_overallocated", "No payment gives more than it holds", _PAYMENTS),
        Check("payment_unallocated", "What a payment holds is what came in less what went out", _PAYMENTS),
        Check("payment_money", "The money accounts hold what came in less what went back", _PAYMENTS),
        Check("payment_deposit", "What a payment holds unallocated is posted as a deposit", _PAYMENTS),
        Check("posting_has_payment", "Postings name payments that exist", _PAYMENTS),
    ),
    problems="""
    WITH posted AS MATERIALIZED (
        SELECT p.payment_id AS id,
               count(DISTINCT e.id) FILTER (WHERE e.kind = 'payment.received' AND is_money) AS receipts,
               sum(p.amount_minor) FILTER (WHERE e.kind = 'payment.received' AND is_money) AS received,
               sum(p.amount_minor) FILTER (WHERE is_money) AS money,
               -sum(p.amount_minor) FILTER (WHERE p.account_code = 'patient_deposits') AS deposit
        FROM ledger_posting AS p
        JOIN ledger_journalentry AS e ON e.id = p.entry_id
        CROSS JOIN LATERAL (SELECT p.account_code NOT IN
            ('patient_receivable', 'payer_receivable', 'patient_deposits') AS is_money) AS told
        WHERE p.payment_id IS NOT NULL
        GROUP BY p.payment_id
    ), payment AS (
        SELECT p.id, p.amount_minor, p.unallocated_minor, v.payment_id IS NOT NULL AS is_void,
               coalesce(a.given, 0) AS given, coalesce(r.refunded, 0) AS refunded,
               coalesce(posted.receipts, 0) AS receipts, coalesce(posted.received, 0) AS received,
               coalesce(posted.money, 0) AS money, coalesce(posted.deposit, 0) AS deposit
        FROM payments_payment AS p
        LEFT JOIN posted ON posted.id = p.id
        LEFT JOIN (SELECT payment_id, sum(amount_minor) AS given FROM payments_allocation GROUP BY payment_id) AS a
            ON a.payment_id = p.id
        LEFT JOIN (SELECT payment_id, sum(amount_minor) AS refunded FROM payments_refund GROUP BY payment_id) AS r
            ON r.payment_id = p.id
        LEFT JOIN (SELECT DISTINCT payment_id FROM payments_paymentvoid) AS v ON v.payment_id = p.id
    ), judged AS (
        SELECT payment.*, CASE
            WHEN receipts <> 1 OR received <> amount_minor THEN 'payment_posted_once'
            WHEN given < 0 OR given > CASE WHEN is_void THEN 0 ELSE amount_minor - refunded END
                THEN 'payment_not_overallocated'
            WHEN unallocated_minor <> CASE WHEN is_void THEN 0 ELSE amount_minor - refunded - given END
                THEN 'payment_unallocated'
            WHEN money <> CASE WHEN is_void THEN 0 ELSE amount_minor - refunded END THEN 'payment_money'
            WHEN deposit <> unallocated_minor THEN 'payment_deposit'
        END AS broken
        FROM payment
    )
    SELECT broken, 'payment ' || id, CASE broken
        WHEN 'payment_posted_once' THEN
            'amount ' || amount_minor || ', posted ' || receipts || ' times, ' || received || ' in all'
        WHEN 'payment_money' THEN
            'amount ' || amount_minor || ', refunded ' || refunded || ', the money accounts hold ' || money
        WHEN 'payment_deposit' THEN unallocated_minor || ' unallocated, ' || deposit || ' posted as deposit'
        ELSE 'amount ' || amount_minor || ', allocated ' || given || ', refunded ' || refunded
            || ', unallocated ' || unallocated_minor
        END || CASE WHEN is_void THEN ', void' ELSE '' END
    FROM judged WHERE broken IS NOT NULL
    UNION ALL
    SELECT 'posting_has_payment', 'payment ' || posted.id, 'there are postings, but no such payment'
    FROM posted WHERE NOT EXISTS (SELECT FROM payments_payment AS p WHERE p.id = posted.id)
    """,
)

_ALLOCATED = SqlProbe(
    checks=(
        Check(
            "allocation_posted", "Allocations agree with the postings, per payment and charge", _ALLOCATIONS
        ),
        Check("charge_not_overallocated", "No charge is given more than its amount", _ALLOCATIONS),
    ),
    problems="""
    WITH allocated AS MATERIALIZED (
        SELECT payment_id, charge_item_id, sum(amount_minor) AS total
        FROM payments_allocation GROUP BY payment_id, charge_item_id
    ), posted AS (
        SELECT payment_id, charge_item_id, -sum(amount_minor) AS total
        FROM ledger_posting
        WHERE payment_id IS NOT NULL AND charge_item_id IS NOT NULL
          AND account_code IN ('patient_receivable', 'payer_receivable')
        GROUP BY payment_id, charge_item_id
    )
    SELECT 'allocation_posted', 'payment ' || coalesce(a.payment_id, p.payment_id),
           'to charge item ' || coalesce(a.charge_item_id, p.charge_item_id) || ': allocated '
           || coalesce(a.total, 0) || ', posted ' || coalesce(p.total, 0)
    FROM allocated AS a
    FULL JOIN posted AS p ON p.payment_id = a.payment_id AND p.charge_item_id = a.charge_item_id
    WHERE coalesce(a.total, 0) <> coalesce(p.total, 0)
    UNION ALL
    SELECT 'charge_not_overallocated', 'charge item ' || given.charge_item_id,
           coalesce(i.status, 'unknown') || ', net ' || coalesce(i.net_minor, 0) || ', allocated ' || given.total
    FROM (SELECT charge_item_id, sum(total) AS total FROM allocated GROUP BY charge_item_id) AS given
    LEFT JOIN charging_chargeitem AS i ON i.id = given.charge_item_id
    WHERE given.total < 0
       OR given.total > CASE WHEN i.status = 'billable' THEN i.net_minor ELSE 0 END
    """,
)

_REQUESTS = SqlProbe(
    checks=(
        Check(
            "void_posted_once",
            "Every void reverses its payment's entry",
            "SELECT count(*) FROM payments_paymentvoid",
        ),
        Check(
            "refund_posted_once",
            "Every refund is posted once, for its amount",
            "SELECT count(*) FROM payments_refund",
        ),
        Check(
            "deposit_posted_once",
            "Every deposit given to charges is posted once, for its amount",
            "SELECT count(*) FROM payments_depositapplication",
        ),
    ),
    problems="""
    WITH requested AS (
        SELECT 'void_posted_once' AS code, 'void ' || v.id AS row_name, v.id, 'payment.voided' AS kind,
               p.amount_minor, original.id AS reverses_id
        FROM payments_paymentvoid AS v
        LEFT JOIN payments_payment AS p ON p.id = v.payment_id
        LEFT JOIN ledger_journalentry AS original
            ON original.source_id = v.payment_id AND original.kind = 'payment.received'
        UNION ALL
        SELECT 'refund_posted_once', 'refund ' || id, id, 'payment.refunded', amount_minor, NULL
        FROM payments_refund
        UNION ALL
        SELECT 'deposit_posted_once', 'deposit application ' || id, id, 'deposit.applied', amount_minor, NULL
        FROM payments_depositapplication
    ), posted AS (
        SELECT r.code, r.row_name, r.amount_minor, count(DISTINCT e.id) AS entries,
               count(*) FILTER (WHERE e.reverses_id IS DISTINCT FROM r.reverses_id) AS others,
               coalesce(sum(abs(p.amount_minor)) FILTER (WHERE CASE r.code
                   WHEN 'deposit_posted_once' THEN p.account_code = 'patient_deposits'
                   ELSE p.account_code NOT IN ('patient_receivable', 'payer_receivable', 'patient_deposits')
               END), 0) AS moved
        FROM requested AS r
        LEFT JOIN ledger_journalentry AS e ON e.source_id = r.id AND e.kind = r.kind
        LEFT JOIN ledger_posting AS p ON p.entry_id = e.id
        GROUP BY r.code, r.row_name, r.amount_minor
    )
    SELECT code, row_name, 'amount ' || coalesce(amount_minor, 0) || ', ' || entries || ' entries, ' || moved
           || ' moved' || CASE WHEN others > 0 THEN ', another entry reversed' ELSE '' END
    FROM posted
    WHERE entries <> 1 OR moved IS DISTINCT FROM amount_minor OR others > 0
    """,
)

PAYMENTS = (_AMOUNTS, _ALLOCATED, _REQUESTS)
