-- Floor of a batch: the same rows for 100 events, from arrays, in one statement.
WITH given AS (
    SELECT * FROM unnest(
        %(events)s::uuid[], %(keys)s::text[], %(hashes)s::text[], %(patients)s::uuid[], %(accounts)s::uuid[],
        %(encounters)s::uuid[], %(entries)s::uuid[]
    ) AS e (event_id, key, hash, patient_id, account_id, encounter_id, entry_id)
), line AS (
    SELECT *
    FROM unnest(
        %(item_events)s::uuid[], %(numbers)s::int[], %(items)s::uuid[], %(services)s::uuid[], %(nets)s::bigint[]
    ) AS i (event_id, number, item_id, service_id, net_minor)
    JOIN given USING (event_id)
), event AS (
    INSERT INTO charging_clinicalevent
        (hospital_id, id, kind, idempotency_key, content_hash, occurred_at, recorded_at, recorded_by,
         patient_id, encounter_id, department_id, body, after_discharge)
    SELECT %(hospital)s, event_id, 'service.provided', key, hash, %(at)s, %(at)s, 'floor',
           patient_id, encounter_id, %(department)s, '{}', false
    FROM given
), item AS (
    INSERT INTO charging_chargeitem
        (hospital_id, id, event_id, line, rule_code, service_period, revision, configuration_version,
         patient_id, patient_account_id, encounter_id, department_id, service_id, charge_type, priority,
         request_type, required_at, quantity, currency, unit_price_minor, gross_minor, discount_minor,
         tax_minor, net_minor, price_source, discount_source, tax_source, status, service_date, due_at,
         captured_at)
    SELECT %(hospital)s, item_id, event_id, number, 'service_provided', '', 0, 0,
           patient_id, account_id, encounter_id, %(department)s, service_id, 'one_time', 'routine',
           'first', ARRAY['consultation.start'], 1, 'USD', net_minor, net_minor, 0,
           0, net_minor, 'tariff', '', '', 'billable', %(date)s, %(at)s,
           %(at)s
    FROM line
), entry AS (
    INSERT INTO ledger_journalentry (hospital_id, id, kind, source_id, occurred_at, posted_at, actor)
    SELECT %(hospital)s, entry_id, 'charge.captured', event_id, %(at)s, %(at)s, 'floor' FROM given
)
INSERT INTO ledger_posting
    (hospital_id, entry_id, line, account_code, amount_minor, currency, patient_account_id,
     charge_item_id, department_id, service_id)
SELECT %(hospital)s, entry_id, 2 * number - posting.side, posting.account_code, posting.amount_minor, 'USD',
       account_id, item_id, %(department)s, service_id
FROM line
CROSS JOIN LATERAL (
    VALUES (1, 'patient_receivable', net_minor), (0, 'contract_liability', -net_minor)
) AS posting (side, account_code, amount_minor)
