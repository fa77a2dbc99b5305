-- Money rows are never edited: whoever wants another truth writes the reversal.
CREATE OR REPLACE FUNCTION kernel_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: write a reversal instead', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;

-- The next number of a series, in the transaction of whoever issues it: a roll-back gives it back, so
-- a series has no gap. The row lock is held until that transaction ends, which is why every cash point
-- has a series of its own.
CREATE OR REPLACE FUNCTION kernel_next_number(p_hospital uuid, p_series text, p_year int)
RETURNS bigint LANGUAGE sql AS $$
    INSERT INTO kernel_numberseries (id, hospital_id, series, year, last_number)
    VALUES (gen_random_uuid(), p_hospital, p_series, p_year, 1)
    ON CONFLICT (hospital_id, series, year)
        DO UPDATE SET last_number = kernel_numberseries.last_number + 1
    RETURNING last_number
$$;
