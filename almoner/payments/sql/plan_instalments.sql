-- A plan that was agreed before its instalments were kept has the equal monthly ones that it named.
DO $$
DECLARE
    hospital uuid;
BEGIN
    FOR hospital IN SELECT id FROM hospitals_hospital LOOP
        PERFORM set_config('almoner.hospital_id', hospital::text, true);
        INSERT INTO payments_planinstalment (hospital_id, id, plan_id, number, due_on, amount_minor)
        SELECT hospital, gen_random_uuid(), p.id, n, (p.first_due_on + (n - 1) * interval '1 month')::date,
               p.total_minor / parts.count
               + CASE WHEN n = parts.count THEN p.total_minor % parts.count ELSE 0 END
        FROM payments_paymentplan AS p
        CROSS JOIN LATERAL (SELECT least(p.instalments, p.total_minor)::int AS count) AS parts
        CROSS JOIN LATERAL generate_series(1, parts.count) AS n;
    END LOOP;
    PERFORM set_config('almoner.hospital_id', '', true);
END $$;
