-- What follows from the staged files: the catalog of services, and for every row of claims_transactions
-- which charge line it belongs to and who owes that line when the row comes.

CREATE TEMPORARY TABLE synthea_catalog AS
SELECT DISTINCT ON (priority, code)
       priority, file, code,
       left(CASE file WHEN 'medications' THEN 'rxnorm-' WHEN 'immunizations' THEN 'cvx-'
                      WHEN 'claims_transactions' THEN 'other-' ELSE 'snomed-' END
            || regexp_replace(code, '[^A-Za-z0-9_-]', '-', 'g'), 80) AS service,
       left(coalesce(nullif(description, ''), code), 300) AS name, cost_minor, provided_at
FROM (
    SELECT 1 AS priority, 'encounters' AS file, code, description, cost_minor, starts_at AS provided_at, line
    FROM synthea_encounter
    UNION ALL
    SELECT CASE file WHEN 'procedures' THEN 2 WHEN 'immunizations' THEN 3 ELSE 4 END,
           file, code, description, cost_minor, provided_at, line
    FROM synthea_service
) AS provided
ORDER BY priority, code, provided_at DESC, line DESC;

-- A row belongs to the last CHARGE before it with its claim and its procedure code. Rows of different
-- claims may be mixed; within a claim the file's order is the order of events. After a TRANSFERIN to 1 or 2
-- that payer owes what payers owe; before one, the payer the charge went to.
CREATE TEMPORARY TABLE synthea_step AS
SELECT r.*, charge.source AS charge_source, insurer.source AS payer
FROM (
    SELECT r.*,
           max(line) FILTER (WHERE kind = 'CHARGE')
               OVER (PARTITION BY claim, code ORDER BY line) AS charge_line,
           max(line) FILTER (WHERE kind IN ('CHARGE', 'TRANSFERIN') AND transfer_type IN ('1', '2'))
               OVER (PARTITION BY claim, code ORDER BY line) AS owing_line
    FROM synthea_row AS r
) AS r
LEFT JOIN synthea_row AS owed ON owed.line = r.owing_line AND r.owing_line >= r.charge_line
LEFT JOIN synthea_row AS charge ON charge.line = r.charge_line
JOIN synthea_claim AS c ON c.source = r.claim
LEFT JOIN synthea_payer AS insurer
    ON insurer.source = CASE owed.transfer_type WHEN '1' THEN c.payer WHEN '2' THEN c.secondary END
   AND insurer.name <> 'NO_INSURANCE';

ALTER TABLE synthea_step ADD PRIMARY KEY (line);
CREATE INDEX ON synthea_step (charge_line, line);

-- Which service a charge is for: the encounter itself, or what was done, given or handed out in it.
ALTER TABLE synthea_step ADD COLUMN service text;
UPDATE synthea_step AS s SET service = found.service
FROM (
    SELECT DISTINCT ON (r.line) r.line, k.service
    FROM synthea_row AS r
    JOIN (
        SELECT 1 AS priority, source AS encounter, code FROM synthea_encounter
        UNION
        SELECT CASE file WHEN 'procedures' THEN 2 WHEN 'immunizations' THEN 3 ELSE 4 END, encounter, code
        FROM synthea_service
    ) AS d ON d.encounter = r.encounter AND d.code = r.code
    JOIN synthea_catalog AS k ON k.priority = d.priority AND k.code = d.code
    WHERE r.kind = 'CHARGE'
    ORDER BY r.line, d.priority
) AS found
WHERE s.line = found.line;

INSERT INTO synthea_catalog (priority, file, code, service, name, cost_minor, provided_at)
SELECT DISTINCT ON (code) 5, 'claims_transactions', code,
       left('other-' || regexp_replace(code, '[^A-Za-z0-9_-]', '-', 'g'), 80),
       left(coalesce(nullif(notes, ''), code), 300), unit_amount_minor, happened_at
FROM synthea_step WHERE kind = 'CHARGE' AND service IS NULL
ORDER BY code, happened_at DESC, line DESC;
UPDATE synthea_step SET service = left('other-' || regexp_replace(code, '[^A-Za-z0-9_-]', '-', 'g'), 80)
WHERE kind = 'CHARGE' AND service IS NULL;
DROP TABLE synthea_row;
