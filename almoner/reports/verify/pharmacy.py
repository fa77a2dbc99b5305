"""The pharmacy: stock is what its movements come to, and nobody is charged for more than they were handed."""

from almoner.reports.verify.probe import Check, SqlProbe

_STOCK = SqlProbe(
    checks=(
        Check(
            "stock_on_hand",
            "What is on hand of a batch is the sum of its movements, and never below zero",
            "SELECT count(*) FROM pharmacy_batch",
        ),
        Check(
            "stock_dispensed",
            "What was handed out of batches is what was dispensed",
            "SELECT count(DISTINCT source_id) FROM pharmacy_stockmovement WHERE kind = 'dispensed'",
        ),
        Check(
            "medication_charged",
            "Of a prescribed line no more is charged as delivered than was handed out and kept",
            "SELECT count(DISTINCT prescription_line_id) FROM pharmacy_dispensing",
        ),
    ),
    problems="""
    SELECT 'stock_on_hand', 'batch ' || batch.id,
           'on hand ' || trim_scale(batch.on_hand) || ', movements come to ' || trim_scale(moved.quantity)
    FROM pharmacy_batch AS batch
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(m.quantity), 0) AS quantity FROM pharmacy_stockmovement AS m
        WHERE m.hospital_id = batch.hospital_id AND m.batch_id = batch.id
    ) AS moved
    WHERE batch.on_hand <> moved.quantity OR batch.on_hand < 0
    UNION ALL
    SELECT 'stock_dispensed', 'dispensing ' || moved.source_id,
           coalesce('dispensed ' || trim_scale(dispensing.quantity), 'nothing was dispensed')
           || ', out of batches ' || trim_scale(moved.quantity)
    FROM (
        SELECT source_id, -sum(quantity) AS quantity FROM pharmacy_stockmovement
        WHERE kind = 'dispensed' GROUP BY source_id
    ) AS moved
    LEFT JOIN pharmacy_dispensing AS dispensing ON dispensing.id = moved.source_id
    WHERE dispensing.quantity IS DISTINCT FROM moved.quantity
    UNION ALL
    SELECT 'medication_charged', 'prescription line ' || line.id,
           'delivered charges for ' || trim_scale(charged.quantity) || ', handed out and kept '
           || trim_scale(given.quantity - returned.quantity)
    FROM orders_prescriptionline AS line
    CROSS JOIN LATERAL (
        SELECT sum(item.quantity) AS quantity FROM charging_chargeitem AS item
        WHERE item.hospital_id = line.hospital_id AND item.order_id = line.prescription_id
          AND item.line = line.line AND item.status = 'billable' AND item.delivered_at IS NOT NULL
          AND (item.service_id = line.service_id OR item.service_id IN (
              SELECT s.service_id FROM pharmacy_substitution AS s
              WHERE s.hospital_id = line.hospital_id AND s.prescription_line_id = line.id))
    ) AS charged
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(d.quantity), 0) AS quantity FROM pharmacy_dispensing AS d
        WHERE d.hospital_id = line.hospital_id AND d.prescription_line_id = line.id
    ) AS given
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(r.quantity), 0) AS quantity FROM pharmacy_medicationreturn AS r
        JOIN pharmacy_dispensing AS d ON d.hospital_id = r.hospital_id AND d.id = r.dispensing_id
        WHERE r.hospital_id = line.hospital_id AND d.prescription_line_id = line.id
    ) AS returned
    WHERE charged.quantity > given.quantity - returned.quantity
    """,
)

PHARMACY = (_STOCK,)
