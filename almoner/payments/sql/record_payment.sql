-- Record a payment: allocate it, number its receipt, post its entry. One call, one lock (the account), so
-- that fifty payments for one charge are taken one after the other and the last ones are refused.
--
-- p_payment: the columns of the payment, without receipt number and unallocated amount, plus
--   entry_id, side ('patient' or 'payer'), excess ('refuse' or 'deposit'), cashier_id (the user who takes it;
--   null for a program), all_accounts (null: the payment's account alone) and tenders: [{method, account_code
--   (what is debited), tendered_minor, change_minor, amount_minor, reference}], which add up to the payment.
-- p_allocations: a list of {charge_item_id, amount_minor}; null: the oldest open charges first, of the
--   payment's encounter when it has one, else of the whole account.
--
-- A patient whose records were merged has several accounts. Only a payment that its own account cannot take
-- asks for the others (outcome several_accounts); it is sent again with all_accounts, and then locks them in
-- the order in which everybody locks accounts. Each charge is settled on the account where it is owed; what is
-- left over is held on the payment's own.
--
-- The money goes into the session that the cashier has open at the cash point, or, from a program, into
-- whichever is open there. A person takes no cash without one.
--
-- outcome: recorded, replayed, unknown_account, wrong_currency, unknown_item (detail: the item),
--   item_overpaid (detail: the item), exceeds_outstanding (detail: the outstanding amount), no_open_drawer,
--   several_accounts.
-- Only the first of these writes anything.
CREATE OR REPLACE FUNCTION payments_record(p_hospital uuid, p_payment json, p_allocations json)
RETURNS TABLE (outcome text, payment_id uuid, content_hash text, receipt_number bigint,
               unallocated_minor bigint, detail text)
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    pay record;
    known record;
    account_currency text;
    accounts uuid[];
    items uuid[];
    amounts bigint[];
    allocated bigint;
    outstanding bigint;
    wrong uuid;
    number bigint;
    session uuid;
