-- The words that find a patient, kept by a trigger. The pages look them up by their first letters with the
-- pattern operators (~>=~ and ~<~), which row-level security lets use an index; LIKE and full-text search are
-- not allowed below its barrier, and would read every patient.

-- Lower case, without accents, cut at white space and punctuation; `almoner.pages.search` does the same.
CREATE OR REPLACE FUNCTION pages_words(p_text text) RETURNS SETOF text LANGUAGE sql IMMUTABLE AS $$
    SELECT DISTINCT left(word, 200)
    FROM regexp_split_to_table(
        lower(regexp_replace(normalize(p_text, NFD), '[\u0300-\u036f]', '', 'g')),
        '[\s,.;:/()''"’-]+'
    ) AS word
    WHERE word <> ''
$$;

-- The words of one patient. A phone is found by all its digits, and by the last nine and seven of them.
CREATE OR REPLACE FUNCTION pages_patient_words(p_name text, p_mrn text, p_phone text)
RETURNS SETOF text LANGUAGE sql IMMUTABLE AS $$
    SELECT pages_words(p_name)
    UNION SELECT lower(p_mrn)
    UNION SELECT right(digits.phone, kept.length)
          FROM (SELECT regexp_replace(p_phone, '\D', '', 'g') AS phone) AS digits,
               (VALUES (40), (9), (7)) AS kept (length)
          WHERE length(digits.phone) >= 5
$$;

CREATE OR REPLACE FUNCTION pages_keep_search_keys() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        DELETE FROM pages_patientsearchkey WHERE hospital_id = NEW.hospital_id AND patient_id = NEW.id;
    END IF;
    INSERT INTO pages_patientsearchkey (id, hospital_id, patient_id, word)
    SELECT gen_random_uuid(), NEW.hospital_id, NEW.id, word
    FROM pages_patient_words(NEW.name, NEW.mrn, NEW.phone) AS word;
    RETURN NULL;
END $$;

CREATE TRIGGER patient_search_keys AFTER INSERT OR UPDATE OF name, mrn, phone ON patients_patient
    FOR EACH ROW EXECUTE FUNCTION pages_keep_search_keys();

-- Patients who were here before this table was.
DO $$
DECLARE
    hospital uuid;
BEGIN
    FOR hospital IN SELECT id FROM hospitals_hospital LOOP
        PERFORM set_config('almoner.hospital_id', hospital::text, true);
        INSERT INTO pages_patientsearchkey (id, hospital_id, patient_id, word)
        SELECT gen_random_uuid(), hospital, patient.id, word
        FROM patients_patient AS patient, pages_patient_words(patient.name, patient.mrn, patient.phone) AS word;
    END LOOP;
    PERFORM set_config('almoner.hospital_id', '', true);
END $$;
