-- Results and orders from before findings, versions and flags were kept: what was entered counts as released.
-- The owner of a table under forced row-level security sees nothing of it either; so not while this runs.
ALTER TABLE laboratory_testresult NO FORCE ROW LEVEL SECURITY;
ALTER TABLE laboratory_processing NO FORCE ROW LEVEL SECURITY;
ALTER TABLE orders_testorder NO FORCE ROW LEVEL SECURITY;
ALTER TABLE orders_testorderline NO FORCE ROW LEVEL SECURITY;
ALTER TABLE orders_testfinding NO FORCE ROW LEVEL SECURITY;
ALTER TABLE catalog_service NO FORCE ROW LEVEL SECURITY;
ALTER TABLE laboratory_testresult DISABLE TRIGGER laboratory_testresult_append_only;

UPDATE laboratory_testresult AS result
SET name = known.name, version = known.version, flag = known.flag
FROM (
    SELECT entered.hospital_id, entered.id, service.name,
           row_number() OVER (PARTITION BY entered.hospital_id, entered.order_line_id
                              ORDER BY entered.entered_at, entered.id) AS version,
           CASE WHEN replace(entered.value, ',', '.') !~ '^[-+]?[0-9]{1,30}([.][0-9]{1,30})?$' THEN ''
                WHEN replace(entered.value, ',', '.')::numeric < entered.low THEN 'L'
                WHEN replace(entered.value, ',', '.')::numeric > entered.high THEN 'H'
                ELSE '' END AS flag
    FROM laboratory_testresult AS entered
    JOIN orders_testorderline AS line
        ON line.hospital_id = entered.hospital_id AND line.id = entered.order_line_id
    JOIN catalog_service AS service
        ON service.hospital_id = line.hospital_id AND service.id = line.service_id
) AS known
WHERE known.hospital_id = result.hospital_id AND known.id = result.id;

INSERT INTO orders_testfinding
    (id, hospital_id, order_line_id, patient_id, service_id, parameter, name, value, unit, low, high, flag, version,
     released_at, entered_by, verified_by)
SELECT result.id, result.hospital_id, line.id, test_order.patient_id, line.service_id, '', result.name, result.value,
       result.unit, result.low, result.high, result.flag, result.version, result.entered_at, result.entered_by, ''
FROM laboratory_testresult AS result
JOIN orders_testorderline AS line
    ON line.hospital_id = result.hospital_id AND line.id = result.order_line_id
JOIN orders_testorder AS test_order
    ON test_order.hospital_id = line.hospital_id AND test_order.id = line.order_id;

UPDATE orders_testorder AS test_order
SET started_at = work.started_at,
    completed_at = (
        SELECT CASE WHEN bool_and(first.at IS NOT NULL) THEN max(first.at) END
        FROM orders_testorderline AS line
        LEFT JOIN LATERAL (
            SELECT min(result.entered_at) AS at FROM laboratory_testresult AS result
            WHERE result.hospital_id = line.hospital_id AND result.order_line_id = line.id
        ) AS first ON true
        WHERE line.hospital_id = test_order.hospital_id AND line.order_id = test_order.id
    )
FROM laboratory_processing AS work
WHERE work.hospital_id = test_order.hospital_id AND work.order_id = test_order.id;

ALTER TABLE laboratory_testresult ENABLE TRIGGER laboratory_testresult_append_only;
ALTER TABLE laboratory_testresult FORCE ROW LEVEL SECURITY;
ALTER TABLE laboratory_processing FORCE ROW LEVEL SECURITY;
ALTER TABLE orders_testorder FORCE ROW LEVEL SECURITY;
ALTER TABLE orders_testorderline FORCE ROW LEVEL SECURITY;
ALTER TABLE orders_testfinding FORCE ROW LEVEL SECURITY;
ALTER TABLE catalog_service FORCE ROW LEVEL SECURITY;
