"""The join as a Pathway program: two Debezium topics in, one PostgreSQL table out. Its settings are its arguments."""

import json
import sys

import pathway as pw

settings = json.loads(sys.argv[1])


class Student(pw.Schema):
    student_id: int = pw.column_definition(primary_key=True)
    name: str


class Contact(pw.Schema):
    contact_id: int = pw.column_definition(primary_key=True)
    student_id: int | None
    contact_number: str


student = pw.io.debezium.read(settings["kafka"], topic_name=settings["student_topic"], schema=Student,
                              **settings["reader"])
contact = pw.io.debezium.read(settings["kafka"], topic_name=settings["contact_topic"], schema=Contact,
                              **settings["reader"])
joined = contact.join(student, contact.student_id == student.student_id).select(
    student_id=student.student_id, contact_id=contact.contact_id, name=student.name,
    contact_number=contact.contact_number)
pw.io.postgres.write(joined, settings["postgres"], "student_contact", output_table_type="snapshot",
                     primary_key=[joined.student_id, joined.contact_id])
pw.run(monitoring_level=pw.MonitoringLevel.NONE)
