-- GiST compares ranges, not identifiers (that would need an extension). An exclusion constraint that says "the same
-- bed, the same time: never" takes the identifiers as a range of one point, their 64-bit hash; see decision 0005.
CREATE OR REPLACE FUNCTION kernel_point(VARIADIC ids uuid[]) RETURNS int8range LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT int8range(h, h, '[]') FROM (SELECT hashtextextended(ids::text, 0) / 2 AS h) AS key
$$;
