/* plan --apply-sink of a view with expressions, and with NULLs in its key. */
#include "lines.h"
#include "proxy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static struct plan *plan;
static struct target *target;

static int nothing(void **state) {
    (void)state;
    plan = lines_view();
    target = &plan->targets[0];
    tables_drop();
    admin("DROP SCHEMA IF EXISTS elsewhere CASCADE");
    return 0;
}

static enum err_kind apply_at(const char *port, int log_fd, struct err *err) {
    struct log log = {.fd = log_fd, .level = LOG_INFO, .member = "test"};
    const char *keywords[] = {"port", "options", NULL};
    const char *values[] = {port, "-c search_path=public,elsewhere", NULL};
    struct pg_sink_options options = {
        .keywords = keywords, .values = values, .log = &log, .clock = clock_real()};
    *err = (struct err){0};
    return pg_apply_ddl(plan, &options, err);
}

static void apply_well(void) {
    struct err err;
    if (apply_at(getenv("PGPORT"), 2, &err) != ERR_NONE) {
        fail_msg("%s", err.message);
    }
}

static void expect_config(const char *part) {
    struct err err;
    assert_int_equal(apply_at(getenv("PGPORT"), 2, &err), ERR_CONFIG);
    if (!strstr(err.message, part)) {
        fail_msg("%s", err.message);
    }
}

static void test_idempotent(void **state) {
    (void)state;
    for (int i = 0; i < 3; i++) {
        apply_well();
    }
    assert_int_equal(ask_number("SELECT count(*) FROM pg_index WHERE indrelid ="
                                " 'order_line'::regclass"),
                     1);
}

/* ---- expressions ---- */

/* Apply with an expression that is not IMMUTABLE fails, and nothing is made. */
static void expect_unproven(struct str sql, const char *part) {
    target->sql_prove = sql;
    expect_config(part);
    assert_string_equal(ask("SELECT coalesce(to_regclass('order_line')::text, 'none')"), "none");
    assert_string_equal(ask("SELECT coalesce(to_regclass('sync_progress')::text, 'none')"), "none");
}

#define INPUTS "CREATE TEMP TABLE v_inputs (a timestamptz, b text); "
#define ADD    "ALTER TABLE v_inputs ADD COLUMN e text GENERATED ALWAYS AS ("

static void test_expressions_are_immutable(void **state) {
    (void)state;
    expect_unproven(STR(INPUTS ADD "b || ';' || now()) STORED"),
                    "not immutable: b || ';' || now(). Every expression, and WHERE, must be");
    expect_unproven(STR(INPUTS ADD "upper(b)) STORED; ALTER TABLE v_inputs ADD COLUMN f date"
                                   " GENERATED ALWAYS AS (a::date) STORED"),
                    "not immutable: a::date. Every expression");
    expect_unproven(STR(INPUTS "ALTER TABLE v_inputs ADD COLUMN e boolean GENERATED ALWAYS AS "
                               "((to_char(a, 'YYYY')) IS NULL) STORED"),
                    "not immutable: to_char(a, 'YYYY'). Every");
    expect_unproven(STR(INPUTS ADD "to_char(a, 'YYYY')) STORED"), "Rewrite it");
    expect_unproven(STR(INPUTS ADD "soundex(b)) STORED"),
                    "function soundex(text) does not exist: soundex(b). Correct it, or make");
    expect_unproven(STR("SELECT 'it''s; \"'; " INPUTS ADD "random()::text || E'\\';' || "
                        "$q$;$q$) STORED"),
                    "immutable: random()::text || E'\\';' || $q$;$q$. ");
    target->sql_prove = STR(INPUTS ADD "upper(b) || (a AT TIME ZONE 'UTC')::text) STORED");
    expect_config("not immutable"); /* as text, too, it depends on datestyle */
    target->sql_prove = STR(INPUTS ADD "upper(b) || extract(year FROM a AT TIME ZONE 'UTC'))"
                                       " STORED");
    apply_well();
    assert_string_equal(ask("SELECT coalesce(to_regclass('v_inputs')::text, 'none')"), "none");
}

