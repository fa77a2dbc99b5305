-- What pricing needs to know about each event, in one read. It also tells row-level security which
-- hospital is meant, so that the caller need not spend a round trip on it.
--
-- p_requests: a list of {ordinal, idempotency_key, patient_id, encounter_id, service_date}.
-- p_once: codes of rules that charge a patient or an encounter once. p_packages: whether the hospital has any.
--
-- Each row is looked up by its key (OFFSET 0 keeps the planner from joining whole tables to a request whose
-- length it cannot know). The keys are told apart with CASE: coalesce() is not leakproof, so under
-- row-level security an index would not be asked for it.
CREATE OR REPLACE FUNCTION charging_context(p_hospital uuid, p_requests json, p_once text[], p_packages boolean)
RETURNS TABLE (
    ordinal int, configuration_version int,
    event_id uuid, event_hash text,
    patient_id uuid, patient_category text, account_id uuid, currency text,
    encounter_id uuid, encounter_patient_id uuid, encounter_class text, encounter_ended_at timestamptz,
    department_id uuid, department_code text, department_kind text, ward_type text, visit_type text,
    payer_id uuid, payer_code text,
    charged_once_patient text[], charged_once_encounter text[], packaged text[]
) LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
    PERFORM set_config('almoner.hospital_id', p_hospital::text, true);
    RETURN QUERY
    SELECT r.ordinal, hospital.configuration_version,
           event.id, event.content_hash::text,
           patient.id, patient.category::text, account.id, account.currency::text,
           encounter.id, encounter.patient_id, encounter.encounter_class::text, encounter.ended_at,
           department.id, department.code::text, department.kind::text, encounter.ward_type::text,
           encounter.visit_type::text,
           payer.id, payer.code::text,
           once_patient.codes, once_encounter.codes, packaged.services
    FROM json_to_recordset(p_requests) AS r (
        ordinal int, idempotency_key text, patient_id uuid, encounter_id uuid, service_date date)
    LEFT JOIN hospitals_hospital AS hospital ON hospital.id = p_hospital
    LEFT JOIN LATERAL (
        SELECT e.id, e.content_hash FROM charging_clinicalevent AS e
        WHERE e.hospital_id = p_hospital AND e.idempotency_key = r.idempotency_key OFFSET 0
    ) AS event ON true
    LEFT JOIN LATERAL (
        SELECT e.* FROM patients_encounter AS e
        WHERE e.hospital_id = p_hospital AND e.id = r.encounter_id OFFSET 0
    ) AS encounter ON true
    LEFT JOIN LATERAL (
        SELECT d.id, d.code, d.kind FROM hospitals_department AS d
        WHERE d.hospital_id = p_hospital AND d.id = encounter.department_id OFFSET 0
    ) AS department ON true
    LEFT JOIN LATERAL (
        SELECT p.id, p.merged_into_id FROM patients_patient AS p
        WHERE p.hospital_id = p_hospital AND p.id = CASE WHEN r.patient_id IS NULL THEN encounter.patient_id ELSE r.patient_id END
        OFFSET 0
    ) AS named ON true
    LEFT JOIN LATERAL (
        SELECT p.id, p.category FROM patients_patient AS p
        WHERE p.hospital_id = p_hospital AND p.id = CASE WHEN named.merged_into_id IS NULL THEN named.id ELSE named.merged_into_id END
        OFFSET 0
    ) AS patient ON true
    LEFT JOIN LATERAL (
        SELECT a.id, a.currency FROM patients_patientaccount AS a
        WHERE a.hospital_id = p_hospital AND a.patient_id = patient.id
        ORDER BY a.id LIMIT 1
    ) AS account ON true
    LEFT JOIN LATERAL (
        SELECT c.payer_id AS id, p.code FROM patients_coverage AS c
        JOIN patients_payer AS p ON p.hospital_id = p_hospital AND p.id = c.payer_id
        WHERE c.hospital_id = p_hospital AND c.patient_id = patient.id
          AND c.starts_on <= r.service_date AND (c.ends_on IS NULL OR c.ends_on >= r.service_date)
        ORDER BY c.priority, c.starts_on DESC LIMIT 1
    ) AS payer ON true
    LEFT JOIN LATERAL (
        SELECT array_agg(DISTINCT i.rule_code::text) AS codes FROM charging_chargeitem AS i
        WHERE p_once <> '{}' AND i.hospital_id = p_hospital AND i.patient_account_id = account.id
          AND i.rule_code = ANY (p_once) AND i.status IN ('planned', 'unpriced', 'billable')
    ) AS once_patient ON true
    LEFT JOIN LATERAL (
        SELECT array_agg(DISTINCT i.rule_code::text) AS codes FROM charging_chargeitem AS i
        WHERE p_once <> '{}' AND i.hospital_id = p_hospital AND i.encounter_id = encounter.id
          AND i.rule_code = ANY (p_once) AND i.status IN ('planned', 'unpriced', 'billable')
    ) AS once_encounter ON true
    LEFT JOIN LATERAL (
        SELECT array_agg(i.price_source || '>' || s.code) AS services FROM charging_chargeitem AS i
        JOIN catalog_service AS s ON s.hospital_id = p_hospital AND s.id = i.service_id
        WHERE p_packages AND i.hospital_id = p_hospital AND i.encounter_id = encounter.id
          AND i.price_source LIKE 'package:%' AND i.status IN ('planned', 'billable')
    ) AS packaged ON true
    ORDER BY r.ordinal;
