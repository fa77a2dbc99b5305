"""Drawers: what was taken in a session is what its count was held against, and nothing is left in a closed one."""

from almoner.reports.verify.probe import Check, SqlProbe

_SESSIONS = "SELECT count(*) FROM payments_cashsession"
_TENDERS = "SELECT count(*) FROM payments_paymenttender"

# What a session should hold is worked out from its own rows (float, tenders, voids, refunds, transfers), not
# from the ledger that it is compared with. A session is reported once, under the first promise it breaks.
_DRAWERS = SqlProbe(
    checks=(
        Check("drawer_expected", "A closed drawer was held against its float and its tenders", _SESSIONS),
        Check("drawer_posted", "A drawer holds in the ledger what its rows say", _SESSIONS),
        Check("posting_has_session", "Postings name cash sessions that exist", _SESSIONS),
    ),
    problems="""
    WITH moved AS (
        SELECT p.cash_session_id AS id, t.amount_minor
        FROM payments_paymenttender AS t JOIN payments_payment AS p ON p.id = t.payment_id
        WHERE t.method = 'cash' AND p.cash_session_id IS NOT NULL
        UNION ALL
        SELECT v.cash_session_id, -t.amount_minor
        FROM payments_paymentvoid AS v JOIN payments_paymenttender AS t ON t.payment_id = v.payment_id
        WHERE t.method = 'cash' AND v.cash_session_id IS NOT NULL
        UNION ALL
        SELECT cash_session_id, -amount_minor FROM payments_refund
        WHERE method = 'cash' AND cash_session_id IS NOT NULL
    ), transfer AS (
        SELECT t.cash_session_id AS id, CASE t.kind WHEN 'from_safe' THEN 1 ELSE -1 END * t.amount_minor AS amount_minor,
               s.closed_at IS NOT NULL AND t.idempotency_key = left(s.closing_key || ':banked', 200) AS at_close
        FROM payments_cashtransfer AS t JOIN payments_cashsession AS s ON s.id = t.cash_session_id
    ), posted AS MATERIALIZED (
        SELECT cash_session_id AS id,
               coalesce(sum(amount_minor) FILTER (WHERE account_code = 'cash_drawer'), 0) AS amount_minor
        FROM ledger_posting WHERE cash_session_id IS NOT NULL GROUP BY cash_session_id
    ), session AS (
        SELECT s.id, s.closed_at, s.expected_minor,
               s.float_minor + coalesce((SELECT sum(m.amount_minor) FROM moved AS m WHERE m.id = s.id), 0)
               + coalesce((SELECT sum(t.amount_minor) FROM transfer AS t WHERE t.id = s.id AND NOT t.at_close), 0)
                   AS held_minor,
               coalesce((SELECT p.amount_minor FROM posted AS p WHERE p.id = s.id), 0) AS posted_minor
        FROM payments_cashsession AS s
    ), judged AS (
        SELECT session.*, CASE
            WHEN closed_at IS NOT NULL AND expected_minor <> held_minor THEN 'drawer_expected'
            WHEN posted_minor <> CASE WHEN closed_at IS NULL THEN held_minor ELSE 0 END THEN 'drawer_posted'
        END AS broken
        FROM session
    )
    SELECT broken, 'cash session ' || id, CASE broken
        WHEN 'drawer_expected' THEN 'expected ' || expected_minor || ', its float and tenders come to ' || held_minor
        ELSE 'its rows say ' || CASE WHEN closed_at IS NULL THEN held_minor ELSE 0 END || ', posted ' || posted_minor
        END
    FROM judged WHERE broken IS NOT NULL
    UNION ALL
    SELECT 'posting_has_session', 'cash session ' || posted.id, 'there are postings, but no such session'
    FROM posted WHERE NOT EXISTS (SELECT FROM payments_cashsession AS s WHERE s.id = posted.id)
    """,
)

