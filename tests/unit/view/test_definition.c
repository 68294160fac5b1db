/* Two views compared for people: what changed is named, nothing else is. */
#include "load.h"

#include "plan/difference.h"

#define FROM "FROM student JOIN contact ON student.student_id = contact.student_id"

static void compare(const char *oltp, const char *view_sql, size_t count, const char *difference) {
    struct plan *before = load(STUDENT_CONTACT, SELECT_LIST FROM), *now = load(oltp, view_sql);
    char text[400];
    assert_int_equal(definition_difference(before->targets[0].definition,
                                           now->targets[0].definition, text, sizeof text),
                     count);
    assert_string_equal(text, difference);
    assert_int_equal(count == 0,
                     str_equal(before->targets[0].fingerprint, now->targets[0].fingerprint));
    plan_destroy(&before);
    plan_destroy(&now);
}

static void test_same(void **state) {
    (void)state;
    compare(STUDENT_CONTACT, SELECT_LIST FROM ";", 0, "");
}

static void test_differences(void **state) {
    (void)state;
    static const char text_to_varchar[] =
        "CREATE TABLE student (student_id bigserial PRIMARY KEY, name varchar(40));\n"
        "CREATE TABLE contact (contact_id bigserial PRIMARY KEY, student_id bigint,"
        " contact_number text);\n"
        "ALTER TABLE student REPLICA IDENTITY FULL; ALTER TABLE contact REPLICA IDENTITY FULL;\n";
    compare(text_to_varchar, SELECT_LIST FROM, 1,
            "source column public.student.name was text, is now character varying(40)");
    compare(STUDENT_CONTACT,
            "CREATE MATERIALIZED VIEW v AS SELECT student.student_id, contact.contact_id, "
            "contact_number AS name, name AS contact_number " FROM,
            2,
            "column name of the view was public.student.name, is now "
            "public.contact.contact_number; column contact_number of the view was "
            "public.contact.contact_number, is now public.student.name");
    compare(STUDENT_CONTACT,
            "CREATE MATERIALIZED VIEW v AS SELECT student.student_id, contact.contact_id, name, "
            "contact_number, contact_number AS again " FROM,
            2,
            "column list of the view was student_id, contact_id, name, contact_number, is now "
            "student_id, contact_id, name, contact_number, again; column again of the view is "
            "new: public.contact.contact_number");
}

/* However a column is named. */
static void test_primary_key(void **state) {
    (void)state;
    struct plan *plan = load(STUDENT_CONTACT, "CREATE MATERIALIZED VIEW v AS SELECT name AS "
                                              "\"PRIMARY KEY (\", student.student_id AS s, "
                                              "contact.contact_id, contact_number " FROM);
    static const char line[] = "\nprimary key of the view: (s, contact_id)\n";
    assert_non_null(memmem(plan->targets[0].definition.ptr, plan->targets[0].definition.len, line,
                           sizeof line - 1));
    plan_destroy(&plan);
}

/* What does not fit is counted, and nothing is cut in the middle. */
static void test_limit(void **state) {
    (void)state;
    char out[24];
    assert_int_equal(
        definition_difference(STR("a: 1\nb: 2\nc: 3\n"), STR("a: 2\nb: 3\n"), out, sizeof out), 3);
    assert_string_equal(out, "a was 1, is now 2");
    assert_int_equal(definition_difference(STR(""), STR("a"), out, sizeof out), 1);
    assert_string_equal(out, "a is new: ");
    assert_int_equal(definition_difference(STR("a"), STR("a"), out, sizeof out), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same),
        cmocka_unit_test(test_differences),
        cmocka_unit_test(test_primary_key),
        cmocka_unit_test(test_limit),
    };
    return cmocka_run_group_tests(tests, load_setup, load_teardown);
}
