-- A row for each source table to try the view with, as INSERT statements; for the last lines of bin/startup.sh.
-- psql variables: tables (schema.table, as `plan` names them) and joins (the join columns), each separated by spaces.
WITH RECURSIVE named AS (
    SELECT c.oid, c.relname, n.nspname,
        array_position(string_to_array(:'tables', ' '), n.nspname || '.' || c.relname) AS place
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname || '.' || c.relname = ANY (string_to_array(:'tables', ' '))
), keys AS (
    SELECT conrelid, conkey, confrelid, confkey FROM pg_constraint
    WHERE contype = 'f' AND conrelid <> confrelid
        AND conrelid IN (SELECT oid FROM named) AND confrelid IN (SELECT oid FROM named)
), depths AS ( -- of tables that refer to each other: up to the number of tables
    SELECT oid, 0 AS depth FROM named
    UNION
    SELECT k.conrelid, d.depth + 1 FROM depths d JOIN keys k ON k.confrelid = d.oid
    WHERE d.depth < (SELECT count(*) FROM named)
), tables AS ( -- one that refers to another of them comes after it
    SELECT named.*, (SELECT max(depth) FROM depths d WHERE d.oid = named.oid) AS refers FROM named
), columns AS (
    SELECT t.oid, t.place, t.refers, a.attnum, a.attname, a.attnotnull, b.typname, b.typcategory, b.typtype, b.oid AS base,
        CASE WHEN a.atttypmod > 4 AND b.typname IN ('varchar', 'bpchar') THEN a.atttypmod - 4 END AS longest,
        a.attname = ANY (string_to_array(:'joins', ' '))
            OR EXISTS (SELECT FROM keys k WHERE k.conrelid = t.oid AND a.attnum = ANY (k.conkey)
                       OR k.confrelid = t.oid AND a.attnum = ANY (k.confkey)) AS joins,
        count(*) OVER (PARTITION BY t.oid) AS width
    FROM tables t JOIN pg_attribute a ON a.attrelid = t.oid
    JOIN pg_type d ON d.oid = a.atttypid
    JOIN pg_type b ON b.oid = CASE d.typtype WHEN 'd' THEN d.typbasetype ELSE d.oid END
    WHERE a.attnum > 0 AND NOT a.attisdropped AND NOT a.atthasdef AND a.attidentity = '' AND a.attgenerated = ''
), texts AS (
    SELECT oid, attnum, (ARRAY['Dan', '123', 'Tom', '456'])[row_number() OVER (ORDER BY refers, place, attnum)] AS sample
    FROM columns WHERE typcategory = 'S' AND NOT joins
), samples AS (
    SELECT c.*, CASE
            WHEN c.typtype = 'e' THEN quote_literal((SELECT enumlabel FROM pg_enum WHERE enumtypid = c.base ORDER BY enumsortorder LIMIT 1))
            WHEN c.typname = 'uuid' THEN '''00000000-0000-0000-0000-000000000001'''
            WHEN c.typname IN ('json', 'jsonb') THEN '''{}'''
            WHEN c.typname = 'bytea' THEN '''\x31'''
            WHEN c.typcategory = 'N' THEN '1'
            WHEN c.typcategory = 'S' THEN quote_literal(left(coalesce(x.sample, 'A1'), coalesce(c.longest, 9)))
            WHEN c.typcategory = 'B' THEN 'true'
            WHEN c.typcategory = 'A' THEN '''{}'''
            WHEN c.typcategory = 'T' THEN '''1 day'''
            WHEN c.typname LIKE 'time%' AND c.typname NOT LIKE 'timestamp%' THEN '''12:00'''
            WHEN c.typcategory = 'D' THEN '''2026-01-31'''
            WHEN c.typcategory = 'I' THEN '''127.0.0.1'''
            WHEN c.typcategory = 'V' THEN 'B''1'''
        END AS sample
    FROM columns c LEFT JOIN texts x USING (oid, attnum)
    WHERE c.attnotnull OR c.joins OR c.width <= 6
)
SELECT format('INSERT INTO %s%I ', CASE t.nspname WHEN 'public' THEN '' ELSE quote_ident(t.nspname) || '.' END, t.relname)
    || coalesce(format('(%s) VALUES (%s);', string_agg(quote_ident(s.attname), ', ' ORDER BY s.attnum),
                       string_agg(s.sample, ', ' ORDER BY s.attnum)), 'DEFAULT VALUES;')
FROM tables t LEFT JOIN samples s ON s.oid = t.oid AND (s.sample IS NOT NULL OR s.attnotnull)
GROUP BY t.oid, t.nspname, t.relname, t.refers, t.place
-- a column without a sample that must have a value: better no statement than one that fails
HAVING bool_and(s.attname IS NULL OR s.sample IS NOT NULL)
ORDER BY t.refers, t.place;
