-- The join as a Flink SQL job. What has a dollar and braces is filled in by flink_sql.py.
CREATE TABLE student (
  student_id BIGINT,
  name STRING,
  PRIMARY KEY (student_id) NOT ENFORCED
) WITH (
  'connector' = 'kafka', 'topic' = '${student_topic}', 'format' = 'debezium-json',
  'properties.bootstrap.servers' = '${bootstrap}', 'properties.group.id' = 'flink',
  'properties.fetch.max.wait.ms' = '5', 'scan.startup.mode' = 'earliest-offset'
);

CREATE TABLE contact (
  contact_id BIGINT,
  student_id BIGINT,
  contact_number STRING,
  PRIMARY KEY (contact_id) NOT ENFORCED
) WITH (
  'connector' = 'kafka', 'topic' = '${contact_topic}', 'format' = 'debezium-json',
  'properties.bootstrap.servers' = '${bootstrap}', 'properties.group.id' = 'flink',
  'properties.fetch.max.wait.ms' = '5', 'scan.startup.mode' = 'earliest-offset'
);

CREATE TABLE student_contact (
  student_id BIGINT,
  contact_id BIGINT,
  name STRING,
  contact_number STRING,
  PRIMARY KEY (student_id, contact_id) NOT ENFORCED
) WITH (
  'connector' = 'jdbc', 'table-name' = 'student_contact', 'username' = 'pg', 'password' = 'pg',
  'url' = 'jdbc:postgresql://127.0.0.1:${olap_port}/${olap_name}?reWriteBatchedInserts=true',
  'sink.buffer-flush.max-rows' = '${flush_rows}', 'sink.buffer-flush.interval' = '${flush_interval}'
);

INSERT INTO student_contact
SELECT student.student_id, contact.contact_id, student.name, contact.contact_number
FROM student INNER JOIN contact ON student.student_id = contact.student_id;
