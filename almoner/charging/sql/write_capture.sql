-- Write events, their charge items, one journal entry per event that charges something, and its postings,
-- in one statement. An event whose key is already there writes nothing, and neither does anything of its.
-- p_version is the configuration the prices came from: when it is no longer in force, nothing is written.
-- An item of a rule that charges once says so (once_per: patient or encounter); neither is anything written
-- when that was charged meanwhile.
-- The journal lines follow the posting table in docs/explanation/posting.md.
CREATE OR REPLACE FUNCTION charging_capture(p_hospital uuid, p_version int, p_events json, p_items json)
RETURNS TABLE (outcome text, event_id uuid, content_hash text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    charges_once boolean;
BEGIN
    PERFORM set_config('almoner.hospital_id', p_hospital::text, true);
    IF NOT EXISTS (
        SELECT FROM hospitals_hospital WHERE id = p_hospital AND configuration_version = p_version
    ) THEN
        RETURN QUERY SELECT 'stale', NULL::uuid, NULL::text;
        RETURN;
    END IF;

    -- Accounts in one order, so that two batches never wait for each other in a circle.
    charges_once := p_items::text LIKE '%"once_per"%';
    IF charges_once OR json_array_length(p_events) > 1 THEN
        PERFORM FROM patients_patientaccount
        WHERE hospital_id = p_hospital
          AND id IN (SELECT i.patient_account_id FROM json_to_recordset(p_items) AS i (patient_account_id uuid))
        ORDER BY id FOR NO KEY UPDATE;
    END IF;

    -- A fee that is charged once may have been charged by somebody else since the context was read; now that
    -- the accounts are locked, nobody else can.
    IF charges_once AND EXISTS (
        SELECT FROM json_to_recordset(p_items) AS i (
            patient_account_id uuid, encounter_id uuid, rule_code text, once_per text)
        JOIN patients_patientaccount AS named
            ON named.hospital_id = p_hospital AND named.id = i.patient_account_id
        JOIN patients_patientaccount AS a
            ON a.hospital_id = p_hospital AND a.patient_id = named.patient_id
        JOIN charging_chargeitem AS c
            ON c.hospital_id = p_hospital AND c.patient_account_id = a.id
           AND c.rule_code = i.rule_code AND c.status IN ('planned', 'unpriced', 'billable')
        WHERE i.once_per = 'patient' OR (i.once_per = 'encounter' AND c.encounter_id = i.encounter_id)
    ) THEN
        RETURN QUERY SELECT 'stale', NULL::uuid, NULL::text;
        RETURN;
    END IF;

    RETURN QUERY
    WITH given AS (
        SELECT * FROM json_to_recordset(p_events) AS e (
            id uuid, kind text, idempotency_key text, content_hash text, occurred_at timestamptz,
            recorded_at timestamptz, recorded_by text, patient_id uuid, encounter_id uuid,
            department_id uuid, order_id uuid, body jsonb, after_discharge boolean, entry_id uuid)
    ), event AS (
        INSERT INTO charging_clinicalevent
            (hospital_id, id, kind, idempotency_key, content_hash, occurred_at, recorded_at, recorded_by,
             patient_id, encounter_id, department_id, order_id, body, after_discharge)
        SELECT p_hospital, id, kind, idempotency_key, content_hash, occurred_at, recorded_at, recorded_by,
               patient_id, encounter_id, department_id, order_id, body, after_discharge
        FROM given
        ON CONFLICT (hospital_id, idempotency_key) DO NOTHING
        RETURNING id, content_hash
    ), item AS (
        INSERT INTO charging_chargeitem
            (hospital_id, id, event_id, line, rule_code, rule_version, service_period, revision,
             configuration_version, patient_id, patient_account_id, encounter_id, order_id, department_id, service_id, payer_id,
             charge_type, priority, request_type, required_at, quantity, currency, unit_price_minor,
             gross_minor, discount_minor, tax_minor, net_minor, price_source, discount_source, tax_source,
             status, service_date, due_at, captured_at, delivered_at)
        SELECT p_hospital, i.id, i.event_id, i.line, i.rule_code, i.rule_version, i.service_period, 0, p_version,
               i.patient_id, i.patient_account_id, i.encounter_id, i.order_id, i.department_id, i.service_id,
               i.payer_id, i.charge_type, i.priority, i.request_type, i.required_at, i.quantity, i.currency,
               i.unit_price_minor, i.gross_minor, i.discount_minor, i.tax_minor, i.net_minor,
               i.price_source, i.discount_source, i.tax_source, i.status, i.service_date, i.due_at,
               i.captured_at, i.delivered_at
        FROM event
        JOIN json_to_recordset(p_items) AS i (
            id uuid, event_id uuid, line int, rule_code text, rule_version int, service_period text, patient_id uuid,
            patient_account_id uuid, encounter_id uuid, order_id uuid, department_id uuid, service_id uuid,
            payer_id uuid, charge_type text, priority text, request_type text, required_at text[],
            quantity numeric, currency text, unit_price_minor bigint, gross_minor bigint,
            discount_minor bigint, tax_minor bigint, net_minor bigint, price_source text,
            discount_source text, tax_source text, status text, service_date date, due_at timestamptz,
            captured_at timestamptz, delivered_at timestamptz) ON i.event_id = event.id
        RETURNING id, event_id, patient_account_id, department_id, service_id, currency, net_minor,
                  tax_minor, status, delivered_at
    ), entry AS (
        INSERT INTO ledger_journalentry (hospital_id, id, kind, source_id, occurred_at, posted_at, actor)
        SELECT p_hospital, g.entry_id, 'charge.captured', g.id, g.occurred_at, g.recorded_at, g.recorded_by
        FROM given AS g
        WHERE EXISTS (SELECT FROM item WHERE item.event_id = g.id AND item.status = 'billable')
    ), posting AS (
        INSERT INTO ledger_posting
            (hospital_id, entry_id, line, account_code, amount_minor, currency, patient_account_id,
             charge_item_id, department_id, service_id)
        SELECT p_hospital, g.entry_id, row_number() OVER (PARTITION BY g.entry_id), p.account_code,
               p.amount_minor, item.currency, item.patient_account_id, item.id, item.department_id,
               item.service_id
        FROM item
        JOIN given AS g ON g.id = item.event_id
        CROSS JOIN LATERAL (VALUES
            ('patient_receivable', item.net_minor),
            (CASE WHEN item.delivered_at IS NULL THEN 'contract_liability' ELSE 'revenue' END,
             item.tax_minor - item.net_minor),
            ('tax_payable', -item.tax_minor)
        ) AS p (account_code, amount_minor)
        WHERE item.status = 'billable' AND (p.account_code <> 'tax_payable' OR p.amount_minor <> 0)
    )
    SELECT 'written', event.id, event.content_hash::text FROM event;

    -- Keys that were there before, or came first from someone else: the caller compares the contents.
    RETURN QUERY
    SELECT 'replayed', event.id, event.content_hash::text
    FROM json_to_recordset(p_events) AS e (id uuid, idempotency_key text)
    JOIN charging_clinicalevent AS event
        ON event.hospital_id = p_hospital AND event.idempotency_key = e.idempotency_key
    WHERE event.id <> e.id;
END $$;
