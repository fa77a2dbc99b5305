-- At any instant a bed holds one patient, and a patient lies in one bed: also for what is recorded afterwards.
ALTER TABLE ward_bedstay ADD CONSTRAINT bed_stays_of_a_bed_do_not_overlap EXCLUDE USING gist (
    kernel_point(hospital_id, bed_id) WITH &&, tstzrange(started_at, ended_at) WITH &&
);
ALTER TABLE ward_bedstay ADD CONSTRAINT bed_stays_of_an_admission_do_not_overlap EXCLUDE USING gist (
    kernel_point(hospital_id, admission_id) WITH &&, tstzrange(started_at, ended_at) WITH &&
);
