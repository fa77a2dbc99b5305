-- Floor of accrual: what a day costs everybody in a bed of one hospital (8 daily charges, 24 hours of one hourly
-- charge), written by hand for prices that are known: items, an entry for each stay, postings. The summaries
-- follow from the same statement trigger that ours has.
WITH stay AS (
    SELECT a.id AS admission_id, e.id AS event_id, a.encounter_id, a.patient_id, account.id AS account_id,
           gen_random_uuid() AS entry_id
    FROM ward_bedstay AS s
    JOIN orders_admission AS a ON a.hospital_id = s.hospital_id AND a.id = s.admission_id
    JOIN charging_clinicalevent AS e
        ON e.hospital_id = s.hospital_id AND e.encounter_id = a.encounter_id AND e.kind = 'ward.admitted'
    JOIN patients_patientaccount AS account
        ON account.hospital_id = s.hospital_id AND account.patient_id = a.patient_id
    WHERE s.hospital_id = %(hospital)s AND s.ended_at IS NULL
), charge AS (
    SELECT 'day_' || n AS code, %(day)s::date::text AS period, 'daily' AS charge_type,
           1000 * n AS minor, service.id AS service_id
    FROM generate_series(1, 8) AS n
    JOIN catalog_service AS service ON service.hospital_id = %(hospital)s AND service.code = 'day_' || n
    UNION ALL
    SELECT 'hour', to_char(hour AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24"Z"'), 'hourly', 4500, service.id
    FROM generate_series(%(day)s::timestamptz, %(day)s::timestamptz + interval '23 hours', interval '1 hour') AS hour
    JOIN catalog_service AS service ON service.hospital_id = %(hospital)s AND service.code = 'hour'
), item AS (
    INSERT INTO charging_chargeitem
        (hospital_id, id, event_id, line, rule_code, rule_version, basis, service_period, revision,
         configuration_version, patient_id, patient_account_id, encounter_id, order_id, department_id, service_id,
         charge_type, priority, request_type, required_at, quantity, currency, unit_price_minor, gross_minor,
         discount_minor, tax_minor, net_minor, price_source, discount_source, tax_source, status,
         service_date, due_at, captured_at, delivered_at)
    SELECT %(hospital)s, gen_random_uuid(), stay.event_id, 0, charge.code, 1, 'general:1', charge.period, 0,
           0, stay.patient_id, stay.account_id, stay.encounter_id, stay.admission_id, %(department)s,
           charge.service_id, charge.charge_type, 'routine', 'first', '{}', 1, 'USD', charge.minor, charge.minor,
           0, 0, charge.minor, 'definition', '', '', 'billable', %(day)s::date, %(at)s, %(at)s, %(at)s
    FROM stay CROSS JOIN charge
    RETURNING id, event_id, patient_account_id, service_id, net_minor
), entry AS (
    INSERT INTO ledger_journalentry (hospital_id, id, kind, source_id, occurred_at, posted_at, actor)
    SELECT %(hospital)s, entry_id, 'charge.captured', event_id, %(at)s, %(at)s, 'floor' FROM stay
)
INSERT INTO ledger_posting
    (hospital_id, entry_id, line, account_code, amount_minor, currency, patient_account_id, charge_item_id,
     department_id, service_id)
SELECT %(hospital)s, stay.entry_id, row_number() OVER (PARTITION BY stay.entry_id), posting.account_code,
       posting.amount_minor, 'USD', item.patient_account_id, item.id, %(department)s, item.service_id
FROM item
JOIN stay ON stay.event_id = item.event_id
CROSS JOIN LATERAL (VALUES ('patient_receivable', item.net_minor), ('revenue', -item.net_minor))
    AS posting (account_code, amount_minor)
