-- The last day up to p_at on which an instalment of these accounts' plans was missed; NULL when none was.
-- An instalment was missed when its day and its grace had passed and less had come in by then than was due. What
-- came in is what settles the covered charges or is still a deposit of the plan, by the day it was received.
CREATE OR REPLACE FUNCTION payments_plan_missed_on(p_hospital uuid, p_accounts uuid[], p_at timestamptz)
RETURNS date LANGUAGE sql STABLE AS $$
    SELECT max(late.day)
    FROM payments_paymentplan AS plan
    JOIN hospitals_hospital AS hospital ON hospital.id = p_hospital
    LEFT JOIN payments_plancancellation AS cancelled
        ON cancelled.hospital_id = p_hospital AND cancelled.plan_id = plan.id
    LEFT JOIN payments_paymentplan AS successor
        ON successor.hospital_id = p_hospital AND successor.replaces_id = plan.id
    CROSS JOIN LATERAL payments_plan_standing(p_hospital, plan.id, p_at) AS standing
    CROSS JOIN LATERAL (
        SELECT part.due_on + CASE part.number WHEN 0 THEN 0 ELSE plan.grace_days END AS day,
               sum(part.amount_minor) OVER (ORDER BY part.number) AS so_far
        FROM payments_planinstalment AS part WHERE part.hospital_id = p_hospital AND part.plan_id = plan.id
    ) AS late
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(given.amount_minor), 0) AS minor FROM (
            SELECT a.amount_minor
            FROM charging_chargeitem AS i
            JOIN charging_clinicalevent AS e ON e.hospital_id = p_hospital AND e.id = i.event_id
            JOIN payments_allocation AS a ON a.hospital_id = p_hospital AND a.charge_item_id = i.id
            JOIN payments_payment AS m ON m.hospital_id = p_hospital AND m.id = a.payment_id
            WHERE i.hospital_id = p_hospital AND i.patient_account_id = plan.patient_account_id
              AND m.payer_id IS NULL AND a.allocated_at >= plan.agreed_at
              AND (m.received_at AT TIME ZONE hospital.time_zone)::date <= late.day
              AND (i.encounter_id = plan.encounter_id
                   OR (plan.encounter_id IS NULL AND e.recorded_at <= plan.agreed_at))
            UNION ALL
            SELECT m.unallocated_minor
            FROM payments_payment AS m
            WHERE m.hospital_id = p_hospital AND m.patient_account_id = plan.patient_account_id
              AND m.payer_id IS NULL AND m.unallocated_minor > 0 AND m.received_at >= plan.agreed_at
              AND m.encounter_id IS NOT DISTINCT FROM plan.encounter_id
              AND (m.received_at AT TIME ZONE hospital.time_zone)::date <= late.day
        ) AS given
    ) AS paid
    WHERE plan.hospital_id = p_hospital AND plan.patient_account_id = ANY (p_accounts)
      AND late.day < (p_at AT TIME ZONE hospital.time_zone)::date
      AND late.day < coalesce(
          (coalesce(cancelled.at, successor.agreed_at) AT TIME ZONE hospital.time_zone)::date, 'infinity')
      AND (standing.status <> 'completed' OR (standing.paid_minor > 0 AND late.day < standing.settled_on))
      AND late.so_far > paid.minor
$$;
