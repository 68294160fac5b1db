/* Types: what they are called, what they become, which are refused. */
#include "base/buf.h"
#include "load.h"

#define VIEW                                                                                       \
    "CREATE MATERIALIZED VIEW v AS SELECT a.g, a.id AS a_id, b.id, @x FROM a JOIN b ON a.g = b.g"

#define UNDECLARED                                                                                 \
    ": it is none of PostgreSQL's that are, and the file does not declare it: CREATE TYPE and "    \
    "CREATE DOMAIN belong into it"

static void oltp_with(char *out, size_t size, const char *declared) {
    (void)snprintf(
        out, size,
        "CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TYPE other.\"Mood\" AS ENUM ('x');\n"
        "CREATE DOMAIN price AS numeric(10,2) CHECK (VALUE > 0); CREATE DOMAIN other.price AS "
        "price;\nCREATE DOMAIN ints AS int[]; CREATE DOMAIN moods AS mood; CREATE DOMAIN cash AS "
        "money;\nCREATE TYPE pair AS (a int, b int); CREATE TYPE floats AS RANGE (subtype = "
        "float8);\nCREATE TABLE a (id int PRIMARY KEY, g int, x %s);\nCREATE TABLE b (id int "
        "PRIMARY "
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
        {"bytea", "bytea", SCALAR_STRING, true, false, FORM_BASE64},
        {"time", "time without time zone", SCALAR_INTEGER, false, false, FORM_DAY_MICROSECONDS},
        {"time(3)", "time(3) without time zone", SCALAR_INTEGER, false, false,
         FORM_DAY_MILLISECONDS},
        {"interval", "interval", SCALAR_STRING, false, true, FORM_INTERVAL},
        {"interval(3)", "interval(3)", SCALAR_STRING, false, true, FORM_INTERVAL},
        {"bit", "bit(1)", SCALAR_BOOLEAN, true, false, FORM_ANY},
        {"bit(12)", "bit(12)", SCALAR_STRING, true, false, FORM_BASE64},
        {"inet", "inet", SCALAR_STRING, false, true, FORM_ANY},
        {"cidr", "cidr", SCALAR_STRING, false, true, FORM_ANY},
        {"macaddr", "macaddr", SCALAR_STRING, false, true, FORM_ANY},
        {"macaddr8", "macaddr8", SCALAR_STRING, false, true, FORM_ANY},
        {"tstzrange", "tstzrange", SCALAR_STRING, true, true, FORM_ANY},
        {"datemultirange", "datemultirange", SCALAR_STRING, true, false, FORM_BASE64},
        {"xml", "xml", SCALAR_STRING, true, false, FORM_ANY},
        {"tsvector", "tsvector", SCALAR_STRING, true, true, FORM_ANY},
        {"point", "point", SCALAR_POINT, false, true, FORM_ANY},
        {"citext", "text", SCALAR_STRING, true, true, FORM_ANY},
        {"extensions.citext", "text", SCALAR_STRING, true, true, FORM_ANY},
        {"ltree", "text", SCALAR_STRING, true, true, FORM_ANY},
        {"hstore", "text", SCALAR_STRING, true, false, FORM_ANY},
        {"geometry(point, 4326)", "text", SCALAR_WKB, true, false, FORM_BASE64},
        {"gis.geography", "text", SCALAR_WKB, true, false, FORM_BASE64},
        {"mood", "text", SCALAR_STRING, false, true, FORM_ANY},
        {"other.\"Mood\"", "text", SCALAR_STRING, false, true, FORM_ANY},
        {"price", "numeric(10,2)", SCALAR_STRING, true, true, FORM_FRACTION},
        {"other.price", "numeric(10,2)", SCALAR_STRING, true, true, FORM_FRACTION},
        {"ints", "integer[]", SCALAR_ARRAY, true, true, FORM_INTEGER},
        {"int[]", "integer[]", SCALAR_ARRAY, true, true, FORM_INTEGER},
        {"varchar(10)[3]", "character varying(10)[]", SCALAR_ARRAY, true, true, FORM_ANY},
        {"timestamp(3) array", "timestamp(3) without time zone[]", SCALAR_ARRAY, true, false,
         FORM_MILLISECONDS},
        {"numeric[]", "numeric[]", SCALAR_ARRAY, true, false, FORM_DECIMAL},
        {"bytea[]", "bytea[]", SCALAR_ARRAY, true, false, FORM_BASE64},
        {"mood[]", "text[]", SCALAR_ARRAY, true, true, FORM_ANY},
        {"hstore[]", "text[]", SCALAR_ARRAY, true, false, FORM_ANY},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char oltp[2000];
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
        const char *declared, *name, *why;
    } cases[] = {
        {"money", "money", ": its text depends on lc_monetary. Use numeric"},
        {"timetz", "timetz",
         ": Debezium sends it in UTC, without its zone. Use timestamptz, or time and a column for "
         "the zone"},
        {"varbit(5)", "varbit(5)",
         ": Debezium leaves out the zeros it begins with. Use bit(n) or text"},
        {"\"char\"", "char", ": Debezium knows it as a number. Use char(1) or text"},
        {"name", "name", ": Debezium sends NULL for its changes. Use text"},
        {"oid", "oid", ": it numbers what only its own database has. Use bigint"},
        {"circle", "circle", ": Debezium does not send it. Use a point and a number"},
        {"int[][]", "int4[][]",
         ": Debezium sends NULLs for the elements of nested arrays. Use jsonb"},
        {"time[]", "time[]",
         ": Debezium cuts the microseconds of its elements. Use timestamp[] or text[]"},
        {"interval[]", "interval[]",
         ": Debezium does not send arrays of this type. Use text[] or jsonb"},
        {"ltree[]", "ltree[]", ": Debezium does not send arrays of this type. Use text[] or jsonb"},
        {"price[]", "price[]",
         ": Debezium does not send arrays of it. Use an array of its base type"},
        {"pair", "pair",
         ": Debezium does not send composite types. Use columns of their own, or jsonb"},
        {"floats", "floats",
         ": Debezium does not send ranges but PostgreSQL's own. Use two columns"},
        {"moods", "moods",
         ": it is a domain over a type that is not supported, or over an enum, with which Debezium "
         "can't start"},
        {"cash", "cash",
         ": it is a domain over a type that is not supported, or over an enum, with which Debezium "
         "can't start"},
        {"nobody", "nobody", UNDECLARED},
        {"other.mood", "other.mood", UNDECLARED},
        {"other.text", "other.text", UNDECLARED},
        {"pg_catalog.serial", "serial", UNDECLARED},
        {"pg_catalog.citext", "citext", UNDECLARED},
        {"interval year to month", "interval(6)", ""},
        {"numeric(10,-2)", "numeric(10,...)", ""},
        {"numeric(1001)", "numeric(1001)", ""},
        {"numeric(0)", "numeric(0)", ""},
        {"varchar(0)", "varchar(0)", ""},
        {"char(10485761)", "bpchar(10485761)", ""},
        {"timestamp(7)", "timestamp(7)", ""},
        {"text(3)", "text(3)", ""},
        {"uuid('x')", "uuid(...)", ""},
        {"hstore(3)", "hstore(3)", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char oltp[2000], message[300];
        oltp_with(oltp, sizeof oltp, cases[i].declared);
        (void)snprintf(message, sizeof message,
                       "column a.x is of type %s, which is not supported%s", cases[i].name,
                       cases[i].why);
        refused(oltp, VIEW, message);
        /* A column that the view does not use may be of any type. */
        accepted(oltp,
                 "CREATE MATERIALIZED VIEW v AS SELECT a.g, a.id AS a_id, b.id FROM a JOIN b ON "
                 "a.g = b.g");
    }
    char oltp[2000];
    oltp_with(oltp, sizeof oltp, "int GENERATED ALWAYS AS (id) STORED");
    refused(oltp, VIEW,
            "column a.x: a generated column is not replicated. Use the columns that it is "
            "made of");
}

#define VIEW_X                                                                                     \
    "CREATE MATERIALIZED VIEW v AS SELECT a.g, a.id AS a_id, b.id, x FROM a JOIN b ON a.g = b.g"

/* want has N for the placeholder. */
static void unavailable_is(const char *declared, const char *want) {
    char oltp[2000];
    oltp_with(oltp, sizeof oltp, declared);
    struct plan *plan = load(oltp, VIEW_X);
    struct str text = plan->relations[0].columns[2].unavailable, placeholder = plan->unavailable;
    struct buf shown = {0};
    for (size_t i = 0; i < text.len; i++) {
        bool there = text.len - i >= placeholder.len &&
                     memcmp(text.ptr + i, placeholder.ptr, placeholder.len) == 0;
        buf_append(&shown, there ? "N" : text.ptr + i, 1);
        i += there ? placeholder.len - 1 : 0;
    }
    buf_append(&shown, "", 1);
    assert_int_equal(strncmp(shown.ptr, want, strlen(want)), 0);
    buf_clear(&shown);
    plan_destroy(&plan);
}

/* What comes for a long value that the log doesn't hold has each type's own dress. */
static void test_unavailable(void **state) {
    (void)state;
    unavailable_is("text", "N");
    unavailable_is("citext", "N");
    unavailable_is("bytea", "X19vbHRwX29sYXBf"); /* base64 of __oltp_olap_ */
    unavailable_is("hstore", "{\"N\":\"N\"}");
    unavailable_is("text[]", "{\"N\"}");
    unavailable_is("bytea[]", "{\"X19vbHRwX29sYXBf");
    unavailable_is("int[]", "{95,95,111,108,116,112,95,");
}

/* The watch compares with what the source calls it; and two types that are both text in the sink
 * are not one: a cache of the one is no cache of the other. */
static void test_source_names(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"mood", "mood"},
        {"other.\"Mood\"", "\"Mood\""},
        {"mood[]", "mood[]"},
        {"hstore", "hstore"},
        {"gis.citext[]", "citext[]"},
        {"price", "numeric(10,2)"},
        {"text", "text"},
        {"varchar(3)[]", "character varying(3)[]"},
        {"time(3)", "time(3) without time zone"},
    };
    struct str identities[sizeof cases / sizeof *cases] = {{0}};
    struct arena arena = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char oltp[2000];
        oltp_with(oltp, sizeof oltp, cases[i][0]);
        struct plan *plan = load(oltp, VIEW_X);
        assert_true(str_is(plan->relations[0].columns[2].source_type, cases[i][1]));
        identities[i] = arena_copy(&arena, plan->relations[0].identity);
        for (size_t j = 0; j < i; j++) {
            assert_false(str_equal(identities[i], identities[j]));
        }
        plan_destroy(&plan);
    }
    arena_clear(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_supported),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_unavailable),
        cmocka_unit_test(test_source_names),
    };
    return cmocka_run_group_tests(tests, load_setup, load_teardown);
}
