/* view_load as a whole: the shipped view, topics, fingerprint, options. */
#include "load.h"

#define JOINED "FROM student JOIN contact ON student.student_id = contact.student_id"

static void test_shipped(void **state) {
    (void)state;
    struct view_options options = {SOURCE_DIR "/schemas/oltp.sql",
                                   SOURCE_DIR "/schemas/student_contact.sql", "oltp-olap-sync", 8};
    struct view *view = NULL;
    char *report = NULL;
    assert_int_equal(view_load(&options, &view, &report, NULL), ERR_NONE);
    assert_null(report);
    assert_true(str_is(view->name, "student_contact"));
    assert_int_equal(view->table_count, 2);
    assert_int_equal(view->join_count, 1);
    assert_int_equal(view->partition_count, 8);
    const struct view_table *student = &view->tables[0], *contact = &view->tables[1];
    assert_true(str_is(student->schema, "public"));
    assert_true(str_is(student->topic, "oltp-olap-sync.public.student"));
    assert_true(str_is(contact->topic, "oltp-olap-sync.public.contact"));
    assert_int_equal(student->key_count, 1);
    assert_int_equal(student->primary_key_count, 1);
    assert_int_equal(contact->key_count, 2);
    assert_int_equal(contact->primary_key_count, 1);
    assert_true(str_is(contact->columns[0].name, "student_id"));
    assert_true(str_is(contact->columns[1].name, "contact_id"));
    assert_true(str_is(contact->columns[2].name, "contact_number"));
    assert_int_equal(view->fingerprint.len, 16);
    view_destroy(&view);
    view_destroy(&view);
}

/* What a NULL or a default in a record tells depends on it, and the comparison with the database.
 */
static void test_nullability(void **state) {
    (void)state;
    struct view *view =
        load("CREATE TABLE a (k int, s serial, n text, g bigint GENERATED ALWAYS AS IDENTITY,"
             " m text, d text NOT NULL, PRIMARY KEY (k));"
             "CREATE TABLE b (id bigint PRIMARY KEY, k int, t text NOT NULL);"
             "ALTER TABLE a ALTER m SET NOT NULL, ALTER d DROP NOT NULL;"
             "ALTER TABLE a REPLICA IDENTITY FULL; ALTER TABLE b REPLICA IDENTITY FULL;",
             "CREATE MATERIALIZED VIEW v AS SELECT a.k, b.id, s, n, g, m, d, t FROM a JOIN b ON "
             "a.k = b.k");
    static const struct {
        int table;
        const char *name;
        bool not_null, primary_key;
    } want[] = {{0, "k", true, true},   {0, "s", true, false}, {0, "n", false, false},
                {0, "g", true, false},  {0, "m", true, false}, {0, "d", false, false},
                {1, "k", false, false}, {1, "id", true, true}, {1, "t", true, false}};
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        const struct view_table *table = &view->tables[want[i].table];
        size_t c = 0;
        while (!str_is(table->columns[c].name, want[i].name)) {
            c++;
            assert_true(c < table->column_count);
        }
        assert_int_equal(table->columns[c].not_null, want[i].not_null);
        assert_int_equal(table->columns[c].primary_key, want[i].primary_key);
    }
    view_destroy(&view);
}

static void test_options(void **state) {
    (void)state;
    load_write("oltp.sql", STUDENT_CONTACT, NULL, NULL);
    load_write("view.sql", SELECT_LIST JOINED, NULL, NULL);
    struct view *view = NULL;
    char *report = NULL;
    struct err err;
    struct view_options options = load_options();
    options.topic_prefix = "a b";
    assert_int_equal(view_load(&options, &view, &report, &err), ERR_CONFIG);
    assert_non_null(strstr(err.message, "topic prefix \"a b\""));
    assert_string_equal(report, err.message);
    free(report);
    options = load_options();
    options.partition_count = 0;
    assert_int_equal(view_load(&options, &view, NULL, &err), ERR_CONFIG);
    assert_string_equal(err.message, "0 partitions: at least one is needed");
    options = load_options();
    options.oltp_path = "missing.sql";
    assert_int_equal(view_load(&options, &view, NULL, &err), ERR_CONFIG);
    assert_string_equal(err.message, "missing.sql: No such file or directory");
}

