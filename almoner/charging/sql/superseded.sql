-- Whether a version charges is one thing, whether another took its place is another: only those that nothing
-- took the place of must not overlap.
ALTER TABLE charging_chargedefinition DROP CONSTRAINT charge_definition_versions_do_not_overlap;
ALTER TABLE charging_chargedefinition ADD CONSTRAINT charge_definition_versions_do_not_overlap EXCLUDE USING gist (
    charging_definition_key(hospital_id, code) WITH &&, daterange(starts_on, ends_on, '[]') WITH &&
) WHERE (NOT superseded);
