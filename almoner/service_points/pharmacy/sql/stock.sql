-- What is on hand follows from the movements, and from nothing else: a batch begins empty, each movement changes
-- it, and a constraint refuses what would take it below zero. The application may not write the column; the
-- function runs as the owner, on whom row-level security is forced as well.
CREATE OR REPLACE FUNCTION pharmacy_keep_stock() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE pharmacy_batch SET on_hand = on_hand + NEW.quantity
    WHERE hospital_id = NEW.hospital_id AND id = NEW.batch_id;
    RETURN NULL;
END $$;

CREATE TRIGGER pharmacy_stockmovement_keep_stock AFTER INSERT ON pharmacy_stockmovement
    FOR EACH ROW EXECUTE FUNCTION pharmacy_keep_stock();

-- Whatever is said: what is in a batch has to be received.
CREATE OR REPLACE FUNCTION pharmacy_batch_begins_empty() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.on_hand := 0;
    RETURN NEW;
END $$;

CREATE TRIGGER pharmacy_batch_begins_empty BEFORE INSERT ON pharmacy_batch
    FOR EACH ROW EXECUTE FUNCTION pharmacy_batch_begins_empty();

-- Of a dispensing no more comes back than went out, and of each of its batches no more than went out of it. The
-- prescription is locked first, so that two returns at once are judged one after the other.
CREATE OR REPLACE FUNCTION pharmacy_check_return() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    went_out numeric;
    came_back numeric;
BEGIN
    PERFORM 1 FROM orders_prescription AS p
    JOIN orders_prescriptionline AS l ON l.hospital_id = p.hospital_id AND l.prescription_id = p.id
    JOIN pharmacy_dispensing AS d ON d.hospital_id = l.hospital_id AND d.prescription_line_id = l.id
    WHERE p.hospital_id = NEW.hospital_id AND d.id = NEW.dispensing_id
    FOR NO KEY UPDATE OF p;
    SELECT CASE WHEN NEW.batch_id IS NULL THEN d.quantity ELSE coalesce(-sum(m.quantity), 0) END INTO went_out
    FROM pharmacy_dispensing AS d
    LEFT JOIN pharmacy_stockmovement AS m ON m.hospital_id = d.hospital_id AND m.source_id = d.id
        AND m.kind = 'dispensed' AND m.batch_id = NEW.batch_id
    WHERE d.hospital_id = NEW.hospital_id AND d.id = NEW.dispensing_id
    GROUP BY d.quantity;
    SELECT coalesce(sum(r.quantity), 0) INTO came_back FROM pharmacy_medicationreturn AS r
    WHERE r.hospital_id = NEW.hospital_id AND r.dispensing_id = NEW.dispensing_id
      AND (NEW.batch_id IS NULL OR r.batch_id = NEW.batch_id);
    IF came_back + NEW.quantity > went_out THEN
        RAISE EXCEPTION 'more comes back than was handed out'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'returned_at_most_dispensed';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER pharmacy_medicationreturn_check BEFORE INSERT ON pharmacy_medicationreturn
    FOR EACH ROW EXECUTE FUNCTION pharmacy_check_return();

ALTER TABLE pharmacy_dispensing ADD CONSTRAINT pharmacy_dispensing_substitution_id_tenant_fk
    FOREIGN KEY (hospital_id, substitution_id) REFERENCES pharmacy_substitution (hospital_id, id);
