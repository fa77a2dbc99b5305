-- Two versions of one charge definition are never in force on the same day (see kernel_point on the hash).
CREATE OR REPLACE FUNCTION charging_definition_key(hospital uuid, code text) RETURNS int8range
LANGUAGE sql IMMUTABLE AS $$
    SELECT int8range(h, h, '[]') FROM (SELECT hashtextextended(hospital::text || '|' || code, 0) / 2 AS h) AS key
$$;

ALTER TABLE charging_chargedefinition ADD CONSTRAINT charge_definition_versions_do_not_overlap EXCLUDE USING gist (
    charging_definition_key(hospital_id, code) WITH &&, daterange(starts_on, ends_on, '[]') WITH &&
) WHERE (is_active);

-- Write time charges: a row for every (stay, charge, revision) that is not there yet, delivered at once, and one
-- balanced entry for each stay that is charged something. What is there already is left alone, whoever
-- wrote it: that, not the caller's memory, is why no period is ever charged twice.
--
-- p_charges: what a period costs, once for all the stays that share it. p_stay and p_charge are places
-- (from 1) in the two lists. p_version is the configuration that the prices came from; when it is no longer in
-- force, nothing is written. Returns one row per charge written; none with a null id when it was stale.
-- The journal lines follow the posting table in docs/explanation/posting.md.
CREATE OR REPLACE FUNCTION charging_accrue(
    p_hospital uuid, p_version int, p_at timestamptz, p_actor text, p_stays json, p_charges json,
    p_ids uuid[], p_stay int[], p_charge int[], p_revision int[]
) RETURNS TABLE (id uuid) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    IF NOT EXISTS (
        SELECT FROM hospitals_hospital WHERE id = p_hospital AND configuration_version = p_version
    ) THEN
        RETURN QUERY SELECT NULL::uuid;
        RETURN;
    END IF;
    -- Accounts in one order, as everybody locks them.
    PERFORM FROM patients_patientaccount
    WHERE hospital_id = p_hospital
      AND id IN (SELECT s.patient_account_id FROM json_to_recordset(p_stays) AS s (patient_account_id uuid))
    ORDER BY id FOR NO KEY UPDATE;

    RETURN QUERY
    WITH stay AS MATERIALIZED (
        SELECT row_number() OVER () AS place, s.* FROM json_to_recordset(p_stays) AS s (
            entry_id uuid, event_id uuid, order_id uuid, patient_id uuid, patient_account_id uuid,
            encounter_id uuid, currency text)
    ), charge AS MATERIALIZED (
        SELECT row_number() OVER () AS place, c.* FROM json_to_recordset(p_charges) AS c (
            rule_code text, rule_version int, basis text, service_period text, service_date date,
            due_at timestamptz, department_id uuid, service_id uuid, payer_id uuid, charge_type text,
            quantity numeric, unit_price_minor bigint, gross_minor bigint, discount_minor bigint,
            tax_minor bigint, net_minor bigint, price_source text, discount_source text, tax_source text)
    ), item AS (
        INSERT INTO charging_chargeitem
            (hospital_id, id, event_id, line, rule_code, rule_version, basis, service_period, revision,
             configuration_version, patient_id, patient_account_id, encounter_id, order_id, department_id,
             service_id, payer_id, charge_type, priority, request_type, required_at, quantity, currency,
             unit_price_minor, gross_minor, discount_minor, tax_minor, net_minor, price_source,
             discount_source, tax_source, status, service_date, due_at, captured_at, delivered_at)
        SELECT p_hospital, g.id, stay.event_id, 0, charge.rule_code, charge.rule_version, charge.basis,
               charge.service_period, g.revision, p_version, stay.patient_id, stay.patient_account_id,
               stay.encounter_id, stay.order_id, charge.department_id, charge.service_id, charge.payer_id,
               charge.charge_type, 'routine', 'first', '{}', charge.quantity, stay.currency,
               charge.unit_price_minor, charge.gross_minor, charge.discount_minor, charge.tax_minor,
               charge.net_minor, charge.price_source, charge.discount_source, charge.tax_source,
               CASE WHEN charge.net_minor IS NULL THEN 'unpriced' ELSE 'billable' END,
               charge.service_date, charge.due_at, p_at,
               CASE WHEN charge.net_minor IS NULL THEN NULL ELSE p_at END
        FROM unnest(p_ids, p_stay, p_charge, p_revision) AS g (id, stay, charge, revision)
        JOIN stay ON stay.place = g.stay
        JOIN charge ON charge.place = g.charge
        ON CONFLICT (hospital_id, event_id, line, rule_code, service_period, revision) DO NOTHING
        RETURNING id, event_id, patient_account_id, department_id, service_id, currency, net_minor, tax_minor
    ), entry AS (
        INSERT INTO ledger_journalentry (hospital_id, id, kind, source_id, occurred_at, posted_at, actor)
        SELECT p_hospital, stay.entry_id, 'charge.captured', stay.event_id, p_at, p_at, p_actor
        FROM stay
        WHERE stay.event_id IN (SELECT item.event_id FROM item WHERE item.net_minor IS NOT NULL)
    ), posting AS (
        INSERT INTO ledger_posting
            (hospital_id, entry_id, line, account_code, amount_minor, currency, patient_account_id,
             charge_item_id, department_id, service_id)
        SELECT p_hospital, stay.entry_id, row_number() OVER (PARTITION BY stay.entry_id), p.account_code,
               p.amount_minor, item.currency, item.patient_account_id, item.id, item.department_id,
               item.service_id
        FROM item
        JOIN stay ON stay.event_id = item.event_id
        CROSS JOIN LATERAL (VALUES
            ('patient_receivable', item.net_minor),
            ('revenue', item.tax_minor - item.net_minor),
            ('tax_payable', -item.tax_minor)
        ) AS p (account_code, amount_minor)
        WHERE item.net_minor IS NOT NULL AND (p.account_code <> 'tax_payable' OR p.amount_minor <> 0)
    )
    SELECT item.id FROM item;
END $$;
