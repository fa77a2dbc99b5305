-- What the database holds about drawers: counts that add up, nothing in or out of a closed one, no second closing.

-- The worth of a count such as {"2000": 3, "25": 4}: three notes of 20.00 and four quarters.
CREATE OR REPLACE FUNCTION payments_worth(p_count jsonb) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(sum(key::bigint * value::bigint), 0)::bigint FROM jsonb_each_text(p_count)
$$;

ALTER TABLE payments_cashsession
    ADD CONSTRAINT cash_session_float_counted CHECK (payments_worth(float_count) = float_minor),
    ADD CONSTRAINT cash_session_close_counted CHECK (counted_minor IS NULL OR payments_worth(closing_count) = counted_minor),
    ADD CONSTRAINT payments_cashsession_cash_point_fk
        FOREIGN KEY (hospital_id, cash_point) REFERENCES payments_cashpoint (hospital_id, code);

CREATE TRIGGER payments_cashsession_closed_once BEFORE UPDATE ON payments_cashsession
    FOR EACH ROW WHEN (OLD.closed_at IS NOT NULL) EXECUTE FUNCTION kernel_refuse_change();
CREATE TRIGGER payments_cashsession_kept BEFORE DELETE ON payments_cashsession
    FOR EACH ROW EXECUTE FUNCTION kernel_refuse_change();
CREATE TRIGGER payments_voidrequest_decided_once BEFORE UPDATE ON payments_voidrequest
    FOR EACH ROW WHEN (OLD.decision <> '') EXECUTE FUNCTION kernel_refuse_change();
CREATE TRIGGER payments_voidrequest_kept BEFORE DELETE ON payments_voidrequest
    FOR EACH ROW EXECUTE FUNCTION kernel_refuse_change();

-- Whoever closes a session locks its row; whoever moves money in it shares the row's key until the commit. So
-- a payment is either counted in the close or finds the session closed.
CREATE OR REPLACE FUNCTION payments_session_is_open() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM payments_cashsession
    WHERE hospital_id = NEW.hospital_id AND id = NEW.cash_session_id AND closed_at IS NULL
    FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the cash session is closed'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'cash_session_open';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER payments_payment_session_is_open AFTER INSERT ON payments_payment
    FOR EACH ROW WHEN (NEW.cash_session_id IS NOT NULL) EXECUTE FUNCTION payments_session_is_open();
CREATE TRIGGER payments_refund_session_is_open AFTER INSERT ON payments_refund
    FOR EACH ROW WHEN (NEW.cash_session_id IS NOT NULL) EXECUTE FUNCTION payments_session_is_open();
CREATE TRIGGER payments_void_session_is_open AFTER INSERT ON payments_paymentvoid
    FOR EACH ROW WHEN (NEW.cash_session_id IS NOT NULL) EXECUTE FUNCTION payments_session_is_open();
CREATE TRIGGER payments_transfer_session_is_open AFTER INSERT ON payments_cashtransfer
    FOR EACH ROW EXECUTE FUNCTION payments_session_is_open();

ALTER TABLE payments_payment ADD CONSTRAINT payments_payment_cash_session_id_tenant_fk
    FOREIGN KEY (hospital_id, cash_session_id) REFERENCES payments_cashsession (hospital_id, id);
ALTER TABLE payments_refund ADD CONSTRAINT payments_refund_cash_session_id_tenant_fk
    FOREIGN KEY (hospital_id, cash_session_id) REFERENCES payments_cashsession (hospital_id, id);
ALTER TABLE payments_paymentvoid ADD CONSTRAINT payments_paymentvoid_cash_session_id_tenant_fk
    FOREIGN KEY (hospital_id, cash_session_id) REFERENCES payments_cashsession (hospital_id, id);

-- A payment that was recorded before there were tenders has one: its own method.
DO $$
DECLARE
    hospital uuid;
BEGIN
    FOR hospital IN SELECT id FROM hospitals_hospital LOOP
        PERFORM set_config('almoner.hospital_id', hospital::text, true);
        INSERT INTO payments_paymenttender
            (hospital_id, id, payment_id, line, method, tendered_minor, change_minor, amount_minor, reference)
        SELECT hospital, gen_random_uuid(), id, 1, method, tendered_minor, change_minor, amount_minor, reference
        FROM payments_payment;
    END LOOP;
    PERFORM set_config('almoner.hospital_id', '', true);
END $$;
