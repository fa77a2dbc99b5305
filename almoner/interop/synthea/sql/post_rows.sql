-- Post the rows of a claim file that are not charges, one after the other as the file has them: what a row
-- can take depends on what the rows before it left open. Payments go through payments_record, everything
-- else through ledger_post; a row whose entry is in the journal already is passed over, so that repeating a
-- batch adds nothing. Returns how many rows were posted.
--
-- p_rows: a list of {kind, item, entry_id, handover_entry_id, amount_minor, payer_id, happened_at,
--   posted_at, actor, payment}; kind:
--   takeover      the payer takes over what the patient owes, at most amount_minor
--   hand_back     the payer's share goes back to the patient, at most amount_minor
--   adjustment    agreed reduction, the payer's part first, at most amount_minor
--   payment       payment holds what payments_record expects. A side that pays more than its part of the
--                 charge takes over from the other side first (handover_entry_id); what then is too much
--                 stays unallocated on the payment.
CREATE OR REPLACE FUNCTION synthea_transfer(
    p_hospital uuid, p_item uuid, p_entry uuid, p_payer uuid, p_amount bigint,
    p_at timestamptz, p_posted_at timestamptz, p_actor text
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF p_amount = 0 THEN
        RETURN;
    END IF;
    PERFORM ledger_post(
        p_hospital,
        json_build_object('id', p_entry, 'kind', 'charge.transferred', 'source_id', p_item,
                          'occurred_at', p_at, 'posted_at', p_posted_at, 'actor', p_actor),
        (SELECT json_agg(json_build_object(
             'account_code', side.account_code, 'amount_minor', side.amount_minor, 'currency', i.currency,
             'patient_account_id', i.patient_account_id, 'charge_item_id', i.id,
             'department_id', i.department_id, 'service_id', i.service_id, 'payer_id', p_payer))
         FROM charging_chargeitem AS i
         CROSS JOIN (VALUES ('payer_receivable', p_amount), ('patient_receivable', -p_amount))
             AS side (account_code, amount_minor)
         WHERE i.hospital_id = p_hospital AND i.id = p_item));
END $$;

CREATE OR REPLACE FUNCTION synthea_post_rows(p_hospital uuid, p_rows json) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    r record;
    posted int := 0;
    patient_open bigint;
    payer_open bigint;
    amount bigint;
    from_payer bigint;
    payable bigint;
    refused text;
BEGIN
    FOR r IN SELECT * FROM json_to_recordset(p_rows) AS row (
        kind text, item uuid, entry_id uuid, handover_entry_id uuid, amount_minor bigint, payer_id uuid,
        happened_at timestamptz, posted_at timestamptz, actor text, payment json)
    LOOP
        CONTINUE WHEN r.amount_minor = 0 OR EXISTS (
            SELECT FROM ledger_journalentry AS e WHERE e.hospital_id = p_hospital AND e.id = r.entry_id);
        patient_open := 0;
        payer_open := 0;
        SELECT o.patient_minor, o.payer_minor INTO patient_open, payer_open FROM ledger_openitem AS o
        WHERE o.hospital_id = p_hospital AND o.id = r.item;

        IF r.kind = 'takeover' THEN
            PERFORM synthea_transfer(p_hospital, r.item, r.entry_id, r.payer_id,
                least(r.amount_minor, patient_open), r.happened_at, r.posted_at, r.actor);
        ELSIF r.kind = 'hand_back' THEN
            PERFORM synthea_transfer(p_hospital, r.item, r.entry_id, r.payer_id,
                -least(r.amount_minor, payer_open), r.happened_at, r.posted_at, r.actor);
        ELSIF r.kind = 'adjustment' THEN
            amount := least(r.amount_minor, patient_open + payer_open);
            from_payer := least(amount, payer_open);
            PERFORM ledger_post(
                p_hospital,
                json_build_object('id', r.entry_id, 'kind', 'charge.adjusted', 'source_id', r.item,
                                  'occurred_at', r.happened_at, 'posted_at', r.posted_at, 'actor', r.actor),
                (SELECT json_agg(json_build_object(
                     'account_code', part.account_code, 'amount_minor', part.amount_minor,
                     'currency', i.currency, 'patient_account_id', i.patient_account_id,
                     'charge_item_id', i.id, 'department_id', i.department_id, 'service_id', i.service_id,
                     'payer_id', r.payer_id))
                 FROM charging_chargeitem AS i
                 CROSS JOIN (VALUES ('contractual_adjustment', amount), ('payer_receivable', -from_payer),
                                    ('patient_receivable', from_payer - amount))
                     AS part (account_code, amount_minor)
                 WHERE i.hospital_id = p_hospital AND i.id = r.item AND part.amount_minor <> 0))
            WHERE amount > 0;
        ELSE
            IF r.payment ->> 'side' = 'payer' THEN
                amount := least(greatest(r.amount_minor - payer_open, 0), patient_open);
                payable := payer_open + amount;
            ELSE
                amount := -least(greatest(r.amount_minor - patient_open, 0), payer_open);
                payable := patient_open - amount;
            END IF;
            PERFORM synthea_transfer(p_hospital, r.item, r.handover_entry_id, r.payer_id, amount,
                                     r.happened_at, r.posted_at, r.actor);
            amount := least(r.amount_minor, payable);
            SELECT p.outcome INTO refused FROM payments_record(
                p_hospital, r.payment,
                CASE WHEN amount > 0
                     THEN json_build_array(json_build_object('charge_item_id', r.item, 'amount_minor', amount))
                     ELSE '[]'::json END) AS p
            WHERE p.outcome <> 'recorded';
            IF refused IS NOT NULL THEN
                RAISE EXCEPTION 'payment % was refused: %', r.payment ->> 'idempotency_key', refused;
            END IF;
        END IF;
        posted := posted + (SELECT count(*) FROM ledger_journalentry AS e
                            WHERE e.hospital_id = p_hospital AND e.id = r.entry_id);
    END LOOP;
    RETURN posted;
END $$;
