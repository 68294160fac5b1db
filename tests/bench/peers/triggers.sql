-- Copies of the source tables in the OLAP database, and row triggers on them that keep student_contact.
-- Names are qualified: replication's apply worker has an empty search_path. ENABLE ALWAYS: it is a replica besides.
CREATE TABLE student (
  student_id bigint PRIMARY KEY,
  name text
);
CREATE TABLE contact (
  contact_id bigint PRIMARY KEY,
  student_id bigint,
  contact_number text
);
CREATE INDEX contact_student_id ON contact (student_id);

CREATE FUNCTION student_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    DELETE FROM public.student_contact WHERE student_id = OLD.student_id;
    RETURN NULL;
  END IF;
  IF TG_OP = 'UPDATE' AND OLD.student_id <> NEW.student_id THEN
    DELETE FROM public.student_contact WHERE student_id = OLD.student_id;
  END IF;
  INSERT INTO public.student_contact
  SELECT NEW.student_id, contact.contact_id, NEW.name, contact.contact_number
  FROM public.contact WHERE contact.student_id = NEW.student_id
  ON CONFLICT (student_id, contact_id)
    DO UPDATE SET name = excluded.name, contact_number = excluded.contact_number;
  RETURN NULL;
END $$;

CREATE FUNCTION contact_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE'
     OR TG_OP = 'UPDATE' AND (OLD.student_id, OLD.contact_id) IS DISTINCT FROM (NEW.student_id, NEW.contact_id) THEN
    DELETE FROM public.student_contact WHERE student_id = OLD.student_id AND contact_id = OLD.contact_id;
  END IF;
  IF TG_OP <> 'DELETE' THEN
    INSERT INTO public.student_contact
    SELECT student.student_id, NEW.contact_id, student.name, NEW.contact_number
    FROM public.student WHERE student.student_id = NEW.student_id
    ON CONFLICT (student_id, contact_id)
      DO UPDATE SET name = excluded.name, contact_number = excluded.contact_number;
  END IF;
  RETURN NULL;
END $$;

CREATE TRIGGER student_changed AFTER INSERT OR UPDATE OR DELETE ON student
  FOR EACH ROW EXECUTE FUNCTION student_changed();
CREATE TRIGGER contact_changed AFTER INSERT OR UPDATE OR DELETE ON contact
  FOR EACH ROW EXECUTE FUNCTION contact_changed();
ALTER TABLE student ENABLE ALWAYS TRIGGER student_changed;
ALTER TABLE contact ENABLE ALWAYS TRIGGER contact_changed;
