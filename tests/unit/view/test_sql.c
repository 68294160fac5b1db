/* The statements' texts; tests/sql/ runs them on a real PostgreSQL. */
#include "load.h"

static void check(struct str got, const char *want) {
    char text[4000];
    (void)snprintf(text, sizeof text, STR_FMT, STR_ARG(got));
    assert_string_equal(text, want);
}

static void test_student_contact(void **state) {
    (void)state;
    struct plan *plan =
        load(STUDENT_CONTACT, SELECT_LIST "FROM student JOIN contact ON "
                                          "student.student_id = contact.student_id");
    check(plan->targets[0].sql_ddl, "CREATE TABLE IF NOT EXISTS v (\n"
                                    "  student_id bigint,\n"
                                    "  contact_id bigint,\n"
                                    "  name text,\n"
                                    "  contact_number text,\n"
                                    "  PRIMARY KEY (student_id, contact_id)\n"
                                    ")");
    check(plan->targets[0].sql_insert,
          "INSERT INTO v AS t (student_id, contact_id, name, contact_number)\n"
          "SELECT x.c1::bigint, x.c2::bigint, x.c3, x.c4\n"
          "FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS x(c1, c2, c3, c4)");
    check(
        plan->targets[0].sql_upsert,
        "INSERT INTO v AS t (student_id, contact_id, name, contact_number)\n"
        "SELECT x.c1::bigint, x.c2::bigint, x.c3, x.c4\n"
        "FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS x(c1, c2, c3, c4)\n"
        "ON CONFLICT (student_id, contact_id) DO UPDATE SET name = excluded.name, contact_number = "
        "excluded.contact_number\n"
        "WHERE ROW(t.name, t.contact_number)::record OPERATOR(pg_catalog.*<>) ROW(excluded.name, "
        "excluded.contact_number)::record");
    check(plan->targets[0].sql_copy,
          "COPY v (student_id, contact_id, name, contact_number) FROM STDIN");
    check(plan->targets[0].occurrences[0].sql_delete,
          "DELETE FROM v AS t\nWHERE t.student_id = ANY (ARRAY(SELECT x.c1::bigint FROM "
          "unnest($1::text[]) AS x(c1)))");
    check(plan->targets[0].occurrences[1].sql_delete,
          "DELETE FROM v AS t\nUSING unnest($1::text[], $2::text[]) AS x(c1, c2)\n"
          "WHERE t.student_id = x.c1::bigint AND t.contact_id = x.c2::bigint");
    check(plan->relations[1].sql_check,
          "SELECT count(x.c1::bigint) + count(x.c2::bigint) + count(x.c3)\n"
          "FROM unnest($1::text[], $2::text[], $3::text[]) AS x(c1, c2, c3)");
    check(plan->targets[0].sql_refuse,
          "DELETE FROM v AS t\nUSING unnest($1::text[], $2::text[]) AS x(c1, c2)\n"
          "WHERE t.student_id = x.c1::bigint AND t.contact_id = x.c2::bigint");
    assert_int_equal(plan->targets[0].key_output_count, 2);
    assert_true(plan->targets[0].key_outputs[0] == 0 && plan->targets[0].key_outputs[1] == 1);
    assert_int_equal(plan->targets[0].occurrences[0].key_positions[0], 0);
    assert_true(plan->targets[0].occurrences[1].key_positions[0] == 0 &&
                plan->targets[0].occurrences[1].key_positions[1] == 1);
    plan_destroy(&plan);
}

static void test_keys_alone(void **state) {
    (void)state;
    struct plan *plan =
        load(STUDENT_CONTACT,
             "CREATE MATERIALIZED VIEW v AS SELECT contact_id, s.student_id FROM student "
             "s JOIN contact c ON s.student_id = c.student_id");
    check(plan->targets[0].sql_upsert, "INSERT INTO v AS t (contact_id, student_id)\n"
                                       "SELECT x.c1::bigint, x.c2::bigint\n"
                                       "FROM unnest($1::text[], $2::text[]) AS x(c1, c2)\n"
                                       "ON CONFLICT (student_id, contact_id) DO NOTHING");
    plan_destroy(&plan);
}

