/* Looks at a partitioned table: its partitions must say what their rows were, be published under
 * its name, and stay. */
#include "looking.h"

static int set_up_partitioned(void **state) {
    int result = set_up_files(state); /* the role, and a folder */
    write_file("oltp.sql",
               "CREATE TABLE \"S 1\".student (student_id bigint, name text, year int DEFAULT 2001,"
               " PRIMARY KEY"
               " (student_id, year)) PARTITION BY RANGE (year);"
               "CREATE TABLE \"S 1\".old PARTITION OF \"S 1\".student FOR VALUES FROM (0) TO (2000)"
               " PARTITION BY LIST (year);"
               "CREATE TABLE \"S 1\".oldest PARTITION OF \"S 1\".old DEFAULT;"
               "CREATE TABLE \"S 1\".recent PARTITION OF \"S 1\".student FOR VALUES FROM (2000) TO"
               " (3000);"
               "CREATE TABLE \"S 1\".contact (contact_id bigint PRIMARY KEY, student_id bigint);"
               "ALTER TABLE \"S 1\".student REPLICA IDENTITY FULL;"
               "ALTER TABLE \"S 1\".oldest REPLICA IDENTITY FULL;"
               "ALTER TABLE \"S 1\".recent REPLICA IDENTITY FULL;"
               "ALTER TABLE \"S 1\".contact REPLICA IDENTITY FULL;"
               "CREATE FUNCTION \"S 1\".refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE"
               " EXCEPTION 'no'; END $$;"
               "CREATE TRIGGER t BEFORE TRUNCATE ON \"S 1\".student FOR EACH STATEMENT EXECUTE"
               " FUNCTION \"S 1\".refuse();"
               "CREATE TRIGGER t BEFORE TRUNCATE ON \"S 1\".contact FOR EACH STATEMENT EXECUTE"
               " FUNCTION \"S 1\".refuse();");
    write_file("view.sql",
               "CREATE MATERIALIZED VIEW v AS SELECT s.student_id, contact_id, year, name FROM"
               " \"S 1\".student s JOIN \"S 1\".contact c ON s.student_id = c.student_id");
    return result;
}

static int begin_published(void **state) {
    (void)begin(state);
    struct context *c = *state;
    sql(c, "ALTER PUBLICATION look_pub SET (publish_via_partition_root = true)");
    return 0;
}

static void as_planned(void **state) {
    struct context *c = *state;
    expect_none(c);
    sql(c, "INSERT INTO student VALUES (1000, 'x', 1999); UPDATE student SET year = 2001 WHERE "
           "student_id = 1000; ANALYZE student");
    sql(c, "VACUUM student");
    expect_none(c);
    sql(c, "CREATE TABLE next PARTITION OF student FOR VALUES FROM (3000) TO (4000); ALTER TABLE "
           "next REPLICA IDENTITY FULL");
    expect_none(c);
}

static void not_by_the_root(void **state) {
    struct context *c = *state;
    expect_none(c);
    sql(c, "ALTER PUBLICATION look_pub SET (publish_via_partition_root = false)");
    expect(c, FINDING_LOSS,
           "ALTER PUBLICATION look_pub SET (publish_via_partition_root = true); changes made");
}

static void partition_without_identity(void **state) {
    struct context *c = *state;
    expect_none(c);
    sql(c, "CREATE TABLE next PARTITION OF student FOR VALUES FROM (3000) TO (4000)");
    expect(c, FINDING_HALT, "the REPLICA IDENTITY of a partition (SELECT ");
    sql(c, "ALTER TABLE next REPLICA IDENTITY FULL");
    expect_acknowledged(c);
    sql(c, "ALTER TABLE oldest REPLICA IDENTITY NOTHING"); /* two levels below */
    expect(c, FINDING_HALT, "is NOTHING, must be FULL, as each partition's");
}

static void gone(void **state) {
    struct context *c = *state;
    expect_none(c);
    sql(c, "ALTER TABLE student DETACH PARTITION recent");
    expect(c, FINDING_LOSS, "student: a partition was dropped or detached (oid ");
    sql(c, "ALTER TABLE student ATTACH PARTITION recent FOR VALUES FROM (2000) TO (3000)");
    expect(c, FINDING_LOSS, "student: a partition was dropped or detached (oid ");
    expect_acknowledged(c);
    sql(c, "DROP TABLE old");
    expect(c, FINDING_LOSS, "student: a partition was dropped or detached (oid ");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin_published, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(as_planned),
        CASE(not_by_the_root),
        CASE(partition_without_identity),
        CASE(gone),
    };
    choose_test();
    return cmocka_run_group_tests(tests, set_up_partitioned, remove_files);
}
