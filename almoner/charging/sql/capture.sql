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