/* The delete of a table whose own columns are not the ones that are shown. */
static void test_names(void **state) {
    (void)state;
    struct plan *plan = load(
        "CREATE TABLE a (\"K'\" varchar(9), \"order\" char(3) PRIMARY KEY, n numeric(5,2));"
        "CREATE TABLE b (k varchar(3), id uuid PRIMARY KEY);"
        "ALTER TABLE a REPLICA IDENTITY FULL; ALTER TABLE b REPLICA IDENTITY FULL;",
        "CREATE MATERIALIZED VIEW \"V;--\" AS SELECT b.id AS \"i\"\"d\", \"order\" AS o, n, b.k AS "
        "\"Key\" FROM a JOIN b ON \"K'\" = k");
    check(plan->targets[0].sql_ddl, "CREATE TABLE IF NOT EXISTS \"V;--\" (\n"
                                    "  \"i\"\"d\" uuid,\n"
                                    "  o character(3),\n"
                                    "  n numeric(5,2),\n"
                                    "  \"Key\" character varying(3),\n"
                                    "  PRIMARY KEY (\"Key\", o, \"i\"\"d\")\n"
                                    ")");
    check(plan->targets[0].occurrences[0].sql_delete,
          "DELETE FROM \"V;--\" AS t\nUSING unnest($1::text[], $2::text[]) AS x(c1, c2)\n"
          "WHERE t.\"Key\" = x.c1 AND t.o = x.c2::bpchar");
    check(plan->relations[0].sql_check,
          "SELECT count(pg_catalog.\"varchar\"(x.c1::varchar, 13, false)) + "
          "count(pg_catalog.\"bpchar\"(x.c2::bpchar, 7, false)) + "
          "count(CASE x.c3 WHEN 'POSITIVE_INFINITY' THEN 'Infinity' WHEN 'NEGATIVE_INFINITY' THEN "
          "'-Infinity' ELSE x.c3 END::numeric(5,2))\n"
          "FROM unnest($1::text[], $2::text[], $3::text[]) AS x(c1, c2, c3)");
    plan_destroy(&plan);
}

/* Rows of a table that is joined LEFT by the key have NULL in the sink's key where it has no row.
 */
static void test_left(void **state) {
    (void)state;
    struct plan *plan =
        load("CREATE TABLE a (k bigint PRIMARY KEY, x text);"
             "CREATE TABLE b (k bigint, no int, PRIMARY KEY (k, no));"
             "ALTER TABLE a REPLICA IDENTITY FULL; ALTER TABLE b REPLICA IDENTITY FULL;",
             "CREATE MATERIALIZED VIEW v AS SELECT a.k, no, x FROM a LEFT JOIN b ON a.k = b.k");
    const struct target *target = &plan->targets[0];
    check(target->sql_ddl, "CREATE TABLE IF NOT EXISTS v (\n"
                           "  k bigint NOT NULL,\n"
                           "  no integer,\n"
                           "  x text,\n"
                           "  UNIQUE NULLS NOT DISTINCT (k, no)\n"
                           ")");
    check(target->occurrences[1].sql_delete_null,
          "DELETE FROM v AS t\nWHERE t.k = ANY (ARRAY(SELECT x.c1::bigint FROM "
          "unnest($1::text[]) AS x(c1))) AND t.no IS NULL");
    check(target->occurrences[1].sql_delete_matched,
          "DELETE FROM v AS t\nWHERE t.k = ANY (ARRAY(SELECT x.c1::bigint FROM "
          "unnest($1::text[]) AS x(c1))) AND t.no IS NOT NULL");
    check(target->sql_refuse,
          "WITH s AS MATERIALIZED (SELECT x.c1::bigint AS k1, x.c2::integer AS k2 FROM "
          "unnest($1::text[], $2::text[]) AS x(c1, c2)),\n"
          "n1 AS (DELETE FROM v AS t\n"
          "USING s WHERE t.k = s.k1 AND t.no IS NULL AND s.k2 IS NULL)\n"
          "DELETE FROM v AS t\n"
          "USING s WHERE t.k = s.k1 AND t.no = s.k2");
    plan_destroy(&plan);
}

/* A table's rows without a partner go by the join key of the other table, which may be longer. */
static void test_narrow_left(void **state) {
    (void)state;
    struct plan *plan =
        load("CREATE TABLE a (k int PRIMARY KEY, x text);"
             "CREATE TABLE b (id bigint PRIMARY KEY, k smallint);"
             "ALTER TABLE a REPLICA IDENTITY FULL; ALTER TABLE b REPLICA IDENTITY FULL;",
             "CREATE MATERIALIZED VIEW v WITH (partition_by = 'a.k') AS SELECT a.k, id, x FROM a "
             "LEFT JOIN b ON a.k = b.k");
    const struct target *target = &plan->targets[0];
    check(target->occurrences[1].sql_delete_null,
          "DELETE FROM v AS t\nWHERE t.k = ANY (ARRAY(SELECT x.c1::integer FROM "
          "unnest($1::text[]) AS x(c1))) AND t.id IS NULL");
    check(target->occurrences[1].sql_delete_matched,
          "DELETE FROM v AS t\nWHERE t.k = ANY (ARRAY(SELECT x.c1::integer FROM "
          "unnest($1::text[]) AS x(c1))) AND t.id IS NOT NULL");
    plan_destroy(&plan);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_student_contact), cmocka_unit_test(test_keys_alone),
        cmocka_unit_test(test_names),           cmocka_unit_test(test_left),
        cmocka_unit_test(test_narrow_left),
    };
    return cmocka_run_group_tests(tests, load_setup, load_teardown);
}
