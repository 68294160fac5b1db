-- A view with a lookup table: every task has all students, and the contacts of its number.
CREATE MATERIALIZED VIEW contact_name WITH (partition_by = 'contact.contact_id') AS
SELECT contact.contact_id, contact.contact_number, student.name
FROM contact LEFT JOIN student ON student.student_id = contact.student_id;
