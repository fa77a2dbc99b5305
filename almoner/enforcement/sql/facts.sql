-- Planned and unpriced charges of an account, and a patient's overrides, found without scanning.
CREATE INDEX item_not_posted ON charging_chargeitem (hospital_id, patient_account_id)
    WHERE status IN ('planned', 'unpriced');
CREATE INDEX override_by_patient ON enforcement_override (hospital_id, patient_id, expires_at);