_PAID = SqlProbe(
    checks=(
        Check(
            "tenders_add_up", "The tenders of a payment add up to it", "SELECT count(*) FROM payments_payment"
        ),
        Check("tender_posted", "Each method of a payment is debited to its own account", _TENDERS),
        Check(
            "void_by_two",
            "A void of a person was approved by another",
            "SELECT count(*) FROM payments_paymentvoid",
        ),
        Check(
            "refund_by_two",
            "A refund that was asked for was approved by another, and is of what was asked",
            "SELECT count(*) FROM payments_refundrequest",
        ),
    ),
    problems="""
    WITH tendered AS MATERIALIZED (
        SELECT payment_id, count(*) AS lines, sum(amount_minor) AS amount_minor, sum(tendered_minor) AS tendered_minor,
               sum(change_minor) AS change_minor
        FROM payments_paymenttender GROUP BY payment_id
    ), by_account AS (
        SELECT payment_id, CASE method WHEN 'cash' THEN 'cash_drawer' WHEN 'bank_transfer' THEN 'bank'
                   ELSE method || '_clearing' END AS account_code, sum(amount_minor) AS amount_minor
        FROM payments_paymenttender GROUP BY 1, 2
    ), debited AS (
        SELECT p.payment_id, p.account_code, sum(p.amount_minor) AS amount_minor
        FROM ledger_posting AS p
        JOIN ledger_journalentry AS e ON e.id = p.entry_id AND e.kind = 'payment.received'
        WHERE p.payment_id IS NOT NULL
          AND p.account_code NOT IN ('patient_receivable', 'payer_receivable', 'patient_deposits')
        GROUP BY p.payment_id, p.account_code
    )
    SELECT 'tenders_add_up', 'payment ' || p.id, coalesce(t.lines, 0) || ' tenders of '
           || coalesce(t.amount_minor, 0) || ', amount ' || p.amount_minor
    FROM payments_payment AS p LEFT JOIN tendered AS t ON t.payment_id = p.id
    WHERE (t.amount_minor, t.tendered_minor, t.change_minor)
        IS DISTINCT FROM (p.amount_minor, p.tendered_minor, p.change_minor)
    UNION ALL
    SELECT 'tender_posted', 'payment ' || coalesce(a.payment_id, d.payment_id),
           coalesce(a.account_code, d.account_code) || ': tendered ' || coalesce(a.amount_minor, 0) || ', debited '
           || coalesce(d.amount_minor, 0)
    FROM by_account AS a
    FULL JOIN debited AS d ON d.payment_id = a.payment_id AND d.account_code = a.account_code
    WHERE a.amount_minor IS DISTINCT FROM d.amount_minor
      AND coalesce(a.payment_id, d.payment_id) IN (SELECT payment_id FROM debited)
    UNION ALL
    SELECT 'void_by_two', 'void ' || v.id, 'asked by ' || v.requested_by || ', approved by ' || v.approved_by
    FROM payments_paymentvoid AS v
    LEFT JOIN payments_voidrequest AS r ON r.payment_id = v.payment_id AND r.decision = 'approved'
    WHERE v.approved_by <> '' AND (v.approved_by = v.requested_by OR r.decided_by IS DISTINCT FROM v.approved_by)
    UNION ALL
    SELECT 'refund_by_two', CASE WHEN f.id IS NULL THEN 'refund request ' || r.id ELSE 'refund ' || f.id END,
           coalesce('asked by ' || f.requested_by || ', approved by ' || f.approved_by || ', ' || f.amount_minor
                    || ' given back', 'approved, and nothing given back')
    FROM (SELECT * FROM payments_refundrequest WHERE decision = 'approved') AS r
    FULL JOIN (SELECT * FROM payments_refund WHERE approved_by <> '') AS f
        ON f.idempotency_key = 'refund-request:' || r.id
    WHERE r.id IS NULL OR f.id IS NULL OR f.approved_by = f.requested_by OR r.decided_by <> f.approved_by
       OR (r.payment_id, r.amount_minor, r.method) <> (f.payment_id, f.amount_minor, f.method)
    """,
)

DRAWERS = (_DRAWERS, _PAID)
