"""Time charges: no period of a stay is charged twice, and none in which the patient lay in no bed."""

from almoner.reports.verify.probe import Check, SqlProbe

_ITEMS = "SELECT count(*) FROM charging_chargeitem WHERE charge_type IN ('daily', 'hourly') AND service_period <> ''"

# A day may be counted from noon to noon, so it is looked for up to the noon after it. A charge that a payer has
# settled stays where it was when the stay is corrected, and the audit trail says so.
_TIME = SqlProbe(
    checks=(
        Check("period_charged_once", "No service period of a stay is charged twice", _ITEMS),
        Check("period_in_bed", "Every time charge is for a period in which the patient lay in a bed", _ITEMS),
    ),
    problems="""
    WITH item AS MATERIALIZED (
        SELECT i.id, i.event_id, i.line, i.rule_code, i.service_period, i.order_id, period.starts, period.ends
        FROM charging_chargeitem AS i
        JOIN hospitals_hospital AS hospital ON hospital.id = i.hospital_id
        CROSS JOIN LATERAL (SELECT
            CASE WHEN i.service_period LIKE '%Z'
                THEN (replace(i.service_period, 'Z', ':00Z'))::timestamptz
                ELSE i.service_period::timestamp AT TIME ZONE hospital.time_zone END AS starts,
            CASE WHEN i.service_period LIKE '%Z'
                THEN (replace(i.service_period, 'Z', ':00Z'))::timestamptz + interval '1 hour'
                ELSE (i.service_period::timestamp + interval '36 hours') AT TIME ZONE hospital.time_zone END AS ends
        ) AS period
        WHERE i.charge_type IN ('daily', 'hourly') AND i.status IN ('billable', 'unpriced')
          AND i.service_period ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}Z)?$'
    )
    SELECT 'period_charged_once', 'event ' || event_id,
           rule_code || ' is charged ' || count(*) || ' times for ' || service_period
    FROM item GROUP BY event_id, line, rule_code, service_period HAVING count(*) > 1
    UNION ALL
    SELECT 'period_in_bed', 'charge item ' || item.id,
           item.rule_code || ' is charged for ' || item.service_period || ', when the patient lay in no bed'
    FROM item
    JOIN orders_admission AS admission ON admission.id = item.order_id
    WHERE NOT EXISTS (
        SELECT FROM ward_bedstay AS stay
        WHERE stay.admission_id = item.order_id AND stay.started_at < item.ends
          AND coalesce(stay.ended_at, 'infinity') >= item.starts)
      AND NOT EXISTS (
        SELECT FROM identity_auditrecord AS told
        WHERE told.action = 'charge.not_adjusted' AND told.subject_id = item.id)
    """,
)

TIME_CHARGES = (_TIME,)
