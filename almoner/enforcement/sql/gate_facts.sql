DROP FUNCTION IF EXISTS enforcement_facts(uuid, text, uuid, uuid, timestamptz, boolean, boolean);
DROP FUNCTION IF EXISTS enforcement_facts(uuid, text, uuid, uuid, timestamptz, boolean, boolean, text[]);
DROP FUNCTION IF EXISTS enforcement_status(uuid, uuid, timestamptz);

-- What a visit is about: the reason that it was begun for, and the codes of its diagnoses that stand.
CREATE OR REPLACE FUNCTION enforcement_conditions(p_hospital uuid, p_encounter uuid, p_reason varchar)
RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT array_remove(ARRAY[coalesce(p_reason, '')::text] || ARRAY(
        SELECT d.code::text FROM patients_diagnosis AS d
        WHERE d.hospital_id = p_hospital AND d.encounter_id = p_encounter AND d.withdrawn_at IS NULL
        ORDER BY d.recorded_at, d.id), '')
$$;

-- The facts of one gate in one read: the visit, the charges the step needs and what is open on them,
-- deposits, plan (how it stands is payments_plan_standing's to say), overrides in force. Deposits, plans and payments of all the patient's accounts count (two
-- merged records have one each); account_id is where the charges are owed. With p_order the charges of that order, else those of the encounter;
-- with p_whole all of them, whether they name the step or not. p_elsewhere: services whose charges may be asked
-- for at steps that are not their own, so that those of the whole encounter are read.
CREATE OR REPLACE FUNCTION enforcement_facts(
    p_hospital uuid, p_step text, p_encounter uuid, p_order uuid, p_at timestamptz, p_payments boolean,
    p_whole boolean, p_elsewhere text[]
) RETURNS TABLE (
    configuration_version int, currency text, patient_id uuid, account_id uuid,
    encounter_class text, triage_level smallint, department text, department_kind text,
    outstanding_minor bigint, deposit_minor bigint, plan_status text,
    items json, overrides json, payments json, patient_category text, conditions text[]
) LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
    PERFORM set_config('almoner.hospital_id', p_hospital::text, true);
    RETURN QUERY
    SELECT hospital.configuration_version, hospital.currency::text, encounter.patient_id,
           CASE WHEN item.account_id IS NULL THEN account.ids[1] ELSE item.account_id END,
           encounter.encounter_class::text, encounter.triage_level, department.code::text,
           department.kind::text, coalesce(balance.receivable, 0)::bigint, coalesce(balance.deposit, 0)::bigint,
           plan.status::text, item.list, override.list, payment.list, patient.category::text,
           enforcement_conditions(p_hospital, encounter.id, encounter.reason)
    FROM patients_encounter AS encounter
    JOIN patients_patient AS patient
        ON patient.hospital_id = p_hospital AND patient.id = encounter.patient_id
    JOIN hospitals_hospital AS hospital ON hospital.id = p_hospital
    JOIN hospitals_department AS department
        ON department.hospital_id = p_hospital AND department.id = encounter.department_id
    JOIN LATERAL (
        SELECT array_agg(a.id ORDER BY a.id) AS ids FROM patients_patientaccount AS a
        WHERE a.hospital_id = p_hospital AND a.patient_id = encounter.patient_id
    ) AS account ON true
    LEFT JOIN LATERAL (
        SELECT sum(b.receivable_minor) AS receivable, sum(b.deposit_minor) AS deposit
        FROM ledger_patientbalance AS b WHERE b.hospital_id = p_hospital AND b.id = ANY (account.ids)
    ) AS balance ON true
    LEFT JOIN LATERAL (
        SELECT s.status FROM payments_paymentplan AS p
        CROSS JOIN LATERAL payments_plan_standing(p_hospital, p.id, p_at) AS s
        WHERE p.hospital_id = p_hospital AND p.patient_account_id = ANY (account.ids)
          AND (p.encounter_id IS NULL OR p.encounter_id = p_encounter)
          AND s.status IN ('on_track', 'behind', 'completed')
        ORDER BY s.status = 'completed', p.encounter_id IS NULL, p.agreed_at DESC LIMIT 1
    ) AS plan ON true
    LEFT JOIN LATERAL (
        SELECT json_agg(json_build_object(
            'charge_item_id', i.id, 'service', s.code, 'name', s.name, 'department', coalesce(d.code, ''),
            'net_minor', i.net_minor,
            'due_minor', CASE WHEN i.status = 'billable' THEN coalesce(o.patient_minor, 0) ELSE i.net_minor END,
            'due_at', i.due_at, 'priority', i.priority, 'request_type', i.request_type,
            'planned', i.status = 'planned', 'steps', i.required_at,
            'delivered', i.delivered_at IS NOT NULL) ORDER BY i.line, i.id) AS list,
            (array_agg(i.patient_account_id ORDER BY i.line, i.id))[1] AS account_id
        FROM charging_chargeitem AS i
        JOIN catalog_service AS s ON s.hospital_id = p_hospital AND s.id = i.service_id
        LEFT JOIN hospitals_department AS d ON d.hospital_id = p_hospital AND d.id = i.department_id
        LEFT JOIN ledger_openitem AS o ON o.hospital_id = p_hospital AND o.id = i.id
        WHERE i.hospital_id = p_hospital AND i.encounter_id = p_encounter
          AND i.status IN ('billable', 'planned', 'unpriced')
          AND (p_whole OR s.code = ANY (p_elsewhere)
               OR ((p_order IS NULL OR i.order_id = p_order) AND i.required_at @> ARRAY[p_step::varchar]))
    ) AS item ON true
    LEFT JOIN LATERAL (
        SELECT json_agg(json_build_object(
            'override_id', w.id, 'by', w.created_by, 'reason', w.reason, 'expires_at', w.expires_at)
            ORDER BY w.expires_at DESC) AS list
        FROM enforcement_override AS w
        LEFT JOIN enforcement_overriderevocation AS r
            ON r.hospital_id = p_hospital AND r.override_id = w.id
        WHERE w.hospital_id = p_hospital AND w.encounter_id = p_encounter AND w.step = p_step
          AND (w.order_id IS NULL OR w.order_id = p_order)
          AND w.starts_at <= p_at AND w.expires_at > p_at AND r.id IS NULL
    ) AS override ON true
    LEFT JOIN LATERAL (
        SELECT json_agg(json_build_object(
            'payment_id', y.id, 'amount_minor', y.amount_minor, 'method', y.method,
            'received_at', y.received_at, 'voided', y.voided)) AS list
        FROM (
            SELECT p.id, p.amount_minor, p.method, p.received_at, v.id IS NOT NULL AS voided
            FROM payments_payment AS p
            LEFT JOIN payments_paymentvoid AS v ON v.hospital_id = p_hospital AND v.payment_id = p.id
            WHERE p_payments AND p.hospital_id = p_hospital AND p.patient_account_id = ANY (account.ids)
            ORDER BY p.received_at DESC LIMIT 5
        ) AS y
    ) AS payment ON true
    WHERE encounter.hospital_id = p_hospital AND encounter.id = p_encounter;
END $$;

-- What the billing status of a patient (section 5.1) is derived from, in one read: balances of all the
-- patient's accounts, every charge that is open or foreseen with the facts its gates need, plans and when an
-- instalment was last missed, overrides.
CREATE OR REPLACE FUNCTION enforcement_status(p_hospital uuid, p_patient uuid, p_at timestamptz)
RETURNS TABLE (
    configuration_version int, currency text, patient_id uuid, receivable_minor bigint,
    payer_receivable_minor bigint, deposit_minor bigint, plans json, items json, overrides json,
    patient_category text, missed_on date, today date, rounding_step_minor int
) LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    survivor uuid;
    survivor_category text;
    accounts uuid[];
BEGIN
    PERFORM set_config('almoner.hospital_id', p_hospital::text, true);
    SELECT coalesce(p.merged_into_id, p.id) INTO survivor FROM patients_patient AS p
    WHERE p.hospital_id = p_hospital AND p.id = p_patient;
    SELECT p.category INTO survivor_category FROM patients_patient AS p
    WHERE p.hospital_id = p_hospital AND p.id = survivor;
    SELECT array_agg(a.id ORDER BY a.id) INTO accounts FROM patients_patientaccount AS a
    WHERE a.hospital_id = p_hospital AND a.patient_id = survivor;
    IF survivor IS NULL THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT hospital.configuration_version, hospital.currency::text, survivor,
           coalesce(balance.receivable, 0)::bigint, coalesce(balance.payer_receivable, 0)::bigint,
           coalesce(balance.deposit, 0)::bigint, plan.list, item.list, override.list, survivor_category,
           payments_plan_missed_on(p_hospital, accounts, p_at), (p_at AT TIME ZONE hospital.time_zone)::date,
           hospital.rounding_step_minor
    FROM hospitals_hospital AS hospital
    LEFT JOIN LATERAL (
        SELECT sum(b.receivable_minor) AS receivable, sum(b.payer_receivable_minor) AS payer_receivable,
               sum(b.deposit_minor) AS deposit
        FROM ledger_patientbalance AS b WHERE b.hospital_id = p_hospital AND b.id = ANY (accounts)
    ) AS balance ON true
    LEFT JOIN LATERAL (
        SELECT json_agg(json_build_object(
            'encounter_id', p.encounter_id, 'status', s.status, 'next_due_on', s.next_due_on,
            'next_due_minor', s.next_due_minor)
            ORDER BY s.status = 'completed', p.encounter_id IS NULL, p.agreed_at DESC) AS list
        FROM payments_paymentplan AS p
        CROSS JOIN LATERAL payments_plan_standing(p_hospital, p.id, p_at) AS s
        WHERE p.hospital_id = p_hospital AND p.patient_account_id = ANY (accounts)
          AND s.status IN ('on_track', 'behind', 'completed')
    ) AS plan ON true
    LEFT JOIN LATERAL (
        SELECT json_agg(json_build_object(
            'charge_item_id', i.id, 'service', s.code, 'name', s.name, 'department', coalesce(d.code, ''),
            'net_minor', i.net_minor, 'due_minor', open.due_minor, 'due_at', i.due_at,
            'priority', i.priority, 'request_type', i.request_type, 'planned', i.status = 'planned',
            'steps', i.required_at, 'delivered', i.delivered_at IS NOT NULL,
            'encounter_id', i.encounter_id, 'order_id', i.order_id, 'account_id', i.patient_account_id,
            'visit_ended', e.ended_at IS NOT NULL, 'encounter_class', e.encounter_class,
            'triage_level', e.triage_level, 'encounter_department', ed.code, 'department_kind', ed.kind,
            'conditions', enforcement_conditions(p_hospital, e.id, e.reason))
            ORDER BY i.due_at, i.id) AS list
        FROM (
            SELECT o.id, o.patient_minor AS due_minor FROM ledger_openitem AS o
            WHERE o.hospital_id = p_hospital AND o.patient_account_id = ANY (accounts) AND o.patient_minor > 0
            UNION ALL
            SELECT c.id, c.net_minor FROM charging_chargeitem AS c
            WHERE c.hospital_id = p_hospital AND c.patient_account_id = ANY (accounts)
              AND c.status IN ('planned', 'unpriced')
        ) AS open
        JOIN charging_chargeitem AS i ON i.hospital_id = p_hospital AND i.id = open.id
        JOIN catalog_service AS s ON s.hospital_id = p_hospital AND s.id = i.service_id
        LEFT JOIN hospitals_department AS d ON d.hospital_id = p_hospital AND d.id = i.department_id
        LEFT JOIN patients_encounter AS e ON e.hospital_id = p_hospital AND e.id = i.encounter_id
        LEFT JOIN hospitals_department AS ed ON ed.hospital_id = p_hospital AND ed.id = e.department_id
    ) AS item ON true
    LEFT JOIN LATERAL (
        SELECT json_agg(json_build_object(
            'override_id', w.id, 'by', w.created_by, 'reason', w.reason, 'expires_at', w.expires_at,
            'step', w.step, 'encounter_id', w.encounter_id, 'order_id', w.order_id)) AS list
        FROM enforcement_override AS w
        LEFT JOIN enforcement_overriderevocation AS r ON r.hospital_id = p_hospital AND r.override_id = w.id
        WHERE w.hospital_id = p_hospital AND w.encounter_id IN (
            SELECT v.id FROM patients_encounter AS v WHERE v.hospital_id = p_hospital AND v.patient_id = survivor)
          AND w.starts_at <= p_at AND w.expires_at > p_at AND r.id IS NULL
    ) AS override ON true
    WHERE hospital.id = p_hospital;
END $$;
