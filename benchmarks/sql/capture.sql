-- Floor of capture: one event, three charge items, one entry, six postings, in one statement. The
-- summaries (open items, patient balance) follow from the same statement trigger that ours has.
WITH line (number, item_id, service_id, net_minor) AS (
    VALUES (1, %(item_1)s::uuid, %(service_1)s::uuid, %(net_1)s::bigint),
           (2, %(item_2)s::uuid, %(service_2)s::uuid, %(net_2)s::bigint),
           (3, %(item_3)s::uuid, %(service_3)s::uuid, %(net_3)s::bigint)
), event AS (
    INSERT INTO charging_clinicalevent
        (hospital_id, id, kind, idempotency_key, content_hash, occurred_at, recorded_at, recorded_by,
         patient_id, encounter_id, department_id, body, after_discharge)
    VALUES (%(hospital)s, %(event)s, 'service.provided', %(key)s, %(hash)s, %(at)s, %(at)s, 'floor',
            %(patient)s, %(encounter)s, %(department)s, '{}', false)
), item AS (
    INSERT INTO charging_chargeitem
        (hospital_id, id, event_id, line, rule_code, service_period, revision, configuration_version,
         patient_id, patient_account_id, encounter_id, department_id, service_id, charge_type, priority,
         request_type, required_at, quantity, currency, unit_price_minor, gross_minor, discount_minor,
         tax_minor, net_minor, price_source, discount_source, tax_source, status, service_date, due_at,
         captured_at)
    SELECT %(hospital)s, item_id, %(event)s, number, 'service_provided', '', 0, 0,
           %(patient)s, %(account)s, %(encounter)s, %(department)s, service_id, 'one_time', 'routine',
           'first', ARRAY['consultation.start'], 1, 'USD', net_minor, net_minor, 0,
           0, net_minor, 'tariff', '', '', 'billable', %(date)s, %(at)s,
           %(at)s
    FROM line
), entry AS (
    INSERT INTO ledger_journalentry (hospital_id, id, kind, source_id, occurred_at, posted_at, actor)
    VALUES (%(hospital)s, %(entry)s, 'charge.captured', %(event)s, %(at)s, %(at)s, 'floor')
)
INSERT INTO ledger_posting
    (hospital_id, entry_id, line, account_code, amount_minor, currency, patient_account_id,
     charge_item_id, department_id, service_id)
SELECT %(hospital)s, %(entry)s, 2 * number - posting.side, posting.account_code, posting.amount_minor, 'USD',
       %(account)s, item_id, %(department)s, service_id
FROM line
CROSS JOIN LATERAL (
    VALUES (1, 'patient_receivable', net_minor), (0, 'contract_liability', -net_minor)
) AS posting (side, account_code, amount_minor)