END $$;

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
        JOIN charging_chargeitem AS c
            ON c.hospital_id = p_hospital AND c.patient_account_id = i.patient_account_id
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
            (hospital_id, id, event_id, line, rule_code, service_period, revision, configuration_version,
             patient_id, patient_account_id, encounter_id, order_id, department_id, service_id, payer_id,
             charge_type, priority, request_type, required_at, quantity, currency, unit_price_minor,
             gross_minor, discount_minor, tax_minor, net_minor, price_source, discount_source, tax_source,
             status, service_date, due_at, captured_at, delivered_at)
        SELECT p_hospital, i.id, i.event_id, i.line, i.rule_code, i.service_period, 0, p_version,
               i.patient_id, i.patient_account_id, i.encounter_id, i.order_id, i.department_id, i.service_id,
               i.payer_id, i.charge_type, i.priority, i.request_type, i.required_at, i.quantity, i.currency,
               i.unit_price_minor, i.gross_minor, i.discount_minor, i.tax_minor, i.net_minor,
               i.price_source, i.discount_source, i.tax_source, i.status, i.service_date, i.due_at,
               i.captured_at, i.delivered_at
        FROM event
        JOIN json_to_recordset(p_items) AS i (
            id uuid, event_id uuid, line int, rule_code text, service_period text, patient_id uuid,
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

-- Fulfil charges: what was owed as undelivered becomes revenue (one entry for all of them). Returns the
-- items that were delivered now; those delivered before are left as they are.
CREATE OR REPLACE FUNCTION charging_deliver(
    p_hospital uuid, p_items uuid[], p_entry uuid, p_source uuid, p_at timestamptz,
    p_posted_at timestamptz, p_actor text
) RETURNS SETOF uuid LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY
    WITH item AS (
        UPDATE charging_chargeitem SET delivered_at = p_at
        WHERE hospital_id = p_hospital AND id = ANY (p_items) AND status = 'billable' AND delivered_at IS NULL
        RETURNING id, patient_account_id, department_id, service_id, currency, net_minor, tax_minor
    ), entry AS (
        INSERT INTO ledger_journalentry (hospital_id, id, kind, source_id, occurred_at, posted_at, actor)
        SELECT p_hospital, p_entry, 'charge.delivered', p_source, p_at, p_posted_at, p_actor
        WHERE EXISTS (SELECT FROM item)
    ), posting AS (
        INSERT INTO ledger_posting
            (hospital_id, entry_id, line, account_code, amount_minor, currency, patient_account_id,
             charge_item_id, department_id, service_id)
        SELECT p_hospital, p_entry, row_number() OVER (), p.account_code, p.amount_minor, item.currency,
               item.patient_account_id, item.id, item.department_id, item.service_id
        FROM item
        CROSS JOIN LATERAL (VALUES
            ('contract_liability', item.net_minor - item.tax_minor),
            ('revenue', item.tax_minor - item.net_minor)
        ) AS p (account_code, amount_minor)
    )
    SELECT item.id FROM item;
END $$;

-- Amounts of a posted item never change; only a planned or unpriced item may still get its price.
CREATE OR REPLACE FUNCTION charging_guard_item() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status IN ('billable', 'cancelled', 'entered_in_error')
        AND (OLD.net_minor, OLD.tax_minor, OLD.gross_minor, OLD.unit_price_minor, OLD.service_period)
            IS DISTINCT FROM (NEW.net_minor, NEW.tax_minor, NEW.gross_minor, NEW.unit_price_minor, NEW.service_period)
    THEN
        RAISE EXCEPTION 'a posted charge item is never repriced: reverse it and post the next revision'
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.status <> OLD.status AND (OLD.status, NEW.status) NOT IN (
        ('planned', 'billable'), ('planned', 'cancelled'), ('unpriced', 'billable'), ('unpriced', 'planned'),
        ('unpriced', 'cancelled'), ('billable', 'cancelled'), ('billable', 'entered_in_error')
    ) THEN
        RAISE EXCEPTION 'a charge item does not go from % to %', OLD.status, NEW.status
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER charging_chargeitem_guard BEFORE UPDATE ON charging_chargeitem
    FOR EACH ROW EXECUTE FUNCTION charging_guard_item();

ALTER TABLE charging_chargeitem ADD CONSTRAINT charging_chargeitem_account_currency_fk
    FOREIGN KEY (hospital_id, patient_account_id, currency)
    REFERENCES patients_patientaccount (hospital_id, id, currency);
