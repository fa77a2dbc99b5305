-- Nobody sees two patients at a time: what a practitioner is booked for never overlaps, unless it was called off.
ALTER TABLE scheduling_appointment ADD CONSTRAINT appointments_of_a_practitioner_do_not_overlap EXCLUDE USING gist (
    kernel_point(hospital_id, practitioner_id) WITH &&, tstzrange(starts_at, ends_at) WITH &&
) WHERE (practitioner_id IS NOT NULL AND status IN ('booked', 'arrived'));
