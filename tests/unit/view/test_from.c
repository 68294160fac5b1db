/* The FROM clause: what joins, and what is refused where. */
#include "load.h"

#define FROM(text) SELECT_LIST text
#define JOINED     FROM("FROM student JOIN contact ON student.student_id = contact.student_id")

static void test_accepted(void **state) {
    (void)state;
    accepted(STUDENT_CONTACT, JOINED);
    accepted(STUDENT_CONTACT, JOINED ";");
    accepted(STUDENT_CONTACT,
             FROM("FROM student INNER JOIN contact ON (contact.student_id = student.student_id);"));
    accepted(STUDENT_CONTACT, FROM("FROM public.student JOIN public.contact ON "
                                   "public.student.student_id = public.contact.student_id"));
    accepted(STUDENT_CONTACT,
             "CREATE MATERIALIZED VIEW IF NOT EXISTS v AS SELECT s.student_id, contact_id FROM "
             "student AS s JOIN contact c ON s.student_id = c.student_id WITH DATA");
    /* The same said twice. */
    accepted(STUDENT_CONTACT,
             FROM("FROM student JOIN contact ON student.student_id = contact.student_id AND "
                  "contact.student_id = student.student_id"));
}

#define NO_ONLY "ONLY is not supported: name the table without it, whose own rows are meant"