/* PostgreSQL reads a constant once, so it takes one that depends on the session or the moment. */
static void test_constants_mean_one_thing(void **state) {
    (void)state;
#define IS(expression)                                                                             \
    STR(INPUTS "ALTER TABLE v_inputs ADD COLUMN e0 boolean GENERATED ALWAYS AS (b > 'a') STORED;"  \
               " ALTER TABLE v_inputs ADD COLUMN e boolean GENERATED ALWAYS AS ((" expression      \
               ") IS NULL) STORED; DROP TABLE v_inputs")
    static const struct {
        struct str sql;
        const char *part; /* NULL: it is taken */
    } cases[] = {
        {IS("a > 'today'"), "the moment: a > 'today'. Write the date in full, with its zone"},
        {IS("a > 'now'"), "the moment: a > 'now'. "},
        {IS("timestamptz 'now'"), "the moment: timestamptz 'now'. "},
        {IS("date 'yesterday'"), "the moment: date 'yesterday'. "},
        {IS("a AT TIME ZONE 'UTC' < 'tomorrow'"), "the moment: a AT TIME ZONE 'UTC' < 'tomorrow'"},
        {IS("a > '2026-01-01'"), "depends on the time zone, the date order or the moment"},
        {IS("a > '2026-01-01 00:00'"), "depends on the time zone"},
        {IS("timetz '10:00'"), "depends on the time zone"},
        {IS("date '01/02/2026'"), "depends on the time zone, the date order"},
        {IS("date '13/02/2026'"), "refuses an expression of it: date/time field value out of"},
        {IS("ARRAY['2026-01-01 00:00'::timestamptz] @> ARRAY[a]"), "depends on the time zone"},
        {IS("a > '2026-01-01 00:00Z'"), NULL},
        {IS("a > '2026-01-01 00:00 Europe/Berlin' OR a = 'infinity' OR a = 'epoch'"), NULL},
        {IS("date '2026-01-02' > (a AT TIME ZONE 'UTC')::date"), NULL},
        {IS("timestamp '2026-01-02 03:04' + interval '1 day 2 hours'"), NULL},
        {IS("b <> 'today'"), NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (cases[i].part) {
            expect_unproven(cases[i].sql, cases[i].part);
        } else {
            target->sql_prove = cases[i].sql;
            apply_well();
            (void)nothing(state);
        }
    }
}

/* ---- privileges ---- */

static void test_role_without_temporary(void **state) {
    (void)state;
    struct err err;
    admin(
        "DROP FUNCTION IF EXISTS sync_truncated;"
        " DROP ROLE IF EXISTS poor; CREATE ROLE poor LOGIN; GRANT CREATE ON SCHEMA public TO poor;"
        " REVOKE TEMPORARY ON DATABASE postgres FROM PUBLIC");
    setenv("PGUSER", "poor", 1);
    enum err_kind without = apply_at(getenv("PGPORT"), 2, &err);
    setenv("PGUSER", "pg", 1);
    if (without == ERR_CONFIG) {
        assert_non_null(strstr(err.message, "needs the privilege TEMPORARY"));
        admin(strstr(err.message, "GRANT TEMPORARY ON DATABASE postgres TO poor"));
    }
    setenv("PGUSER", "poor", 1);
    enum err_kind with = apply_at(getenv("PGPORT"), 2, &err);
    setenv("PGUSER", "pg", 1);
    admin("GRANT TEMPORARY ON DATABASE postgres TO PUBLIC; DROP OWNED BY poor; DROP ROLE poor");
    assert_int_equal(without, ERR_CONFIG);
    if (with != ERR_NONE) {
        fail_msg("%s", err.message);
    }
}

/* Functions and types of extensions are wherever the search_path says. */
static void test_functions_of_other_schemas(void **state) {
    (void)state;
    admin("CREATE SCHEMA elsewhere; CREATE DOMAIN elsewhere.short AS varchar(9);"
          " CREATE FUNCTION elsewhere.twice(int) RETURNS int IMMUTABLE LANGUAGE sql"
          " AS 'SELECT $1 * 2'");
    target->sql_prove = STR("CREATE TEMP TABLE v_inputs (a int); ALTER TABLE v_inputs ADD COLUMN e"
                            " short GENERATED ALWAYS AS (twice(a)::text) STORED");
    target->sql_ddl = STR("CREATE TABLE order_line (order_id bigint NOT NULL, line_no int,"
                          " status text, customer short, share int);"
                          " CREATE UNIQUE INDEX order_line_key ON order_line (order_id, line_no)"
                          " NULLS NOT DISTINCT");
    apply_well();
    apply_well();
    admin("ALTER TABLE order_line ALTER customer TYPE text");
    expect_config("column customer is text, should be ");
}

/* What an expression gives is of a type that PostgreSQL knows. */
static void test_columns_of_expressions(void **state) {
    (void)state;
    target->sql_ddl = STR("CREATE TABLE order_line AS SELECT 1::bigint AS order_id, 1::int AS"
                          " line_no, ''::text AS status, ''::text AS customer, 1::int / 1::int AS"
                          " share LIMIT 0; ALTER TABLE order_line ALTER order_id SET NOT NULL;"
                          " CREATE UNIQUE INDEX order_line_key ON order_line (order_id, line_no)"
                          " NULLS NOT DISTINCT");
    apply_well();
    apply_well();
    admin("ALTER TABLE order_line ALTER share TYPE bigint");
    expect_config("column share is bigint, should be integer");
    admin("ALTER TABLE order_line DROP share");
    expect_config("column share is missing, should be integer");
}

/* ---- keys with NULLs ---- */

static void test_key_that_takes_nulls(void **state) {
    (void)state;
    static const char should[] = "should be UNIQUE NULLS NOT DISTINCT (order_id, line_no)";
    static const char *const wrong[] = {
        "DROP INDEX order_line_key",
        "CREATE UNIQUE INDEX order_line_key ON order_line (order_id, line_no)",
        "DROP INDEX order_line_key; CREATE UNIQUE INDEX order_line_key ON order_line"
        " (line_no, order_id) NULLS NOT DISTINCT",
        "DROP INDEX order_line_key; CREATE UNIQUE INDEX order_line_key ON order_line"
        " (order_id, line_no) NULLS NOT DISTINCT WHERE line_no > 0",
        "DROP INDEX order_line_key; CREATE UNIQUE INDEX order_line_key ON order_line"
        " (order_id) INCLUDE (line_no) NULLS NOT DISTINCT",
    };
    apply_well();
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        admin(wrong[i]);
        expect_config(should);
    }
    expect_config("no primary key, should be");
    admin("DROP INDEX order_line_key; ALTER TABLE order_line ADD PRIMARY KEY (order_id, line_no)");
    expect_config("PRIMARY KEY (order_id, line_no), should be UNIQUE NULLS NOT DISTINCT");
    admin("CREATE UNIQUE INDEX order_line_key ON order_line (order_id, line_no)"
          " NULLS NOT DISTINCT");
    expect_config("PRIMARY KEY (order_id, line_no), should be"); /* it refuses every NULL */
    admin("ALTER TABLE order_line DROP CONSTRAINT order_line_pkey, ALTER line_no DROP NOT NULL");
    apply_well();
}

