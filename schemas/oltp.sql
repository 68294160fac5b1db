-- The source tables, as they stand in the OLTP database.

CREATE TABLE student (
  student_id bigserial PRIMARY KEY,
  name text NOT NULL
);

CREATE TABLE contact (
  contact_id bigserial PRIMARY KEY,
  student_id bigint REFERENCES student ON UPDATE CASCADE ON DELETE CASCADE,
  contact_number text NOT NULL
);

-- For the join, and for Debezium's incremental snapshots, which read in the order of the message key.
CREATE INDEX contact_student_id_contact_id ON contact (student_id, contact_id);

-- Updates and deletes must carry the whole old row: a moved contact has to tell its old student.
ALTER TABLE student REPLICA IDENTITY FULL;
ALTER TABLE contact REPLICA IDENTITY FULL;

-- Debezium does not send TRUNCATE: the OLAP table would silently keep every row.
CREATE FUNCTION refuse_truncate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'TRUNCATE of % is refused: it would not reach the OLAP database', TG_TABLE_NAME
    USING HINT = 'Use DELETE FROM ' || TG_TABLE_NAME || ' instead.';
END $$;

CREATE TRIGGER student_refuse_truncate BEFORE TRUNCATE ON student
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE TRIGGER contact_refuse_truncate BEFORE TRUNCATE ON contact
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
