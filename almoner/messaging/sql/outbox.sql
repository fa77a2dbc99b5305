-- What was sent, or was not to be sent, stays as it is: it says what a patient was told.
CREATE OR REPLACE FUNCTION messaging_keep_finished() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state IN ('sent', 'suppressed') THEN
        RAISE EXCEPTION 'a message that is % never changes', OLD.state USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER messaging_message_kept BEFORE UPDATE ON messaging_message
    FOR EACH ROW EXECUTE FUNCTION messaging_keep_finished();
