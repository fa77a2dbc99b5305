-- What the files of one import say, for the length of the session: temporary tables, so that sorting and
-- joining a population of any size is the database's work and nothing is kept in the program's memory.
-- "source" is an id of the file; "id" is ours, derived from it.
DROP TABLE IF EXISTS pg_temp.synthea_organization, pg_temp.synthea_payer, pg_temp.synthea_patient,
    pg_temp.synthea_coverage, pg_temp.synthea_encounter, pg_temp.synthea_service, pg_temp.synthea_claim,
    pg_temp.synthea_row, pg_temp.synthea_catalog, pg_temp.synthea_step;

CREATE TEMPORARY TABLE synthea_organization (
    line int PRIMARY KEY, source text NOT NULL, name text NOT NULL, id uuid NOT NULL);
CREATE TEMPORARY TABLE synthea_payer (
    line int PRIMARY KEY, source text NOT NULL, name text NOT NULL, id uuid NOT NULL);
CREATE TEMPORARY TABLE synthea_patient (
    line int PRIMARY KEY, source text NOT NULL, birth_date date NOT NULL, first_name text NOT NULL,
    last_name text NOT NULL, gender text NOT NULL, id uuid NOT NULL, account_id uuid NOT NULL);
CREATE TEMPORARY TABLE synthea_coverage (
    line int PRIMARY KEY, patient text NOT NULL, member text NOT NULL, starts_at timestamptz NOT NULL,
    ends_at timestamptz, payer text NOT NULL, secondary text NOT NULL);
CREATE TEMPORARY TABLE synthea_encounter (
    line int PRIMARY KEY, source text NOT NULL, starts_at timestamptz NOT NULL, ends_at timestamptz,
    patient text NOT NULL, organization text NOT NULL, class text NOT NULL, code text NOT NULL,
    description text NOT NULL, cost_minor bigint NOT NULL, reason text NOT NULL, id uuid NOT NULL);
CREATE TEMPORARY TABLE synthea_service (
    file text NOT NULL, line int NOT NULL, patient text NOT NULL, encounter text NOT NULL, code text NOT NULL,
    description text NOT NULL, provided_at timestamptz NOT NULL, cost_minor bigint NOT NULL,
    PRIMARY KEY (file, line));
CREATE TEMPORARY TABLE synthea_claim (
    line int PRIMARY KEY, source text NOT NULL, patient text NOT NULL, payer text NOT NULL,
    secondary text NOT NULL);
CREATE TEMPORARY TABLE synthea_row (
    line int PRIMARY KEY, source text NOT NULL, claim text NOT NULL, patient text NOT NULL, kind text NOT NULL,
    amount_minor bigint NOT NULL, method text NOT NULL, happened_at timestamptz NOT NULL, code text NOT NULL,
    units numeric NOT NULL, notes text NOT NULL, unit_amount_minor bigint NOT NULL, transfer_type text NOT NULL,
    payments_minor bigint NOT NULL, adjustments_minor bigint NOT NULL, transfers_minor bigint NOT NULL,
    outstanding_minor bigint NOT NULL, encounter text NOT NULL, id uuid NOT NULL, entry_id uuid NOT NULL,
    handover_entry_id uuid NOT NULL);
