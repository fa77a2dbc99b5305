"""Journal entries and postings: balanced, complete, and reversed by what claims to reverse them."""

from almoner.reports.verify.probe import Check, SqlProbe

_ENTRIES = "SELECT count(*) FROM ledger_journalentry"
_POSTINGS = "SELECT count(*) FROM ledger_posting"
_REVERSALS = "SELECT count(*) FROM ledger_journalentry WHERE reverses_id IS NOT NULL"

_BALANCED = SqlProbe(
    checks=(
        Check("entry_balances", "Every entry balances per currency", _ENTRIES),
        Check("entry_has_postings", "Every entry has postings", _ENTRIES),
        Check("posting_has_entry", "Every posting belongs to an entry", _POSTINGS),
        Check("posting_has_account", "Every posting names an account of the chart", _POSTINGS),
    ),
    problems="""
    WITH summed AS MATERIALIZED (
        SELECT entry_id, currency, sum(amount_minor) AS total FROM ledger_posting GROUP BY entry_id, currency
    )
    SELECT 'entry_balances', 'entry ' || entry_id,
           'its postings come to ' || total || ' minor units of ' || currency || ' instead of 0'
    FROM summed WHERE total <> 0
    UNION ALL
    SELECT 'entry_has_postings', 'entry ' || e.id, e.kind || ' without postings'
    FROM ledger_journalentry AS e
    WHERE NOT EXISTS (SELECT FROM summed WHERE summed.entry_id = e.id)
    UNION ALL
    SELECT 'posting_has_entry', 'entry ' || s.entry_id, 'there are postings, but no such entry'
    FROM (SELECT DISTINCT entry_id FROM summed) AS s
    WHERE NOT EXISTS (SELECT FROM ledger_journalentry AS e WHERE e.id = s.entry_id)
    UNION ALL
    SELECT 'posting_has_account', 'account ' || used.account_code,
           used.postings || ' postings, but the chart has no such account'
    FROM (SELECT account_code, count(*) AS postings FROM ledger_posting GROUP BY account_code) AS used
    WHERE NOT EXISTS (SELECT FROM ledger_ledgeraccount AS a WHERE a.code = used.account_code)
    """,
)

# A payment's allocations may have moved between its entry and its void, so a void undoes everything that
# was ever posted for the payment; any other reversal is the exact opposite of the entry it names.
_REVERSED = SqlProbe(
    checks=(Check("reversal_undoes", "Every reversal undoes the entry it names, and once", _REVERSALS),),
    problems="""
    WITH reversal AS MATERIALIZED (
        SELECT r.id, r.posted_at, o.id AS original_id, o.kind AS original_kind, o.source_id,
               o.posted_at AS original_posted_at,
               count(*) OVER (PARTITION BY r.reverses_id) AS times
        FROM ledger_journalentry AS r
        LEFT JOIN ledger_journalentry AS o ON o.id = r.reverses_id
        WHERE r.reverses_id IS NOT NULL
    ), left_over AS (
        SELECT r.id, p.account_code, p.charge_item_id, p.currency, sum(p.amount_minor) AS total
        FROM reversal AS r
        JOIN ledger_posting AS p ON p.payment_id = r.source_id
        WHERE r.original_kind = 'payment.received'
        GROUP BY r.id, p.account_code, p.charge_item_id, p.currency
        UNION ALL
        SELECT r.id, p.account_code, p.charge_item_id, p.currency, sum(p.amount_minor)
        FROM reversal AS r
        JOIN ledger_posting AS p ON p.entry_id IN (r.id, r.original_id)
        WHERE r.original_kind <> 'payment.received'
        GROUP BY r.id, p.account_code, p.charge_item_id, p.currency
    )
    SELECT 'reversal_undoes', 'entry ' || id,
           CASE WHEN original_id IS NULL THEN 'it reverses an entry that does not exist'
                WHEN times > 1 THEN 'its entry ' || original_id || ' is reversed ' || times || ' times'
                ELSE 'it is older than the entry it reverses' END
    FROM reversal
    WHERE original_id IS NULL OR times > 1 OR posted_at < original_posted_at
    UNION ALL
    SELECT 'reversal_undoes', 'entry ' || id,
           'not undone: ' || string_agg(account_code || ' ' || total || ' ' || currency, ', ' ORDER BY account_code)
    FROM left_over WHERE total <> 0 GROUP BY id
    """,
)

LEDGER = (_BALANCED, _REVERSED)
