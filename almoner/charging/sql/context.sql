-- What pricing needs to know about each event, in one read. It also tells row-level security which
-- hospital is meant, so that the caller need not spend a round trip on it.
--
-- p_requests: a list of {ordinal, idempotency_key, patient_id, encounter_id, service_date}.
-- p_once: codes of rules that charge a patient or an encounter once; a patient whose records were merged has
-- several accounts, and what was charged once stands on any of them. p_packages: whether the hospital has any.
--
-- Each row is looked up by its key (OFFSET 0 keeps the planner from joining whole tables to a request whose
-- length it cannot know). The keys are told apart with CASE: coalesce() is not leakproof, so under
-- row-level security an index would not be asked for it.
CREATE OR REPLACE FUNCTION charging_context(p_hospital uuid, p_requests json, p_once text[], p_packages boolean)
RETURNS TABLE (
    ordinal int, configuration_version int,
    event_id uuid, event_hash text,
    patient_id uuid, patient_category text, account_id uuid, currency text,
    encounter_id uuid, encounter_patient_id uuid, encounter_class text, encounter_ended_at timestamptz,
    department_id uuid, department_code text, department_kind text, ward_type text, visit_type text,
    payer_id uuid, payer_code text,
    charged_once_patient text[], charged_once_encounter text[], packaged text[]
) LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
    PERFORM set_config('almoner.hospital_id', p_hospital::text, true);
    RETURN QUERY
    SELECT r.ordinal, hospital.configuration_version,
           event.id, event.content_hash::text,
           patient.id, patient.category::text, account.id, account.currency::text,
           encounter.id, encounter.patient_id, encounter.encounter_class::text, encounter.ended_at,
           department.id, department.code::text, department.kind::text, encounter.ward_type::text,
           encounter.visit_type::text,
           payer.id, payer.code::text,
           once_patient.codes, once_encounter.codes, packaged.services
    FROM json_to_recordset(p_requests) AS r (
        ordinal int, idempotency_key text, patient_id uuid, encounter_id uuid, service_date date)
    LEFT JOIN hospitals_hospital AS hospital ON hospital.id = p_hospital
    LEFT JOIN LATERAL (
        SELECT e.id, e.content_hash FROM charging_clinicalevent AS e
        WHERE e.hospital_id = p_hospital AND e.idempotency_key = r.idempotency_key OFFSET 0
    ) AS event ON true
    LEFT JOIN LATERAL (
        SELECT e.* FROM patients_encounter AS e
        WHERE e.hospital_id = p_hospital AND e.id = r.encounter_id OFFSET 0
    ) AS encounter ON true
    LEFT JOIN LATERAL (
        SELECT d.id, d.code, d.kind FROM hospitals_department AS d
        WHERE d.hospital_id = p_hospital AND d.id = encounter.department_id OFFSET 0
    ) AS department ON true
    LEFT JOIN LATERAL (
        SELECT p.id, p.merged_into_id FROM patients_patient AS p
        WHERE p.hospital_id = p_hospital AND p.id = CASE WHEN r.patient_id IS NULL THEN encounter.patient_id ELSE r.patient_id END
        OFFSET 0
    ) AS named ON true
    LEFT JOIN LATERAL (
        SELECT p.id, p.category FROM patients_patient AS p
        WHERE p.hospital_id = p_hospital AND p.id = CASE WHEN named.merged_into_id IS NULL THEN named.id ELSE named.merged_into_id END
        OFFSET 0
    ) AS patient ON true
    LEFT JOIN LATERAL (
        SELECT a.id, a.currency FROM patients_patientaccount AS a
        WHERE a.hospital_id = p_hospital AND a.patient_id = patient.id
        ORDER BY a.id LIMIT 1
    ) AS account ON true
    LEFT JOIN LATERAL (
        SELECT c.payer_id AS id, p.code FROM patients_coverage AS c
        JOIN patients_payer AS p ON p.hospital_id = p_hospital AND p.id = c.payer_id
        WHERE c.hospital_id = p_hospital AND c.patient_id = patient.id
          AND c.starts_on <= r.service_date AND (c.ends_on IS NULL OR c.ends_on >= r.service_date)
        ORDER BY c.priority, c.starts_on DESC LIMIT 1
    ) AS payer ON true
    LEFT JOIN LATERAL (
        SELECT array_agg(DISTINCT i.rule_code::text) AS codes FROM charging_chargeitem AS i
        WHERE p_once <> '{}' AND i.hospital_id = p_hospital AND i.patient_account_id = ANY (ARRAY(
              SELECT a.id FROM patients_patientaccount AS a
              WHERE a.hospital_id = p_hospital AND a.patient_id = patient.id))
          AND i.rule_code = ANY (p_once) AND i.status IN ('planned', 'unpriced', 'billable')
    ) AS once_patient ON true
    LEFT JOIN LATERAL (
        SELECT array_agg(DISTINCT i.rule_code::text) AS codes FROM charging_chargeitem AS i
        WHERE p_once <> '{}' AND i.hospital_id = p_hospital AND i.encounter_id = encounter.id
          AND i.rule_code = ANY (p_once) AND i.status IN ('planned', 'unpriced', 'billable')
    ) AS once_encounter ON true
    LEFT JOIN LATERAL (
        SELECT array_agg(i.price_source || '>' || s.code) AS services FROM charging_chargeitem AS i
        JOIN catalog_service AS s ON s.hospital_id = p_hospital AND s.id = i.service_id
        WHERE p_packages AND i.hospital_id = p_hospital AND i.encounter_id = encounter.id
          AND i.price_source LIKE 'package:%' AND i.status IN ('planned', 'billable')
    ) AS packaged ON true
    ORDER BY r.ordinal;
END $$;