BEGIN
    PERFORM set_config('almoner.hospital_id', p_hospital::text, true);
    SELECT * INTO pay FROM json_to_record(p_payment) AS p (
        id uuid, patient_account_id uuid, encounter_id uuid, payer_id uuid, method text,
        tendered_minor bigint, change_minor bigint, amount_minor bigint, currency text, reference text,
        cash_point text, receipt_series text, receipt_year int, received_at timestamptz,
        recorded_at timestamptz, received_by text, idempotency_key text, content_hash text,
        entry_id uuid, side text, excess text, cashier_id uuid, all_accounts boolean, tenders json);

    accounts := ARRAY[pay.patient_account_id];
    IF pay.all_accounts THEN
        SELECT array_agg(locked.id) INTO accounts FROM (
            SELECT a.id FROM patients_patientaccount AS a
            JOIN patients_patientaccount AS named
                ON named.hospital_id = p_hospital AND named.id = pay.patient_account_id
               AND named.patient_id = a.patient_id AND named.currency = a.currency
            WHERE a.hospital_id = p_hospital
            ORDER BY a.id FOR NO KEY UPDATE OF a
        ) AS locked;
    END IF;
    SELECT a.currency INTO account_currency FROM patients_patientaccount AS a
    WHERE a.hospital_id = p_hospital AND a.id = pay.patient_account_id FOR NO KEY UPDATE;
    SELECT p.id, p.content_hash, p.receipt_number, p.unallocated_minor INTO known FROM payments_payment AS p
    WHERE p.hospital_id = p_hospital AND p.idempotency_key = pay.idempotency_key;
    IF known.id IS NOT NULL THEN
        RETURN QUERY SELECT 'replayed', known.id, known.content_hash::text, known.receipt_number,
                            known.unallocated_minor, NULL::text;
        RETURN;
    END IF;
    IF account_currency IS NULL THEN
        RETURN QUERY SELECT 'unknown_account', NULL::uuid, NULL::text, NULL::bigint, NULL::bigint, NULL::text;
        RETURN;
    END IF;
    IF account_currency <> pay.currency THEN
        RETURN QUERY SELECT 'wrong_currency', NULL::uuid, NULL::text, NULL::bigint, NULL::bigint, account_currency;
        RETURN;
    END IF;

    SELECT s.id INTO session FROM payments_cashsession AS s
    WHERE s.hospital_id = p_hospital AND s.closed_at IS NULL AND s.cash_point = pay.cash_point
      AND s.currency = pay.currency AND (pay.cashier_id IS NULL OR s.cashier_id = pay.cashier_id)
    FOR KEY SHARE;
    IF session IS NULL AND pay.cashier_id IS NOT NULL AND EXISTS (
        SELECT FROM json_to_recordset(pay.tenders) AS t (method text) WHERE t.method = 'cash'
    ) THEN
        RETURN QUERY SELECT 'no_open_drawer', NULL::uuid, NULL::text, NULL::bigint, NULL::bigint, NULL::text;
        RETURN;
    END IF;

    IF p_allocations IS NULL THEN
        SELECT array_agg(due.id), array_agg(least(due.open, pay.amount_minor - due.before)), sum(due.open)
        INTO items, amounts, outstanding
        FROM (
            SELECT o.id, o.open, o.before FROM (
                SELECT open_item.id, open_item.open,
                       coalesce(sum(open_item.open) OVER (
                           ORDER BY open_item.service_date, open_item.id
                           ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before
                FROM unnest(accounts) AS account (id)
                CROSS JOIN LATERAL (
                    SELECT o.id, o.patient_minor AS open, i.service_date, i.encounter_id
                    FROM ledger_openitem AS o
                    JOIN charging_chargeitem AS i ON i.hospital_id = p_hospital AND i.id = o.id
                    WHERE pay.side = 'patient' AND o.hospital_id = p_hospital
                      AND o.patient_account_id = account.id AND o.patient_minor > 0
                    UNION ALL
                    SELECT o.id, o.payer_minor, i.service_date, i.encounter_id
                    FROM charging_chargeitem AS i
                    JOIN ledger_openitem AS o ON o.hospital_id = p_hospital AND o.id = i.id
                    WHERE pay.side = 'payer' AND i.hospital_id = p_hospital
                      AND i.patient_account_id = account.id AND o.payer_minor > 0
                ) AS open_item
                WHERE pay.encounter_id IS NULL OR open_item.encounter_id = pay.encounter_id
            ) AS o
            WHERE o.before < pay.amount_minor
        ) AS due;
    ELSE
        SELECT min(g.charge_item_id::text) INTO wrong
        FROM json_to_recordset(p_allocations) AS g (charge_item_id uuid, amount_minor bigint)
        LEFT JOIN ledger_openitem AS o ON o.hospital_id = p_hospital AND o.id = g.charge_item_id
        WHERE o.id IS NULL OR o.patient_account_id <> ALL (accounts);
        IF wrong IS NOT NULL THEN
            IF pay.all_accounts IS NULL AND payments_has_other_accounts(p_hospital, pay.patient_account_id) THEN
                RETURN QUERY SELECT 'several_accounts', NULL::uuid, NULL::text, NULL::bigint, NULL::bigint, NULL::text;
                RETURN;
            END IF;
            RETURN QUERY SELECT 'unknown_item', NULL::uuid, NULL::text, NULL::bigint, NULL::bigint, wrong::text;
            RETURN;
        END IF;
        SELECT min(o.id::text) INTO wrong
        FROM json_to_recordset(p_allocations) AS g (charge_item_id uuid, amount_minor bigint)
        JOIN ledger_openitem AS o ON o.hospital_id = p_hospital AND o.id = g.charge_item_id
        WHERE g.amount_minor > CASE WHEN pay.side = 'payer' THEN o.payer_minor ELSE o.patient_minor END;
        IF wrong IS NOT NULL THEN
            RETURN QUERY SELECT 'item_overpaid', NULL::uuid, NULL::text, NULL::bigint, NULL::bigint, wrong::text;
            RETURN;
        END IF;
        SELECT array_agg(g.charge_item_id), array_agg(g.amount_minor) INTO items, amounts
        FROM json_to_recordset(p_allocations) AS g (charge_item_id uuid, amount_minor bigint);
    END IF;

    SELECT coalesce(sum(a), 0) INTO allocated FROM unnest(amounts) AS a;
    IF allocated < pay.amount_minor AND p_allocations IS NULL AND pay.all_accounts IS NULL
        AND payments_has_other_accounts(p_hospital, pay.patient_account_id)
    THEN
        RETURN QUERY SELECT 'several_accounts', NULL::uuid, NULL::text, NULL::bigint, NULL::bigint, NULL::text;
        RETURN;
    END IF;
    IF allocated < pay.amount_minor AND pay.excess <> 'deposit' THEN
        RETURN QUERY SELECT 'exceeds_outstanding', NULL::uuid, NULL::text, NULL::bigint, NULL::bigint,
                            coalesce(allocated, 0)::text;
        RETURN;
    END IF;

    number := kernel_next_number(p_hospital, pay.receipt_series, pay.receipt_year);
    WITH payment AS (
        INSERT INTO payments_payment
            (hospital_id, id, patient_account_id, encounter_id, payer_id, method, tendered_minor, change_minor,
             amount_minor, unallocated_minor, currency, reference, cash_point, cash_session_id, receipt_series,
             receipt_year, receipt_number, received_at, recorded_at, received_by, idempotency_key, content_hash)
        VALUES
            (p_hospital, pay.id, pay.patient_account_id, pay.encounter_id, pay.payer_id, pay.method,
             pay.tendered_minor, pay.change_minor, pay.amount_minor, pay.amount_minor - allocated, pay.currency,
             pay.reference, pay.cash_point, session, pay.receipt_series, pay.receipt_year, number,
             pay.received_at, pay.recorded_at, pay.received_by, pay.idempotency_key, pay.content_hash)
    ), tender AS (
        INSERT INTO payments_paymenttender
            (hospital_id, id, payment_id, line, method, tendered_minor, change_minor, amount_minor, reference)
        SELECT p_hospital, gen_random_uuid(), pay.id, row_number() OVER (), t.method, t.tendered_minor,
               t.change_minor, t.amount_minor, t.reference
        FROM json_to_recordset(pay.tenders) AS t (
            method text, tendered_minor bigint, change_minor bigint, amount_minor bigint, reference text)
    ), allocation AS (
        INSERT INTO payments_allocation
            (hospital_id, id, payment_id, charge_item_id, amount_minor, currency, allocated_at, source_id)
        SELECT p_hospital, gen_random_uuid(), pay.id, a.item, a.amount, pay.currency, pay.recorded_at, pay.id
        FROM unnest(items, amounts) AS a (item, amount)
    ), entry AS (
        INSERT INTO ledger_journalentry (hospital_id, id, kind, source_id, occurred_at, posted_at, actor)
        VALUES (p_hospital, pay.entry_id, 'payment.received', pay.id, pay.received_at, pay.recorded_at,
                pay.received_by)
    )
    INSERT INTO ledger_posting
        (hospital_id, entry_id, line, account_code, amount_minor, currency, patient_account_id,
         charge_item_id, payment_id, department_id, service_id, payer_id, cash_session_id)
    SELECT p_hospital, pay.entry_id, row_number() OVER (), p.account_code, p.amount_minor, pay.currency,
           p.patient_account_id, p.charge_item_id, pay.id, p.department_id, p.service_id, pay.payer_id,
           p.cash_session_id
    FROM (
        SELECT t.account_code, t.amount_minor, pay.patient_account_id AS patient_account_id,
               NULL::uuid AS charge_item_id, NULL::uuid AS department_id, NULL::uuid AS service_id,
               session AS cash_session_id
        FROM json_to_recordset(pay.tenders) AS t (account_code text, amount_minor bigint)
        UNION ALL
        SELECT CASE WHEN pay.side = 'payer' THEN 'payer_receivable' ELSE 'patient_receivable' END, -a.amount,
               i.patient_account_id, a.item, i.department_id, i.service_id, NULL
        FROM unnest(items, amounts) AS a (item, amount)
        JOIN charging_chargeitem AS i ON i.hospital_id = p_hospital AND i.id = a.item
        UNION ALL
        SELECT 'patient_deposits', allocated - pay.amount_minor, pay.patient_account_id, NULL, NULL, NULL, NULL
        WHERE allocated < pay.amount_minor
    ) AS p;
    RETURN QUERY SELECT 'recorded', pay.id, pay.content_hash, number, pay.amount_minor - allocated, NULL::text;
END $$;

-- Whether the patient of an account has another one in its currency: their records were merged.
CREATE OR REPLACE FUNCTION payments_has_other_accounts(p_hospital uuid, p_account uuid) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT FROM patients_patientaccount AS named
        JOIN patients_patientaccount AS other
            ON other.hospital_id = p_hospital AND other.patient_id = named.patient_id
           AND other.currency = named.currency AND other.id <> named.id
        WHERE named.hospital_id = p_hospital AND named.id = p_account
    )
$$;

ALTER TABLE payments_payment DROP CONSTRAINT IF EXISTS payments_payment_account_currency_fk;
ALTER TABLE payments_payment ADD CONSTRAINT payments_payment_account_currency_fk
    FOREIGN KEY (hospital_id, patient_account_id, currency)
    REFERENCES patients_patientaccount (hospital_id, id, currency);

ALTER TABLE payments_payment DROP CONSTRAINT IF EXISTS payments_payment_cash_point_fk;
ALTER TABLE payments_payment ADD CONSTRAINT payments_payment_cash_point_fk
    FOREIGN KEY (hospital_id, cash_point) REFERENCES payments_cashpoint (hospital_id, code);
ALTER TABLE payments_payment DROP CONSTRAINT IF EXISTS payments_payment_payer_fk;
ALTER TABLE payments_payment ADD CONSTRAINT payments_payment_payer_fk
    FOREIGN KEY (hospital_id, payer_id) REFERENCES patients_payer (hospital_id, id);
