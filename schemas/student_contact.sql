-- The view to keep in the OLAP database. Everything else follows from this file and oltp.sql:
-- the table's DDL, the connector's configuration, the statements that write (`oltp-olap-sync plan`).
CREATE MATERIALIZED VIEW student_contact AS
SELECT
  student.student_id AS student_id,
  contact.contact_id AS contact_id,
  student.name AS name,
  contact.contact_number AS contact_number
FROM student
INNER JOIN contact
  ON student.student_id = contact.student_id;
