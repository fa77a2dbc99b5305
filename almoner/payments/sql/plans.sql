-- What the database holds about plans: parts that add up, no second decision; and how a plan stands, derived.

CREATE OR REPLACE FUNCTION payments_plan_adds_up() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    plan uuid := CASE TG_TABLE_NAME WHEN 'payments_paymentplan' THEN NEW.id ELSE (to_jsonb(NEW) ->> 'plan_id')::uuid END;
BEGIN
    IF (SELECT p.total_minor FROM payments_paymentplan AS p WHERE p.hospital_id = NEW.hospital_id AND p.id = plan)
       IS DISTINCT FROM
       (SELECT sum(i.amount_minor) FROM payments_planinstalment AS i
        WHERE i.hospital_id = NEW.hospital_id AND i.plan_id = plan) THEN
        RAISE EXCEPTION 'the instalments do not add up to the plan'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'plan_adds_up';
    END IF;
    RETURN NULL;
END $$;

-- How a plan stands at p_at. Paid is what settled the charges that it covers since it was agreed, and what
-- is still held as a deposit of it; what a payer paid is not of it. Fees of the plan that were taken back are not
-- owed any more, the next instalments are less by them. The down payment (number 0) has no grace.
DROP FUNCTION IF EXISTS payments_plan_standing(uuid, uuid, timestamptz);
CREATE OR REPLACE FUNCTION payments_plan_standing(p_hospital uuid, p_plan uuid, p_at timestamptz)
RETURNS TABLE (
    status text, paid_minor bigint, behind_minor bigint, missed int, next_due_on date, next_due_minor bigint,
    settled_on date, settled_minor bigint
) LANGUAGE plpgsql STABLE AS $$
DECLARE
    plan record;
    ended timestamptz;
    today date;
    last_at timestamptz;
    is_open boolean;
    allocated bigint;
    taken_back bigint;
BEGIN
    SELECT p.*, h.time_zone, c.at AS cancelled_at, r.agreed_at AS replaced_at INTO plan
    FROM payments_paymentplan AS p
    JOIN hospitals_hospital AS h ON h.id = p_hospital
    LEFT JOIN payments_plancancellation AS c ON c.hospital_id = p_hospital AND c.plan_id = p.id
    LEFT JOIN payments_paymentplan AS r ON r.hospital_id = p_hospital AND r.replaces_id = p.id
    WHERE p.hospital_id = p_hospital AND p.id = p_plan;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    ended := coalesce(plan.cancelled_at, plan.replaced_at);
    today := (p_at AT TIME ZONE plan.time_zone)::date;

    SELECT coalesce(sum(a.amount_minor), 0), max(a.allocated_at) FILTER (WHERE a.amount_minor > 0)
    INTO allocated, last_at
    FROM charging_chargeitem AS i
    JOIN charging_clinicalevent AS e ON e.hospital_id = p_hospital AND e.id = i.event_id
    JOIN payments_allocation AS a ON a.hospital_id = p_hospital AND a.charge_item_id = i.id
    JOIN payments_payment AS m ON m.hospital_id = p_hospital AND m.id = a.payment_id
    WHERE i.hospital_id = p_hospital AND i.patient_account_id = plan.patient_account_id AND m.payer_id IS NULL
      AND a.allocated_at >= plan.agreed_at AND (ended IS NULL OR a.allocated_at < ended)
      AND (i.encounter_id = plan.encounter_id OR (plan.encounter_id IS NULL AND e.recorded_at <= plan.agreed_at));

    SELECT allocated + coalesce(sum(m.unallocated_minor), 0), greatest(last_at, max(m.received_at))
    INTO paid_minor, last_at
    FROM payments_payment AS m
    WHERE m.hospital_id = p_hospital AND m.patient_account_id = plan.patient_account_id AND m.payer_id IS NULL
      AND m.unallocated_minor > 0 AND m.encounter_id IS NOT DISTINCT FROM plan.encounter_id
      AND m.received_at >= plan.agreed_at AND (ended IS NULL OR m.received_at < ended);
    taken_back := 0;
    IF plan.fees_minor > 0 THEN
        SELECT coalesce(sum(i.net_minor), 0) INTO taken_back
        FROM charging_clinicalevent AS e
        JOIN charging_chargeitem AS i ON i.hospital_id = p_hospital AND i.event_id = e.id
        WHERE e.hospital_id = p_hospital AND e.idempotency_key = 'payment_plan.agreed:' || p_plan
          AND i.status IN ('cancelled', 'entered_in_error');
    END IF;
    paid_minor := least(greatest(paid_minor, 0), plan.total_minor - taken_back);
    settled_minor := paid_minor + taken_back;

    is_open := EXISTS (
        SELECT FROM charging_chargeitem AS i
        JOIN charging_clinicalevent AS e ON e.hospital_id = p_hospital AND e.id = i.event_id
        LEFT JOIN ledger_openitem AS o ON o.hospital_id = p_hospital AND o.id = i.id
        WHERE i.hospital_id = p_hospital AND i.patient_account_id = plan.patient_account_id
          AND (i.status IN ('planned', 'unpriced') OR (i.status = 'billable' AND o.patient_minor > 0))
          AND (i.encounter_id = plan.encounter_id
               OR (plan.encounter_id IS NULL AND e.recorded_at <= plan.agreed_at)));

    SELECT greatest(coalesce(sum(s.amount_minor) FILTER (WHERE s.is_late), 0) - settled_minor, 0),
           count(*) FILTER (WHERE s.is_late AND s.so_far > settled_minor),
           min(s.due_on) FILTER (WHERE s.so_far > settled_minor),
           min(s.so_far - settled_minor) FILTER (WHERE s.so_far > settled_minor)
    INTO behind_minor, missed, next_due_on, next_due_minor
    FROM (
        SELECT i.due_on, i.amount_minor, sum(i.amount_minor) OVER (ORDER BY i.number) AS so_far,
               CASE i.number WHEN 0 THEN i.due_on <= today
                             ELSE i.due_on + plan.grace_days < today END AS is_late
        FROM payments_planinstalment AS i WHERE i.hospital_id = p_hospital AND i.plan_id = p_plan
    ) AS s;

    status := CASE
        WHEN settled_minor >= plan.total_minor THEN 'completed'
        WHEN plan.replaced_at IS NOT NULL THEN 'replaced'
        WHEN ended IS NOT NULL THEN 'cancelled'
        WHEN NOT is_open THEN 'completed'
        WHEN behind_minor > 0 THEN 'behind'
        ELSE 'on_track' END;
    IF status NOT IN ('on_track', 'behind') THEN
        behind_minor := 0; missed := 0; next_due_on := NULL; next_due_minor := NULL;
    END IF;
    IF status = 'completed' THEN
        settled_on := (coalesce(last_at, p_at) AT TIME ZONE plan.time_zone)::date;
    END IF;
    RETURN NEXT;
END $$;
