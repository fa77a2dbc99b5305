-- Two lines of one tariff for the same service and the same conditions must not overlap in time: at any
-- date at most one of them is in force. GiST compares ranges, not identifiers (that would need an
-- extension), so the key of a line goes in as a range of one point, its 64-bit hash.
CREATE OR REPLACE FUNCTION catalog_line_key(
    hospital uuid, service uuid, payer text, patient_category text, ward_type text, department text
) RETURNS int8range LANGUAGE sql IMMUTABLE AS $$
    SELECT int8range(h, h, '[]') FROM (SELECT hashtextextended(
        concat_ws('|', hospital::text, service::text, payer, patient_category, ward_type, department), 0) / 2 AS h
    ) AS key
$$;

ALTER TABLE catalog_tariffline ADD CONSTRAINT tariff_lines_do_not_overlap EXCLUDE USING gist (
    catalog_line_key(hospital_id, service_id, payer, patient_category, ward_type, department) WITH &&,
    daterange(starts_on, ends_on, '[]') WITH &&
);
