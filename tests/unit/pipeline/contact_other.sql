-- A table in two roles: every task has all contacts as lookups, and those of its number as core rows.
CREATE MATERIALIZED VIEW contact_other AS
SELECT c.contact_id, c.contact_number, o.contact_number AS other
FROM contact c LEFT JOIN contact o ON o.contact_id = c.student_id;