/* A topic's name is the table's with what Kafka does not allow replaced, as Debezium does it. */
static void test_topics(void **state) {
    (void)state;
    static const struct {
        const char *name, *topic;
    } cases[] = {{"Stu dent", "prefix.public.Stu_dent"},
                 {"a.b-c_d", "prefix.public.a.b-c_d"},
                 {"\xc3\xa9\xe2\x98\x83", "prefix.public.__"},
                 {"x\xf0\x9f\x98\x80y", "prefix.public.x__y"},
                 {"a,$:", "prefix.public.a___"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char oltp[600], sql[400];
        (void)snprintf(
            oltp, sizeof oltp,
            "CREATE TABLE \"%s\" (g int PRIMARY KEY); CREATE TABLE b (g int PRIMARY KEY);"
            "ALTER TABLE \"%s\" REPLICA IDENTITY FULL; ALTER TABLE b REPLICA IDENTITY FULL;",
            cases[i].name, cases[i].name);
        (void)snprintf(sql, sizeof sql,
                       "CREATE MATERIALIZED VIEW v AS SELECT b.g FROM b JOIN \"%s\" a ON a.g = b.g",
                       cases[i].name);
        struct view *view = load(oltp, sql);
        assert_true(str_is(view->tables[1].topic, cases[i].topic));
        view_destroy(&view);
    }
    refused("CREATE TABLE \"a b\" (g int PRIMARY KEY); CREATE TABLE a_b (g int PRIMARY KEY);"
            "ALTER TABLE \"a b\" REPLICA IDENTITY FULL; ALTER TABLE a_b REPLICA IDENTITY FULL;",
            "CREATE MATERIALIZED VIEW v AS SELECT x.g FROM \"a b\" x JOIN @a_b y ON x.g = y.g",
            "two tables would share the topic prefix.public.a_b");
}

static void fingerprint(const char *oltp, const char *view_sql, char out[17]) {
    struct view *view = load(oltp, view_sql);
    (void)snprintf(out, 17, STR_FMT, STR_ARG(view->fingerprint));
    view_destroy(&view);
}

/* Another fingerprint for what changes the rows or where they come from, the same for what does
 * not. */
static void test_fingerprint(void **state) {
    (void)state;
    char want[17], got[17];
    fingerprint(STUDENT_CONTACT, SELECT_LIST JOINED, want);
    static const struct {
        const char *oltp, *view;
        bool same;
    } cases[] = {
        {STUDENT_CONTACT "CREATE TABLE x (y int); -- comment",
         "/* comment */ " SELECT_LIST JOINED ";", true},
        {STUDENT_CONTACT,
         SELECT_LIST "FROM student JOIN contact ON contact.student_id = "
                     "student.student_id",
         true},
        {STUDENT_CONTACT,
         "CREATE MATERIALIZED VIEW w AS SELECT student.student_id, contact.contact_id, name, "
         "contact_number " JOINED,
         false},
        {STUDENT_CONTACT,
         "CREATE MATERIALIZED VIEW v AS SELECT student.student_id, contact.contact_id, name AS n, "
         "contact_number " JOINED,
         false},
        {STUDENT_CONTACT,
         "CREATE MATERIALIZED VIEW v AS SELECT student.student_id, contact.contact_id, "
         "contact_number AS name, name AS contact_number " JOINED,
         false},
        {STUDENT_CONTACT,
         "CREATE MATERIALIZED VIEW v AS SELECT student.student_id, contact.contact_id, "
         "name " JOINED,
         false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fingerprint(cases[i].oltp, cases[i].view, got);
        assert_int_equal(strcmp(got, want) == 0, cases[i].same);
    }
    struct view_options options = load_options();
    load_write("view.sql", SELECT_LIST JOINED, NULL, NULL);
    options.partition_count = 9;
    struct view *view = NULL;
    assert_int_equal(view_load(&options, &view, NULL, NULL), ERR_NONE);
    assert_false(str_is(view->fingerprint, want));
    view_destroy(&view);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shipped),     cmocka_unit_test(test_nullability),
        cmocka_unit_test(test_options),     cmocka_unit_test(test_topics),
        cmocka_unit_test(test_fingerprint),
    };
    return cmocka_run_group_tests(tests, load_setup, load_teardown);
}
