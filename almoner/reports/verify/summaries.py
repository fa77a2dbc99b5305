"""The summaries that gates read: equal to the sums of their postings, none missing, none too many."""

from almoner.reports.verify.probe import Check, SqlProbe

_OPEN_ITEMS = SqlProbe(
    checks=(
        Check(
            "open_item",
            "What is open on a charge is the sum of its postings",
            "SELECT count(*) FROM ledger_openitem",
        ),
    ),
    problems="""
    WITH posted AS (
        SELECT charge_item_id AS id, min(patient_account_id::text) AS account, min(currency) AS currency,
               coalesce(sum(amount_minor) FILTER (WHERE account_code = 'patient_receivable'), 0) AS patient_minor,
               coalesce(sum(amount_minor) FILTER (WHERE account_code = 'payer_receivable'), 0) AS payer_minor
        FROM ledger_posting
        WHERE charge_item_id IS NOT NULL AND account_code IN ('patient_receivable', 'payer_receivable')
        GROUP BY charge_item_id
    )
    SELECT 'open_item', 'charge item ' || coalesce(o.id, p.id), CASE
        WHEN o.id IS NULL THEN 'no open item, though the postings come to patient ' || p.patient_minor
            || ', payer ' || p.payer_minor
        WHEN p.id IS NULL THEN 'an open item without postings: patient ' || o.patient_minor
            || ', payer ' || o.payer_minor
        WHEN (o.patient_account_id::text, o.currency) IS DISTINCT FROM (p.account, p.currency)
            THEN 'another account or currency than its postings'
        ELSE 'patient ' || o.patient_minor || ' (postings: ' || p.patient_minor || '), payer ' || o.payer_minor
            || ' (postings: ' || p.payer_minor || ')'
        END
    FROM ledger_openitem AS o
    FULL JOIN posted AS p ON p.id = o.id
    WHERE (o.patient_minor, o.payer_minor, o.patient_account_id::text, o.currency)
        IS DISTINCT FROM (p.patient_minor, p.payer_minor, p.account, p.currency)
    """,
)

_BALANCES = SqlProbe(
    checks=(
        Check(
            "patient_balance",
            "The balance of a patient's account is the sum of its postings",
            "SELECT count(*) FROM ledger_patientbalance",
        ),
    ),
    problems="""
    WITH posted AS (
        SELECT patient_account_id AS id, min(currency) AS currency,
               coalesce(sum(amount_minor) FILTER (WHERE account_code = 'patient_receivable'), 0) AS receivable,
               coalesce(sum(amount_minor) FILTER (WHERE account_code = 'payer_receivable'), 0) AS payer,
               coalesce(-sum(amount_minor) FILTER (WHERE account_code = 'patient_deposits'), 0) AS deposit
        FROM ledger_posting
        WHERE patient_account_id IS NOT NULL
          AND account_code IN ('patient_receivable', 'payer_receivable', 'patient_deposits')
        GROUP BY patient_account_id
    )
    SELECT 'patient_balance', 'patient account ' || coalesce(b.id, p.id), CASE
        WHEN b.id IS NULL THEN 'no balance, though there are postings: ' ELSE '' END
        || 'receivable ' || coalesce(b.receivable_minor, 0) || ' (postings: ' || coalesce(p.receivable, 0)
        || '), payer ' || coalesce(b.payer_receivable_minor, 0) || ' (postings: ' || coalesce(p.payer, 0)
        || '), deposit ' || coalesce(b.deposit_minor, 0) || ' (postings: ' || coalesce(p.deposit, 0) || ')'
    FROM ledger_patientbalance AS b
    FULL JOIN posted AS p ON p.id = b.id
    WHERE (b.receivable_minor, b.payer_receivable_minor, b.deposit_minor, b.currency)
        IS DISTINCT FROM (p.receivable, p.payer, p.deposit, p.currency)
    """,
)

SUMMARIES = (_OPEN_ITEMS, _BALANCES)