/* apply's log. */
static const char *apply_logged(void) {
    static char text[16384];
    struct err err;
    char path[] = "/tmp/sink-warnings.XXXXXX";
    int fd = mkstemp(path);
    memset(text, 0, sizeof text);
    if (apply_at(getenv("PGPORT"), fd, &err) != ERR_NONE) {
        fail_msg("%s", err.message);
    }
    (void)!pread(fd, text, sizeof text - 1, 0);
    (void)close(fd);
    (void)unlink(path);
    return text;
}

static void test_extras(void **state) {
    (void)state;
    apply_well();
    assert_null(strstr(apply_logged(), "sink_table_extra")); /* the key and its NOT NULL are ours */
    admin("ALTER TABLE order_line ALTER line_no SET NOT NULL");
    admin("CREATE UNIQUE INDEX others ON order_line (share) NULLS NOT DISTINCT");
    const char *log = apply_logged();
    assert_non_null(strstr(log, "kind=\"not null\" name=line_no"));
    assert_non_null(strstr(log, "kind=\"unique index\" name=others"));
    assert_null(strstr(log, "order_line_key"));
}

static void test_older_server(void **state) {
    (void)state;
    apply_well();
    struct proxy *proxy = proxy_start((int)strtol(getenv("PGPORT"), NULL, 10));
    char port[16];
    struct err err;
    (void)snprintf(port, sizeof port, "%d", proxy_port(proxy));
    proxy_arm(proxy, PROXY_OLDER, 0);
    assert_int_equal(apply_at(port, 2, &err), ERR_CONFIG);
    assert_non_null(strstr(err.message, "is PostgreSQL 14: view order_line needs 15 or later"));
    proxy_arm(proxy, PROXY_OLDER, 0);
    struct sink *sink = sink_open(plan, port);
    struct sink_event event = sink_await(sink, 10000);
    assert_int_equal(event.kind, SINK_HALT);
    assert_non_null(strstr(event.err.message, "needs 15 or later"));
    pg_sink_destroy(&sink);
    target->key_has_nulls = false; /* otherwise 14 will do */
    proxy_arm(proxy, PROXY_OLDER, 0);
    sink = sink_open(plan, port);
    assert_int_equal(sink_await(sink, 10000).kind, SINK_CONNECTED);
    pg_sink_destroy(&sink);
    proxy_stop(&proxy);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_idempotent, nothing),
        cmocka_unit_test_setup(test_expressions_are_immutable, nothing),
        cmocka_unit_test_setup(test_constants_mean_one_thing, nothing),
        cmocka_unit_test_setup(test_role_without_temporary, nothing),
        cmocka_unit_test_setup(test_functions_of_other_schemas, nothing),
        cmocka_unit_test_setup(test_columns_of_expressions, nothing),
        cmocka_unit_test_setup(test_key_that_takes_nulls, nothing),
        cmocka_unit_test_setup(test_extras, nothing),
        cmocka_unit_test_setup(test_older_server, nothing),
    };
    return cmocka_run_group_tests_name("sink_apply", tests, NULL, NULL);
}
