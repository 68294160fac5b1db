/* Types: what they are called, what they become, which are refused. */
#include "load.h"

#define VIEW                                                                                       \
    "CREATE MATERIALIZED VIEW v AS SELECT a.g, a.id AS a_id, b.id, @x FROM a JOIN b ON a.g = b.g"

static void oltp_with(char *out, size_t size, const char *declared) {
    (void)snprintf(
        out, size,
        "CREATE TABLE a (id int PRIMARY KEY, g int, x %s);\nCREATE TABLE b (id int PRIMARY "
        "KEY, g int);\nALTER TABLE a REPLICA IDENTITY FULL; ALTER TABLE b REPLICA IDENTITY "
        "FULL;",
        declared);
}

static void test_supported(void **state) {
    (void)state;
    static const struct {
        const char *declared, *type;
        enum scalar scalar;
        bool toastable, copies;
        enum form form;
    } cases[] = {
        {"smallint", "smallint", SCALAR_INTEGER, false, true, FORM_SMALLINT},
        {"int2", "smallint", SCALAR_INTEGER, false, true, FORM_SMALLINT},
        {"int", "integer", SCALAR_INTEGER, false, true, FORM_INTEGER},
        {"pg_catalog.int4", "integer", SCALAR_INTEGER, false, true, FORM_INTEGER},
        {"bigint", "bigint", SCALAR_INTEGER, false, true, FORM_ANY},
        {"boolean", "boolean", SCALAR_BOOLEAN, false, true, FORM_ANY},
        {"bool", "boolean", SCALAR_BOOLEAN, false, true, FORM_ANY},
        {"text", "text", SCALAR_STRING, true, true, FORM_ANY},
        {"varchar", "character varying", SCALAR_STRING, true, true, FORM_ANY},
        {"character varying(40)", "character varying(40)", SCALAR_STRING, true, true, FORM_ANY},
        {"char", "character(1)", SCALAR_STRING, true, true, FORM_ANY},
        {"character(5)", "character(5)", SCALAR_STRING, true, true, FORM_ANY},
        {"bpchar", "bpchar", SCALAR_STRING, true, true, FORM_ANY},
        {"uuid", "uuid", SCALAR_STRING, false, true, FORM_UUID},
        {"numeric", "numeric", SCALAR_STRING, true, false, FORM_DECIMAL},
        {"decimal(20,4)", "numeric(20,4)", SCALAR_STRING, true, true, FORM_FRACTION},
        {"numeric(5)", "numeric(5)", SCALAR_STRING, true, true, FORM_DECIMAL},
        {"numeric(5,0)", "numeric(5,0)", SCALAR_STRING, true, true, FORM_DECIMAL},
        {"real", "real", SCALAR_NUMBER, false, true, FORM_REAL},
        {"float(24)", "real", SCALAR_NUMBER, false, true, FORM_REAL},
        {"float", "double precision", SCALAR_NUMBER, false, true, FORM_REAL},
        {"double precision", "double precision", SCALAR_NUMBER, false, true, FORM_REAL},
        {"date", "date", SCALAR_INTEGER, false, false, FORM_DATE},
        {"timestamp", "timestamp without time zone", SCALAR_INTEGER, false, false,
         FORM_MICROSECONDS},
        {"timestamp(0)", "timestamp(0) without time zone", SCALAR_INTEGER, false, false,
         FORM_MILLISECONDS},
        {"timestamp(3) without time zone", "timestamp(3) without time zone", SCALAR_INTEGER, false,
         false, FORM_MILLISECONDS},
        {"timestamptz", "timestamp with time zone", SCALAR_STRING, false, false, FORM_ZONED},
        {"timestamp(6) with time zone", "timestamp(6) with time zone", SCALAR_STRING, false, false,
         FORM_ZONED},
        {"json", "json", SCALAR_STRING, true, true, FORM_ANY},
        {"jsonb", "jsonb", SCALAR_STRING, true, true, FORM_ANY},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char oltp[1000];
        oltp_with(oltp, sizeof oltp, cases[i].declared);
        struct plan *plan =
            load(oltp, "CREATE MATERIALIZED VIEW v AS SELECT a.g, a.id AS a_id, b.id, x "
                       "FROM a JOIN b ON a.g = b.g");
        const struct relation_column *column = &plan->relations[0].columns[2];
        assert_true(str_is(column->name, "x"));
        if (!str_is(column->type, cases[i].type)) {
            fail_msg("%s is called " STR_FMT, cases[i].declared, STR_ARG(column->type));
        }
        assert_int_equal(column->scalar, cases[i].scalar);
        assert_int_equal(column->key, KEY_NONE);
        assert_int_equal(column->unavailable.ptr != NULL, cases[i].toastable);
        assert_int_equal(column->form, cases[i].form);
        assert_int_equal(plan->targets[0].sql_copy.ptr != NULL, cases[i].copies);
        plan_destroy(&plan);
    }
}

static void test_refused(void **state) {
    (void)state;
    static const struct {
        const char *declared, *name;
    } cases[] = {
        {"time", "time"},
        {"time(3)", "time(3)"},
        {"timetz", "timetz"},
        {"interval", "interval"},
        {"bytea", "bytea"},
        {"bit(1)", "bit(1)"},
        {"\"char\"", "char"},
        {"int[]", "int4[]"},
        {"text[][]", "text[][]"},
        {"money", "money"},
        {"xml", "xml"},
        {"inet", "inet"},
        {"hstore", "hstore"},
        {"mood", "mood"},
        {"other.text", "other.text"},
        {"pg_catalog.serial", "serial"},
        {"numeric(10,-2)", "numeric(10,...)"},
        {"numeric(1001)", "numeric(1001)"},
        {"numeric(0)", "numeric(0)"},
        {"varchar(0)", "varchar(0)"},
        {"char(10485761)", "bpchar(10485761)"},
        {"timestamp(7)", "timestamp(7)"},
        {"text(3)", "text(3)"},
        {"uuid('x')", "uuid(...)"},
        {"geometry(point, 4326)", "geometry(...,4326)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char oltp[1000], message[200];
        oltp_with(oltp, sizeof oltp, cases[i].declared);
        (void)snprintf(message, sizeof message, "column a.x is of type %s, which is not supported",
                       cases[i].name);
        refused(oltp, VIEW, message);
        /* A column that the view does not use may be of any type. */
        accepted(oltp,
                 "CREATE MATERIALIZED VIEW v AS SELECT a.g, a.id AS a_id, b.id FROM a JOIN b ON "
                 "a.g = b.g");
    }
    char oltp[1000];
    oltp_with(oltp, sizeof oltp, "int GENERATED ALWAYS AS (id) STORED");
    refused(oltp, VIEW, "column a.x: generated columns are not replicated");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_supported),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, load_setup, load_teardown);
}
