-- Every staged row with what the ledger's postings say about it: what its own entry posted, and the balance
-- of its charge line after it, in the order of the file. Money that a payment could not give to its charge
-- (it is held unallocated) counts as paid on the line, so that an overpaid line shows a negative balance.
SELECT s.line, s.source, s.kind, s.claim, s.code, s.method, s.transfer_type, s.charge_line,
       s.amount_minor, s.unit_amount_minor, s.units, s.payments_minor, s.adjustments_minor, s.transfers_minor,
       s.outstanding_minor, s.payer IS NOT NULL AS has_payer,
       journal.id IS NOT NULL AS is_posted,
       coalesce(own.receivable, 0) AS receivable_minor,
       coalesce(own.unallocated, 0) AS unallocated_minor,
       coalesce(own.money, 0) AS money_minor,
       coalesce(own.handed_over, 0) AS handed_over_minor,
       coalesce(own.adjusted, 0) AS adjusted_minor,
       payment.cash_point,
       coalesce(sum(own.receivable + own.unallocated)
           OVER (PARTITION BY s.charge_line ORDER BY s.line), 0)::bigint AS balance_minor,
       CASE WHEN s.kind = 'CHARGE'
            THEN coalesce(now_open.patient_minor + now_open.payer_minor, 0) END AS open_minor
FROM synthea_step AS s
LEFT JOIN charging_clinicalevent AS event
    ON s.kind = 'CHARGE' AND event.hospital_id = %(hospital)s
   AND event.idempotency_key = 'synthea:charge:' || s.source
LEFT JOIN LATERAL (
    (SELECT e.id FROM ledger_journalentry AS e
     WHERE e.hospital_id = %(hospital)s AND e.source_id = event.id AND e.kind = 'charge.captured'
     ORDER BY e.posted_at, e.id LIMIT 1)
    UNION ALL
    SELECT e.id FROM ledger_journalentry AS e
    WHERE s.kind <> 'CHARGE' AND e.hospital_id = %(hospital)s AND e.id = s.entry_id
) AS journal ON true
LEFT JOIN LATERAL (
    SELECT coalesce(sum(p.amount_minor) FILTER (
               WHERE p.account_code IN ('patient_receivable', 'payer_receivable')), 0)::bigint AS receivable,
           coalesce(sum(p.amount_minor) FILTER (WHERE p.account_code = 'patient_deposits'), 0)::bigint
               AS unallocated,
           coalesce(sum(p.amount_minor) FILTER (
               WHERE p.amount_minor > 0 AND p.payment_id IS NOT NULL), 0)::bigint AS money,
           coalesce(abs(sum(p.amount_minor) FILTER (WHERE p.account_code = 'payer_receivable')), 0)::bigint
               AS handed_over,
           coalesce(sum(p.amount_minor) FILTER (WHERE p.account_code = 'contractual_adjustment'), 0)::bigint
               AS adjusted
    FROM ledger_posting AS p
    WHERE p.hospital_id = %(hospital)s AND p.entry_id = journal.id
) AS own ON true
LEFT JOIN payments_payment AS payment
    ON s.kind = 'PAYMENT' AND payment.hospital_id = %(hospital)s AND payment.id = s.id
LEFT JOIN LATERAL (
    SELECT o.patient_minor, o.payer_minor FROM charging_chargeitem AS item
    JOIN ledger_openitem AS o ON o.hospital_id = item.hospital_id AND o.id = item.id
    WHERE item.hospital_id = %(hospital)s AND item.event_id = event.id
    ORDER BY item.revision DESC LIMIT 1
) AS now_open ON true
ORDER BY s.charge_line, s.line
