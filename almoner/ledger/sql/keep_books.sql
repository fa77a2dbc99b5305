-- What the ledger promises, kept by the database itself.
--
-- One insert of postings is one or more whole entries: it balances per entry and currency, or it is
-- refused. From the same postings the two summaries follow: the open item of a charge, and the balance of
-- a patient account. The function runs as the owner, so that the application can read the summaries but
-- has no right to write them; row-level security is forced on the owner too.
--
-- What is there already is found by the unique key (ON CONFLICT) or by ids (= ANY), never by a join alone: for a
-- hospital that is new beside a large one the planner expects no rows, and would look through all of the hospital's
-- for each that changed. What is added may be a night's hundred thousands, what is taken off is a few.
CREATE OR REPLACE FUNCTION ledger_keep_books() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    taken_off uuid[];
BEGIN
    IF EXISTS (
        SELECT FROM fresh GROUP BY hospital_id, entry_id, currency HAVING sum(amount_minor) <> 0
    ) THEN
        RAISE EXCEPTION 'a journal entry does not balance'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'entry_balances';
    END IF;

    INSERT INTO ledger_openitem AS item
        (hospital_id, id, patient_account_id, currency, patient_minor, payer_minor)
    SELECT hospital_id, charge_item_id, patient_account_id, currency,
           greatest(coalesce(sum(amount_minor) FILTER (WHERE account_code = 'patient_receivable'), 0), 0),
           greatest(coalesce(sum(amount_minor) FILTER (WHERE account_code = 'payer_receivable'), 0), 0)
    FROM fresh
    WHERE charge_item_id IS NOT NULL AND account_code IN ('patient_receivable', 'payer_receivable')
    GROUP BY hospital_id, charge_item_id, patient_account_id, currency
    ON CONFLICT (hospital_id, id) DO UPDATE
        SET patient_minor = item.patient_minor + excluded.patient_minor,
            payer_minor = item.payer_minor + excluded.payer_minor
        WHERE excluded.patient_minor > 0 OR excluded.payer_minor > 0;

    taken_off := ARRAY (
        SELECT DISTINCT charge_item_id FROM fresh
        WHERE charge_item_id IS NOT NULL AND account_code IN ('patient_receivable', 'payer_receivable')
          AND amount_minor < 0
    );
    WITH change AS (
        SELECT hospital_id, charge_item_id,
               least(coalesce(sum(amount_minor) FILTER (WHERE account_code = 'patient_receivable'), 0), 0)
                   AS patient_minor,
               least(coalesce(sum(amount_minor) FILTER (WHERE account_code = 'payer_receivable'), 0), 0)
                   AS payer_minor
        FROM fresh
        WHERE charge_item_id = ANY (taken_off) AND account_code IN ('patient_receivable', 'payer_receivable')
        GROUP BY hospital_id, charge_item_id
    )
    UPDATE ledger_openitem AS item
    SET patient_minor = item.patient_minor + change.patient_minor,
        payer_minor = item.payer_minor + change.payer_minor
    FROM change
    WHERE item.hospital_id = change.hospital_id AND item.id = change.charge_item_id
      AND item.id = ANY (taken_off) AND (change.patient_minor < 0 OR change.payer_minor < 0);

    INSERT INTO ledger_patientbalance AS balance
        (hospital_id, id, currency, receivable_minor, payer_receivable_minor, deposit_minor)
    SELECT hospital_id, patient_account_id, currency,
           greatest(coalesce(sum(amount_minor) FILTER (WHERE account_code = 'patient_receivable'), 0), 0),
           greatest(coalesce(sum(amount_minor) FILTER (WHERE account_code = 'payer_receivable'), 0), 0),
           greatest(coalesce(-sum(amount_minor) FILTER (WHERE account_code = 'patient_deposits'), 0), 0)
    FROM fresh
    WHERE patient_account_id IS NOT NULL
      AND account_code IN ('patient_receivable', 'payer_receivable', 'patient_deposits')
    GROUP BY hospital_id, patient_account_id, currency
    ON CONFLICT (hospital_id, id) DO UPDATE
        SET receivable_minor = balance.receivable_minor + excluded.receivable_minor,
            payer_receivable_minor = balance.payer_receivable_minor + excluded.payer_receivable_minor,
            deposit_minor = balance.deposit_minor + excluded.deposit_minor
        WHERE excluded.receivable_minor > 0 OR excluded.payer_receivable_minor > 0 OR excluded.deposit_minor > 0;

    taken_off := ARRAY (
        SELECT DISTINCT patient_account_id FROM fresh
        WHERE patient_account_id IS NOT NULL
          AND (account_code IN ('patient_receivable', 'payer_receivable') AND amount_minor < 0
               OR account_code = 'patient_deposits' AND amount_minor > 0)
    );
    WITH change AS (
        SELECT hospital_id, patient_account_id,
               least(coalesce(sum(amount_minor) FILTER (WHERE account_code = 'patient_receivable'), 0), 0)
                   AS receivable,
               least(coalesce(sum(amount_minor) FILTER (WHERE account_code = 'payer_receivable'), 0), 0)
                   AS payer_receivable,
               least(coalesce(-sum(amount_minor) FILTER (WHERE account_code = 'patient_deposits'), 0), 0) AS deposit
        FROM fresh
        WHERE patient_account_id = ANY (taken_off)
          AND account_code IN ('patient_receivable', 'payer_receivable', 'patient_deposits')
        GROUP BY hospital_id, patient_account_id
    )
    UPDATE ledger_patientbalance AS balance
    SET receivable_minor = balance.receivable_minor + change.receivable,
        payer_receivable_minor = balance.payer_receivable_minor + change.payer_receivable,
        deposit_minor = balance.deposit_minor + change.deposit
    FROM change
    WHERE balance.hospital_id = change.hospital_id AND balance.id = change.patient_account_id
      AND balance.id = ANY (taken_off)
      AND (change.receivable < 0 OR change.payer_receivable < 0 OR change.deposit < 0);
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER ledger_posting_keep_books AFTER INSERT ON ledger_posting
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION ledger_keep_books();

-- An entry without postings says nothing; it is refused at commit.
CREATE OR REPLACE FUNCTION ledger_entry_has_postings() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM ledger_posting WHERE hospital_id = NEW.hospital_id AND entry_id = NEW.id
    ) THEN
        RAISE EXCEPTION 'journal entry % has no postings', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'entry_has_postings';
    END IF;
    RETURN NULL;
END $$;

DROP TRIGGER IF EXISTS ledger_journalentry_has_postings ON ledger_journalentry;
CREATE CONSTRAINT TRIGGER ledger_journalentry_has_postings AFTER INSERT ON ledger_journalentry
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_entry_has_postings();

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_constraint WHERE conname = 'ledger_posting_account_fk') THEN
        ALTER TABLE ledger_posting ADD CONSTRAINT ledger_posting_account_fk
            FOREIGN KEY (hospital_id, account_code) REFERENCES ledger_ledgeraccount (hospital_id, code);
    END IF;
END $$;
