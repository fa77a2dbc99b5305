-- The accounts of drawers, for the hospitals whose books were opened before there were any.
DO $$
DECLARE
    hospital uuid;
BEGIN
    FOR hospital IN SELECT id FROM hospitals_hospital LOOP
        PERFORM set_config('almoner.hospital_id', hospital::text, true);
        INSERT INTO ledger_ledgeraccount (hospital_id, id, code, number, name, account_type)
        SELECT hospital, gen_random_uuid(), account.code, account.number, account.name, account.type
        FROM (VALUES ('cash_safe', '1015', 'Cash in the safe', 'asset'),
                     ('cash_over_short', '5900', 'Cash over and short', 'expense'))
            AS account (code, number, name, type)
        WHERE EXISTS (SELECT FROM ledger_ledgeraccount AS known WHERE known.hospital_id = hospital)
        ON CONFLICT (hospital_id, code) DO NOTHING;
    END LOOP;
    PERFORM set_config('almoner.hospital_id', '', true);
END $$;
