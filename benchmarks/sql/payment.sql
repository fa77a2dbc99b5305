-- Floor of a payment: the next receipt number, one payment, three allocations, one entry, four postings, in
-- one statement that is told what to allocate. The summaries follow from the same statement trigger.
WITH line (number, item_id, service_id, net_minor) AS (
    VALUES (2, %(item_1)s::uuid, %(service_1)s::uuid, %(net_1)s::bigint),
           (3, %(item_2)s::uuid, %(service_2)s::uuid, %(net_2)s::bigint),
           (4, %(item_3)s::uuid, %(service_3)s::uuid, %(net_3)s::bigint)
), receipt AS (
    INSERT INTO kernel_numberseries AS series (id, hospital_id, series, year, last_number)
    VALUES (gen_random_uuid(), %(hospital)s, %(series)s, %(year)s, 1)
    ON CONFLICT (hospital_id, series, year) DO UPDATE SET last_number = series.last_number + 1
    RETURNING last_number
), payment AS (
    INSERT INTO payments_payment
        (hospital_id, id, patient_account_id, encounter_id, method, tendered_minor, change_minor,
         amount_minor, unallocated_minor, currency, reference, cash_point, receipt_series, receipt_year,
         receipt_number, received_at, recorded_at, received_by, idempotency_key, content_hash)
    SELECT %(hospital)s, %(payment)s, %(account)s, %(encounter)s, 'cash', %(amount)s, 0,
           %(amount)s, 0, 'USD', '', %(cash_point)s, %(series)s, %(year)s,
           last_number, %(at)s, %(at)s, 'floor', %(key)s, %(hash)s
    FROM receipt
), allocation AS (
    INSERT INTO payments_allocation
        (hospital_id, id, payment_id, charge_item_id, amount_minor, currency, allocated_at, source_id)
    SELECT %(hospital)s, gen_random_uuid(), %(payment)s, item_id, net_minor, 'USD', %(at)s, %(payment)s
    FROM line
), entry AS (
    INSERT INTO ledger_journalentry (hospital_id, id, kind, source_id, occurred_at, posted_at, actor)
    VALUES (%(hospital)s, %(entry)s, 'payment.received', %(payment)s, %(at)s, %(at)s, 'floor')
)
INSERT INTO ledger_posting
    (hospital_id, entry_id, line, account_code, amount_minor, currency, patient_account_id,
     charge_item_id, payment_id, department_id, service_id)
SELECT %(hospital)s::uuid, %(entry)s::uuid, number, 'patient_receivable', -net_minor, 'USD', %(account)s::uuid,
       item_id, %(payment)s::uuid, %(department)s::uuid, service_id
FROM line
UNION ALL
SELECT %(hospital)s, %(entry)s, 1, 'cash_drawer', %(amount)s, 'USD', %(account)s, NULL, %(payment)s, NULL, NULL
