-- Record payments whose allocations the caller has worked out, any number in one statement: the batch form
-- of payments_record, with the same rows and the same postings. Money that no allocation takes is held
-- unallocated. The accounts are locked in order of their ids; a charge that would be paid above what is open
-- is refused by the open item's own constraint, and then nothing of the batch is written. Each payment has one
-- tender, its method; none goes into a cash session.
--
-- p_payments: as for payments_record, without side and excess, with ordinal (the order of the receipts).
-- p_allocations: a list of {payment_id, charge_item_id, amount_minor, department_id, service_id}.
CREATE OR REPLACE FUNCTION payments_record_many(p_hospital uuid, p_payments json, p_allocations json)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM patients_patientaccount
    WHERE hospital_id = p_hospital
      AND id IN (SELECT p.patient_account_id FROM json_to_recordset(p_payments) AS p (patient_account_id uuid))
    ORDER BY id FOR NO KEY UPDATE;

    WITH given AS (
        SELECT * FROM json_to_recordset(p_payments) AS p (
            ordinal int, id uuid, patient_account_id uuid, encounter_id uuid, payer_id uuid, method text,
            tendered_minor bigint, change_minor bigint, amount_minor bigint, currency text, reference text,
            cash_point text, receipt_series text, receipt_year int, received_at timestamptz,
            recorded_at timestamptz, received_by text, idempotency_key text, content_hash text,
            entry_id uuid, account_code text)
    ), share AS (
        SELECT * FROM json_to_recordset(p_allocations) AS a (
            payment_id uuid, charge_item_id uuid, amount_minor bigint, department_id uuid, service_id uuid)
    ), allocated AS (
        SELECT g.id, coalesce(sum(s.amount_minor), 0)::bigint AS amount_minor
        FROM given AS g LEFT JOIN share AS s ON s.payment_id = g.id GROUP BY g.id
    ), numbered AS MATERIALIZED (
        SELECT g.id, kernel_next_number(p_hospital, g.receipt_series, g.receipt_year) AS number
        FROM (SELECT * FROM given ORDER BY ordinal) AS g
    ), payment AS (
        INSERT INTO payments_payment
            (hospital_id, id, patient_account_id, encounter_id, payer_id, method, tendered_minor, change_minor,
             amount_minor, unallocated_minor, currency, reference, cash_point, receipt_series, receipt_year,
             receipt_number, received_at, recorded_at, received_by, idempotency_key, content_hash)
        SELECT p_hospital, g.id, g.patient_account_id, g.encounter_id, g.payer_id, g.method, g.tendered_minor,
               g.change_minor, g.amount_minor, g.amount_minor - a.amount_minor, g.currency, g.reference,
               g.cash_point, g.receipt_series, g.receipt_year, n.number, g.received_at, g.recorded_at,
               g.received_by, g.idempotency_key, g.content_hash
        FROM given AS g JOIN allocated AS a USING (id) JOIN numbered AS n USING (id)
    ), tender AS (
        INSERT INTO payments_paymenttender
            (hospital_id, id, payment_id, line, method, tendered_minor, change_minor, amount_minor, reference)
        SELECT p_hospital, gen_random_uuid(), g.id, 1, g.method, g.tendered_minor, g.change_minor,
               g.amount_minor, g.reference
        FROM given AS g
    ), allocation AS (
        INSERT INTO payments_allocation
            (hospital_id, id, payment_id, charge_item_id, amount_minor, currency, allocated_at, source_id)
        SELECT p_hospital, gen_random_uuid(), g.id, s.charge_item_id, s.amount_minor, g.currency, g.recorded_at,
               g.id
        FROM share AS s JOIN given AS g ON g.id = s.payment_id
    ), entry AS (
        INSERT INTO ledger_journalentry (hospital_id, id, kind, source_id, occurred_at, posted_at, actor)
        SELECT p_hospital, g.entry_id, 'payment.received', g.id, g.received_at, g.recorded_at, g.received_by
        FROM given AS g
    )
    INSERT INTO ledger_posting
        (hospital_id, entry_id, line, account_code, amount_minor, currency, patient_account_id,
         charge_item_id, payment_id, department_id, service_id, payer_id)
    SELECT p_hospital, g.entry_id, row_number() OVER (PARTITION BY g.entry_id), part.account_code,
           part.amount_minor, g.currency, g.patient_account_id, part.charge_item_id, g.id, part.department_id,
           part.service_id, g.payer_id
    FROM (
        SELECT g.id, g.account_code, g.amount_minor, NULL::uuid AS charge_item_id, NULL::uuid AS department_id,
               NULL::uuid AS service_id
        FROM given AS g
        UNION ALL
        SELECT g.id, CASE WHEN g.payer_id IS NULL THEN 'patient_receivable' ELSE 'payer_receivable' END,
               -s.amount_minor, s.charge_item_id, s.department_id, s.service_id
        FROM share AS s JOIN given AS g ON g.id = s.payment_id
        UNION ALL
        SELECT g.id, 'patient_deposits', a.amount_minor - g.amount_minor, NULL, NULL, NULL
        FROM given AS g JOIN allocated AS a USING (id) WHERE a.amount_minor < g.amount_minor
    ) AS part
    JOIN given AS g USING (id);
END $$;
