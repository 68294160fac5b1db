/* The statement around FROM, and the select list. */
#include "load.h"

#define JOINED "FROM student JOIN contact ON student.student_id = contact.student_id"

static void check(const char *view_sql, const char *message) {
    refused(STUDENT_CONTACT, view_sql, message);
}

static void test_statement(void **state) {
    (void)state;
    check("", "view.sql: holds no statement");
    check("-- nothing\n", "view.sql: holds no statement");
    check("CREATE VIEW @v AS SELECT 1", "this is not a CREATE MATERIALIZED VIEW");
    check("CREATE TABLE @v AS SELECT 1", "this is not a CREATE MATERIALIZED VIEW");
    check("SELECT @1", "this is not a CREATE MATERIALIZED VIEW");
    check("@BEGIN", "this is not a CREATE MATERIALIZED VIEW");
    check(SELECT_LIST JOINED ";\n SELECT @1", "this is not a CREATE MATERIALIZED VIEW");
    check(SELECT_LIST JOINED "; -- x\n @BEGIN", "this is not a CREATE MATERIALIZED VIEW");
    check("CREATE MATERIALIZED VIEW @s.v AS SELECT 1",
          "a schema before the view's name is not supported: the sink's search_path says where the "
          "table is");
    check("CREATE MATERIALIZED VIEW @v (a) AS SELECT 1",
          "names of columns before AS are not supported: use SELECT column AS name");
    check("CREATE MATERIALIZED VIEW @v USING heap AS SELECT 1",
          "USING an access method is not supported");
    check("CREATE MATERIALIZED VIEW v WITH (@fillfactor = 70) AS SELECT 1",
          "storage parameters are not supported");
    check("CREATE MATERIALIZED VIEW @v TABLESPACE t AS SELECT 1", "TABLESPACE is not supported");
    check("CREATE MATERIALIZED VIEW @v AS SELECT 1 WITH NO DATA",
          "WITH NO DATA is not supported: the view is kept filled");
    check("CREATE MATERIALIZED VIEW @sync_progress AS SELECT 1",
          "names that begin with sync_ are kept for this program's own tables");
    check("CREATE MATERIALIZED VIEW v AS @SELEC 1", "syntax error at or near \"SELEC\"");
    check("CREATE MATERIALIZED VIEW \"\xc3\xa9\xf0\x9f\x98\x80\" AS @SELEC 1",
          "syntax error at or near \"SELEC\"");
}

static void test_clauses(void **state) {
    (void)state;
#define LIST "student.student_id, contact.contact_id, name"
    check("CREATE MATERIALIZED VIEW v AS @WITH q AS (SELECT 1) SELECT " LIST " " JOINED,
          "WITH is not supported");
    check("CREATE MATERIALIZED VIEW v AS @VALUES (1)", "VALUES is not supported");
    check("CREATE MATERIALIZED VIEW v AS SELECT @DISTINCT " LIST " " JOINED,
          "DISTINCT is not supported");
    check("CREATE MATERIALIZED VIEW v AS SELECT @distinct ON (name) " LIST " " JOINED,
          "DISTINCT is not supported");
    check(SELECT_LIST JOINED " @GROUP BY name", "GROUP BY is not supported");
    check(SELECT_LIST JOINED " @HAVING name = 'x'", "HAVING is not supported");
    check(SELECT_LIST JOINED " @WINDOW w AS (PARTITION BY name)", "WINDOW is not supported");
    check(SELECT_LIST JOINED " @ORDER BY name", "ORDER BY is not supported: a table has no order");
    check(SELECT_LIST JOINED "\n@order\nby 1", "ORDER BY is not supported: a table has no order");
    check(SELECT_LIST JOINED " @LIMIT 10", "LIMIT is not supported");
    check(SELECT_LIST JOINED " FETCH FIRST @10 ROWS ONLY", "LIMIT is not supported");
    check(SELECT_LIST JOINED " @OFFSET 10", "OFFSET is not supported");
    check("CREATE MATERIALIZED VIEW v AS SELECT " LIST " " JOINED " @FOR UPDATE",
          "FOR UPDATE and the like are not supported");
    check(SELECT_LIST JOINED " @UNION SELECT 1", "UNION, INTERSECT and EXCEPT are not supported");
    check(SELECT_LIST JOINED " @EXCEPT SELECT 1", "UNION, INTERSECT and EXCEPT are not supported");
    /* The same words where they are no keywords. */
    check("CREATE MATERIALIZED VIEW v AS SELECT /* DISTINCT /* ORDER */ */ student.student_id AS "
          "distinct, -- ORDER BY\n name AS \"ORDER BY\" FROM student JOIN contact ON "
          "student.order = contact.student_id AND 'ORDER' = $x$ORDER$x$ AND E'\\'ORDER' = '' "
          "AND (SELECT 1 ORDER BY 1) = 1 @ORDER BY 1",
          "ORDER BY is not supported: a table has no order");
    check("CREATE MATERIALIZED VIEW v AS SELECT @1", "FROM is missing");
    check("CREATE MATERIALIZED VIEW @v AS SELECT " JOINED, "the select list is empty");
}

