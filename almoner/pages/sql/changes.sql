-- What has happened in a hospital lately, in one word: it differs as soon as an event, an entry, a decision, a
-- call or an audited deed was committed. The latest rows of each are looked at, not the last one alone,
-- because a transaction that began earlier may commit later.
CREATE OR REPLACE FUNCTION pages_change_marker(p_hospital uuid) RETURNS text
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    PERFORM set_config('almoner.hospital_id', p_hospital::text, true);
    RETURN (
        SELECT md5(string_agg(latest.what, ' ' ORDER BY latest.what))
        FROM (
            (SELECT id::text AS what FROM ledger_journalentry
             WHERE hospital_id = p_hospital ORDER BY posted_at DESC LIMIT 24)
            UNION ALL
            (SELECT id::text FROM charging_clinicalevent
             WHERE hospital_id = p_hospital ORDER BY recorded_at DESC LIMIT 24)
            UNION ALL
            (SELECT id::text FROM enforcement_gatedecision
             WHERE hospital_id = p_hospital ORDER BY decided_at DESC LIMIT 24)
            UNION ALL
            (SELECT id::text FROM identity_auditrecord
             WHERE hospital_id = p_hospital ORDER BY at DESC LIMIT 12)
            UNION ALL
            (SELECT id::text || called_at FROM scheduling_queuetoken
             WHERE hospital_id = p_hospital AND called_at IS NOT NULL ORDER BY called_at DESC LIMIT 12)
        ) AS latest
    );
END $$;
