-- Post one balanced entry. p_entry: id, kind, source_id, reverses_id, occurred_at, posted_at, actor;
-- p_postings: a list of lines. The only way into the ledger besides the set-based capture and payment.
CREATE OR REPLACE FUNCTION ledger_post(p_hospital uuid, p_entry json, p_postings json) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ledger_journalentry
        (hospital_id, id, kind, source_id, reverses_id, occurred_at, posted_at, actor)
    SELECT p_hospital, e.id, e.kind, e.source_id, e.reverses_id, e.occurred_at, e.posted_at, e.actor
    FROM json_to_record(p_entry) AS e (
        id uuid, kind text, source_id uuid, reverses_id uuid,
        occurred_at timestamptz, posted_at timestamptz, actor text);
    INSERT INTO ledger_posting
        (hospital_id, entry_id, line, account_code, amount_minor, currency, patient_account_id,
         charge_item_id, payment_id, department_id, service_id, payer_id, cash_session_id)
    SELECT p_hospital, (p_entry ->> 'id')::uuid, row_number() OVER (), p.account_code, p.amount_minor,
           p.currency, p.patient_account_id, p.charge_item_id, p.payment_id, p.department_id,
           p.service_id, p.payer_id, p.cash_session_id
    FROM json_to_recordset(p_postings) AS p (
        account_code text, amount_minor bigint, currency text, patient_account_id uuid,
        charge_item_id uuid, payment_id uuid, department_id uuid, service_id uuid, payer_id uuid,
        cash_session_id uuid);
END $$;