static void test_list(void **state) {
    (void)state;
    static const struct {
        const char *list, *message;
    } cases[] = {
        {"@*", "* is not supported: name the columns"},
        {"@student.*", "* is not supported: name the columns"},
        {"name AS a, contact_number AS b, @contact_id AS a",
         "column name a is given twice: use AS"},
        {"name, contact_number AS \"Name\", @contact.student_id AS name",
         "column name name is given twice: use AS"},
        {"@name AS ctid", "every table has a system column ctid: use AS"},
        {"@student_id",
         "column student_id is ambiguous: student.student_id or contact.student_id?"},
        {"@nam", "no column nam in the tables of FROM: is student.name meant?"},
        {"@student.nam", "no column nam in student: is student.name meant?"},
        {"@contact.\"Contact_ID\"",
         "no column \"Contact_ID\" in contact: is contact.contact_id meant?"},
        {"@contact.zzzzzzzzz", "no column zzzzzzzzz in contact"},
        {"@other.public.student.name", "this names no column"},
        {"@public.student.nam", "no column nam in student: is student.name meant?"},
        {"@sales.student.name", "no table sales.student in FROM"},
        {"@ctid", "no column ctid in the tables of FROM"},
        {"student.student_id, @contact.student_id",
         "column name student_id is given twice: use AS"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char sql[1000];
        (void)snprintf(sql, sizeof sql, "CREATE MATERIALIZED VIEW v AS SELECT\n  %s\n%s",
                       cases[i].list, JOINED);
        check(sql, cases[i].message);
    }
    check("CREATE MATERIALIZED VIEW v AS SELECT @student.name FROM student s JOIN contact c ON "
          "s.student_id = c.student_id",
          "table student must be called by its alias s here");
}

static void test_outputs(void **state) {
    (void)state;
    struct plan *plan = load(
        STUDENT_CONTACT, "CREATE MATERIALIZED VIEW \"The View\" AS SELECT contact_number AS nr, "
                         "c.student_id AS sid2, contact_id, s.name, s.student_id, name AS again "
                         "FROM contact c JOIN student s ON c.student_id = s.student_id");
    assert_true(str_is(plan->name, "The View"));
    static const struct {
        const char *name, *column;
        int table;
    } want[] = {{"nr", "contact_number", 0},     {"sid2", "student_id", 0},
                {"contact_id", "contact_id", 0}, {"name", "name", 1},
                {"student_id", "student_id", 1}, {"again", "name", 1}};
    assert_int_equal(plan->targets[0].output_count, 6);
    for (size_t i = 0; i < 6; i++) {
        const struct target_output *output = &plan->targets[0].outputs[i];
        assert_true(str_is(output->name, want[i].name));
        assert_int_equal(output->input, i);
        const struct target_input *input = &plan->targets[0].inputs[i];
        assert_int_equal(input->occurrence, want[i].table);
        assert_true(
            str_is(plan->relations[input->occurrence].columns[input->column].name, want[i].column));
    }
    /* The first of two columns that show the join key is the sink's key. */
    assert_non_null(strstr(plan->targets[0].sql_ddl.ptr, "PRIMARY KEY (sid2, contact_id)"));
    plan_destroy(&plan);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_statement),
        cmocka_unit_test(test_clauses),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_outputs),
    };
    return cmocka_run_group_tests(tests, load_setup, load_teardown);
}
