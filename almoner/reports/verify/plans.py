"""Payment plans: what was agreed adds up, and nobody changed a plan alone."""

from almoner.reports.verify.probe import Check, SqlProbe

_PLANS = SqlProbe(
    checks=(
        Check(
            "plan_adds_up",
            "The instalments of a payment plan add up to it",
            "SELECT count(*) FROM payments_paymentplan",
        ),
        Check(
            "plan_fees_charged",
            "The fees in a payment plan are those that were charged for it",
            "SELECT count(*) FROM payments_paymentplan WHERE fees_minor > 0",
        ),
        Check(
            "plan_changed_by_two",
            "A payment plan that replaced another was asked for by one and approved by another",
            "SELECT count(*) FROM payments_paymentplan WHERE replaces_id IS NOT NULL",
        ),
    ),
    problems="""
    SELECT 'plan_adds_up', 'payment plan ' || plan.id,
           'agreed ' || plan.total_minor || ', instalments come to ' || coalesce(part.amount_minor, 0)
    FROM payments_paymentplan AS plan
    LEFT JOIN LATERAL (
        SELECT sum(i.amount_minor) AS amount_minor FROM payments_planinstalment AS i
        WHERE i.hospital_id = plan.hospital_id AND i.plan_id = plan.id
    ) AS part ON true
    WHERE plan.total_minor IS DISTINCT FROM part.amount_minor
    UNION ALL
    SELECT 'plan_fees_charged', 'payment plan ' || plan.id,
           'agreed ' || plan.fees_minor || ', charged ' || coalesce(charged.net_minor, 0)
    FROM payments_paymentplan AS plan
    LEFT JOIN LATERAL (
        SELECT sum(item.net_minor) AS net_minor
        FROM charging_clinicalevent AS event
        JOIN charging_chargeitem AS item ON item.hospital_id = plan.hospital_id AND item.event_id = event.id
        WHERE event.hospital_id = plan.hospital_id
          AND event.idempotency_key = 'payment_plan.agreed:' || plan.id
    ) AS charged ON true
    WHERE plan.fees_minor > 0 AND plan.fees_minor IS DISTINCT FROM charged.net_minor
    UNION ALL
    SELECT 'plan_changed_by_two', 'payment plan ' || plan.id,
           'approved by ' || plan.agreed_by || ', asked for by ' || coalesce(change.requested_by, 'nobody')
    FROM payments_paymentplan AS plan
    LEFT JOIN payments_planchangerequest AS change
        ON change.hospital_id = plan.hospital_id AND change.plan_id = plan.replaces_id
       AND change.decision = 'approved'
    WHERE plan.replaces_id IS NOT NULL
      AND (change.requested_by IS NULL OR change.requested_by = plan.agreed_by
           OR change.decided_by IS DISTINCT FROM plan.agreed_by)
    """,
)

PLANS = (_PLANS,)
