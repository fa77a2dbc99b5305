-- Post any number of balanced entries in one statement each for entries and postings. p_entries as in
-- ledger_post; p_postings: its lines, each with the entry_id it belongs to.
CREATE OR REPLACE FUNCTION ledger_post_many(p_hospital uuid, p_entries json, p_postings json) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    WITH entry AS (
        INSERT INTO ledger_journalentry
            (hospital_id, id, kind, source_id, reverses_id, occurred_at, posted_at, actor)
        SELECT p_hospital, e.id, e.kind, e.source_id, e.reverses_id, e.occurred_at, e.posted_at, e.actor
        FROM json_to_recordset(p_entries) AS e (
            id uuid, kind text, source_id uuid, reverses_id uuid,
            occurred_at timestamptz, posted_at timestamptz, actor text)
    )
    INSERT INTO ledger_posting
        (hospital_id, entry_id, line, account_code, amount_minor, currency, patient_account_id,
         charge_item_id, payment_id, department_id, service_id, payer_id)
    SELECT p_hospital, p.entry_id, row_number() OVER (PARTITION BY p.entry_id), p.account_code,
           p.amount_minor, p.currency, p.patient_account_id, p.charge_item_id, p.payment_id,
           p.department_id, p.service_id, p.payer_id
    FROM json_to_recordset(p_postings) AS p (
        entry_id uuid, account_code text, amount_minor bigint, currency text, patient_account_id uuid,
        charge_item_id uuid, payment_id uuid, department_id uuid, service_id uuid, payer_id uuid);
END $$;