static void test_joins(void **state) {
    (void)state;
    static const struct {
        const char *from, *message;
    } cases[] = {
        {"FROM student RIGHT JOIN @contact ON student.student_id = contact.student_id",
         "RIGHT JOIN is not supported: write it as a LEFT JOIN, the tables the other way round"},
        {"FROM student FULL JOIN @contact ON student.student_id = contact.student_id",
         "FULL JOIN is not supported"},
        {"FROM student CROSS JOIN @contact", "CROSS JOIN is not supported"},
        {"FROM student NATURAL JOIN @contact",
         "NATURAL JOIN is not supported: name the columns in ON"},
        {"FROM student JOIN @contact USING (student_id)",
         "USING is not supported: name the columns in ON"},
        {"FROM student, @contact", "tables joined by a comma are not supported"},
        {"FROM student JOIN (SELECT @* FROM contact) c ON student.student_id = c.student_id",
         "a subquery in FROM is not supported"},
        {"FROM student JOIN @generate_series(1, 2) c ON student.student_id = c",
         "a function in FROM is not supported"},
        {"FROM student JOIN @contact TABLESAMPLE SYSTEM (1) ON true",
         "only tables are allowed in FROM"},
        {"FROM ONLY @student JOIN contact ON student.student_id = contact.student_id", NO_ONLY},
        {"FROM student LEFT JOIN ONLY @contact c ON student.student_id = c.student_id", NO_ONLY},
        {"FROM student JOIN @contact AS c(a, b) ON student.student_id = b",
         "an alias with column names is not supported"},
        {"FROM student JOIN @other.public.contact ON true",
         "a table of another database is not supported"},
        {"FROM student JOIN (@contact c JOIN contact d ON true) ON true",
         "a JOIN in parentheses is not supported on the right side: write one table after the "
         "other, a JOIN b ON ... JOIN c ON ..."},
        {"FROM student s JOIN @contact s ON true", "table name s is given twice: use an alias"},
        {"FROM student JOIN @contacts ON true",
         "oltp.sql has no table contacts in schema public: is public.contact meant?"},
        {"FROM student JOIN @sales.contact ON true",
         "oltp.sql has no table contact in schema sales: is public.contact meant?"},
        {"FROM student JOIN @zzzzzzzz ON true", "oltp.sql has no table zzzzzzzz"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char sql[1000];
        (void)snprintf(sql, sizeof sql, SELECT_LIST "%s", cases[i].from);
        refused(STUDENT_CONTACT, sql, cases[i].message);
    }
}

#define ONLY_EQUAL "ON may only say which columns are equal: write other conditions into WHERE"
#define NO_PAIR                                                                                    \
    "ON must compare columns of both sides, each pair with = and AND between them: a row's "       \
    "partners are found by them alone"
static void test_on(void **state) {
    (void)state;
    static const struct {
        const char *on, *message;
    } cases[] = {
        {"@true", NO_PAIR},
        {"student.student_id @< contact.student_id", NO_PAIR},
        {"student.student_id @< contact.student_id AND name > 'x'", NO_PAIR},
        {"student.student_id = contact.student_id AND name @<> 'x'", ONLY_EQUAL},
        {"@student.student_id = contact.student_id OR name = contact_number", NO_PAIR},
        {"@NOT student.student_id = contact.student_id", NO_PAIR},
        {"@NOT name = 'x' AND student.student_id = contact.student_id", ONLY_EQUAL},
        {"student.student_id = contact.student_id AND name = @'x'", ONLY_EQUAL},
        {"student.student_id = @contact.student_id + 1", NO_PAIR},
        {"@abs(student.student_id) = contact.student_id", NO_PAIR},
        {"student.student_id @IN (contact.student_id)", NO_PAIR},
        {"@contact.contact_id = contact.student_id", "ON compares two columns of the same table"},
        {"student.student_id = contact.student_id AND @student.student_id = contact.contact_id",
         "ON makes two columns of one table equal: write contact.student_id = contact.contact_id "
         "into WHERE, and compare one of them in ON"},
        {"student.student_id = @contact.studentid",
         "no column studentid in contact: is contact.student_id meant?"},
        {"student.student_id = @c.student_id", "no table c in FROM"},
        {"student.student_id = @contacts.student_id",
         "no table contacts in FROM: is contact meant?"},
        {"@student_id = contact_id",
         "column student_id is ambiguous: student.student_id or contact.student_id?"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char sql[1000];
        (void)snprintf(sql, sizeof sql, SELECT_LIST "FROM student JOIN contact ON %s", cases[i].on);
        refused(STUDENT_CONTACT, sql, cases[i].message);
    }
}

/* A join key of several columns, in the order of the conditions, with other names on the other
 * side. */
static void test_key_of_two_columns(void **state) {
    (void)state;
    struct plan *plan = load(
        "CREATE TABLE a (x int, y text, id int PRIMARY KEY); ALTER TABLE a REPLICA IDENTITY FULL;"
        "CREATE TABLE b (q text, p int, id int PRIMARY KEY); ALTER TABLE b REPLICA IDENTITY FULL;",
        "CREATE MATERIALIZED VIEW v AS SELECT a.id AS a_id, b.id AS b_id, q, x FROM a JOIN b ON "
        "b.q = a.y AND a.x = b.p");
    assert_int_equal(plan->relations[0].placement_count, 2);
    static const char *const names[2][3] = {{"y", "x", "id"}, {"q", "p", "id"}};
    for (size_t t = 0; t < 2; t++) {
        assert_int_equal(plan->relations[t].key_count, 3);
        assert_int_equal(plan->relations[t].primary_key_count, 1);
        for (size_t i = 0; i < 3; i++) {
            assert_true(str_is(plan->relations[t].columns[i].name, names[t][i]));
        }
    }
    assert_non_null(strstr(plan->targets[0].sql_ddl.ptr, "PRIMARY KEY (q, x, a_id, b_id)"));
    plan_destroy(&plan);
}

#define THREE                                                                                      \
    "CREATE TABLE a (x int, y text, PRIMARY KEY (x, y)); ALTER TABLE a REPLICA IDENTITY FULL;"     \
    "CREATE TABLE b (q text, p int, id int PRIMARY KEY); ALTER TABLE b REPLICA IDENTITY FULL;"     \
    "CREATE TABLE c (id int, r int, s text, v text, PRIMARY KEY (s, id));"                         \
    "ALTER TABLE c REPLICA IDENTITY FULL;"

/* Any number of tables on one key: each finds the others' rows by it, whichever table its column is
 * compared with. */
static void test_three_tables(void **state) {
    (void)state;
    static const char *const joins[] = {
        "a JOIN b ON b.p = a.x AND b.q = a.y JOIN c ON c.r = b.p AND c.s = a.y",
        "a JOIN b ON b.p = a.x AND b.q = a.y JOIN c ON c.s = b.q AND a.x = c.r",
    };
    static const char *const names[3][3] = {{"x", "y"}, {"p", "q", "id"}, {"r", "s", "id"}};
    static const size_t keys[] = {2, 3, 3}, primary_keys[] = {2, 1, 2};
    for (size_t j = 0; j < sizeof joins / sizeof *joins; j++) {
        char sql[400];
        (void)snprintf(sql, sizeof sql,
                       "CREATE MATERIALIZED VIEW v AS SELECT c.id AS c_id, v, x, q, b.id FROM %s",
                       joins[j]);
        struct plan *plan = load(THREE, sql);
        const struct target *target = &plan->targets[0];
        assert_int_equal(plan->relation_count, 3);
        assert_int_equal(target->core_count, 3);
        for (size_t t = 0; t < 3; t++) {
            const struct relation *relation = &plan->relations[t];
            assert_int_equal(relation->role, ROLE_CORE);
            assert_int_equal(relation->placement_count, 2);
            assert_int_equal(relation->key_count, keys[t]);
            assert_int_equal(relation->primary_key_count, primary_keys[t]);
            for (size_t i = 0; i < keys[t]; i++) {
                assert_true(str_is(relation->columns[i].name, names[t][i]));
            }
        }
        assert_non_null(strstr(target->sql_ddl.ptr, "PRIMARY KEY (x, q, id, c_id)"));
        plan_destroy(&plan);
    }
}

/* Of one table its primary key places the rows. */
static void test_one_table(void **state) {
    (void)state;
    struct plan *plan =
        load(THREE, "CREATE MATERIALIZED VIEW v AS SELECT c.v, id, s AS name, id AS again FROM c");
    const struct relation *c = &plan->relations[0];
    const struct target *target = &plan->targets[0];
    assert_int_equal(plan->relation_count, 1);
    assert_int_equal(c->placement_count, 2);
    assert_int_equal(c->key_count, 2);
    assert_int_equal(c->primary_key_count, 2);
    assert_true(str_is(c->columns[0].name, "s"));
    assert_non_null(strstr(target->sql_ddl.ptr, "PRIMARY KEY (name, id)"));
    assert_non_null(strstr(target->definition.ptr, "partition key 2: public.c.id\n"));
    plan_destroy(&plan);
    refused(THREE, "CREATE MATERIALIZED VIEW v AS SELECT @v, id FROM c",
            "the select list lacks c.s: every row needs the join key and the primary keys of all "
            "tables");
}

static void test_tables_unfit(void **state) {
    (void)state;
#define B "CREATE TABLE b (g int, id int PRIMARY KEY); ALTER TABLE b REPLICA IDENTITY FULL;\n"
#define V "CREATE MATERIALIZED VIEW v AS SELECT a.g, a.id AS a_id, b.id FROM a JOIN b ON a.g = b.g"
    refused(B "CREATE TABLE @a (g int, id int);", V,
            "table a has no primary key: the view's rows could not be told apart");
    refused(B "CREATE TABLE @a (g int, id int PRIMARY KEY);", V,
            "updates and deletes of table a do not carry the old row; add: ALTER TABLE public.a "
            "REPLICA IDENTITY FULL;");
    refused(B "CREATE TABLE @a (g int, id int PRIMARY KEY); ALTER TABLE a REPLICA IDENTITY FULL;"
              " ALTER TABLE a REPLICA IDENTITY DEFAULT;",
            V,
            "updates and deletes of table a do not carry the old row; add: ALTER TABLE public.a "
            "REPLICA IDENTITY FULL;");
    refused(B "CREATE UNLOGGED TABLE @a (g int, id int PRIMARY KEY);", V,
            "the view can't use table a: temporary and unlogged tables are not replicated");
    refused(B
            "CREATE TABLE p (g int) PARTITION BY LIST (g); CREATE TABLE @a PARTITION OF p DEFAULT;",
            V,
            "the view can't use table a: its changes come under the name of the table that it is a "
            "partition of");
    refused(B
            "CREATE TABLE p (g int) PARTITION BY LIST (g); CREATE TABLE @a (g int, id int); ALTER "
            "TABLE p ATTACH PARTITION a DEFAULT;",
            V,
            "the view can't use table a: its changes come under the name of the table that it is a "
            "partition of");
    refused(B "CREATE TABLE @a (g int, id int PRIMARY KEY) INHERITS (b);", V,
            "the view can't use table a: INHERITS is not supported");
    refused(B "CREATE TABLE a (LIKE @b);", V,
            "the view can't use table a: LIKE is not supported: name its columns");
    refused(B "CREATE TABLE a (g int, @g int);", V,
            "the view can't use table a: it declares a column twice");
    refused(
        B "CREATE TABLE a (g int, id int PRIMARY KEY @DEFERRABLE);", V,
        "the view can't use table a: its PRIMARY KEY is DEFERRABLE, so a key may be there twice");
    refused(B "CREATE TABLE a (g int, id int);\nALTER TABLE @a DROP COLUMN g;", V,
            "the view can't use table a: this ALTER TABLE is not followed: write its result into "
            "CREATE TABLE");
    refused(
        B "CREATE TABLE a (g int, id int);\nALTER TABLE @a RENAME TO c;", V,
        "the view can't use table a: RENAME is not followed: write the new name into CREATE TABLE");
    refused(B "CREATE TABLE a (g int, id int);\nALTER TABLE a ADD @CONSTRAINT k PRIMARY KEY USING "
              "INDEX i;",
            V, "the view can't use table a: its PRIMARY KEY USING INDEX does not name the columns");
    refused(
        B "CREATE TABLE a (g int, id int PRIMARY KEY, \"Id2\" int, @\"ID2\" int);\n"
          "ALTER TABLE a REPLICA IDENTITY FULL;",
        V,
        "Debezium does not tell columns apart that differ by upper and lower case only: Id2, ID2");
    refused(B "CREATE TABLE a (g int, id int PRIMARY KEY);\nALTER TABLE a REPLICA IDENTITY FULL;\n"
              "CREATE TABLE @\"A\" (g int);",
            V,
            "Debezium does not tell tables apart that differ by upper and lower case only: a, A");
    refused(B "CREATE TABLE @a (g int, id int, PRIMARY KEY (id, nothing));\n"
              "ALTER TABLE a REPLICA IDENTITY FULL;",
            V, "the primary key of table a names no column nothing");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted),     cmocka_unit_test(test_joins),
        cmocka_unit_test(test_on),           cmocka_unit_test(test_key_of_two_columns),
        cmocka_unit_test(test_three_tables), cmocka_unit_test(test_one_table),
        cmocka_unit_test(test_tables_unfit),
    };
    return cmocka_run_group_tests(tests, load_setup, load_teardown);
}
