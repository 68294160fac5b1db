/* A view with WHERE, expressions, and rows without a partner, whose key has NULLs. */
#include "lines.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct plan *plan;
static struct sink *sink;
static struct txn_part part;

static int begin(void **state) {
    (void)state;
    plan = lines_view();
    tables_reset(plan);
    sink = sink_connected(plan);
    struct progress at = sink_acquire(sink, 1, OWNER_A);
    part_begin(&part, plan, 1, &at);
    return 0;
}

static int end(void **state) {
    (void)state;
    txn_part_clear(&part);
    pg_sink_destroy(&sink);
    return 0;
}

static struct sink_event commit(void) {
    struct sink_event event = sink_commit(sink, &part);
    if (event.kind != SINK_COMMITTED) {
        fail_msg("%d %s", (int)event.kind, event.err.message);
    }
    part_go_on(&part);
    return event;
}

static const char *rows(void) {
    return ask("SELECT string_agg(concat_ws(' ', order_id, coalesce(line_no::text, '-'), status,"
               " coalesce(customer, '-'), coalesce(share::text, '-')), '; '"
               " ORDER BY order_id, line_no NULLS FIRST) FROM order_line");
}

/* ---- WHERE ---- */

static void test_row_leaves_the_filter(void **state) {
    (void)state;
    lines_upsert(&part, 1, 1, "paid", 4);
    lines_upsert(&part, 1, 2, "draft", 5);
    lines_upsert(&part, 2, LINE_NONE, "paid", LINE_NONE);
    lines_upsert(&part, 3, LINE_NONE, "paid", LINE_NONE);
    struct sink_event event = commit();
    assert_int_equal(event.upserted_count, 3);
    assert_int_equal(event.deleted_count, 0);
    assert_string_equal(rows(), "1 1 paid Ada 25; 2 - paid Ada -; 3 - paid Ada -");
    lines_upsert(&part, 1, 1, "draft", 4); /* leaves */
    lines_upsert(&part, 1, 2, "paid", 5);  /* enters */
    lines_upsert(&part, 2, LINE_NONE, "draft", LINE_NONE);
    event = commit();
    assert_int_equal(event.upserted_count, 1);
    assert_string_equal(rows(), "1 2 paid Ada 20; 3 - paid Ada -");
    struct str values[5];
    lines_values(values, 3, LINE_NONE, NULL, NULL, LINE_NONE); /* WHERE is NULL: not true */
    row_array_add(&part.targets[0].upserts, values);
    (void)commit();
    assert_string_equal(rows(), "1 2 paid Ada 20");
}

/* More than one statement of each: all that leaves has left before anything enters. */
static void test_leaves_before_others_enter(void **state) {
    (void)state;
    admin("CREATE UNIQUE INDEX one_share ON order_line (order_id, share)");
    lines_upsert(&part, 1, 5000, "paid", 4);
    (void)commit();
    for (int line = 0; line < 3000; line++) { /* of which the first takes 5000's share */
        lines_upsert(&part, line + 1, line, "paid", line == 0 ? 4 : 5);
    }
    lines_upsert(&part, 1, 5000, "draft", 4);
    assert_int_equal(commit().upserted_count, 3000);
    assert_int_equal(ask_number("SELECT count(*) FROM order_line WHERE line_no = 5000"), 0);
}

/* ---- expressions ---- */

/* part as it is: refused for one row; with savepoints it is committed without it. */
static void expect_refused(const char *key, const char *sqlstate) {
    struct sink_event event = sink_commit(sink, &part);
    assert_int_equal(event.kind, SINK_REFUSED);
    assert_int_equal(event.blame, BLAME_ROW);
    assert_string_equal(event.err.sqlstate, sqlstate);
    part.savepoints = true;
    part.refused_max = 10;
    event = sink_commit(sink, &part);
    if (event.kind != SINK_COMMITTED) {
        fail_msg("%d %s", (int)event.kind, event.err.message);
    }
    assert_int_equal(event.refusal_count, 1);
    if (!str_is(event.refusals[0].key, key)) {
        fail_msg("refused: " STR_FMT, STR_ARG(event.refusals[0].key));
    }
    char entry[128];
    (void)snprintf(entry, sizeof entry, "%s %s", key, sqlstate);
    assert_string_equal(ask("SELECT string_agg(key || ' ' || sqlstate, '; ') FROM sync_refused"),
                        entry);
    part_go_on(&part);
}

static void test_expression_fails(void **state) {
    (void)state;
    for (int line = 0; line < 100; line++) {
        lines_upsert(&part, 1, line, "paid", 5);
    }
    (void)commit();
    for (int line = 0; line < 100; line++) {
        lines_upsert(&part, 1, line, "paid", line == 63 ? 0 : 4);
    }
    expect_refused("order_id=1 line_no=63", "22012");
    assert_int_equal(ask_number("SELECT count(*) FROM order_line WHERE share = 25"), 99);
    assert_int_equal(ask_number("SELECT count(*) FROM order_line"), 99); /* no older version */
    lines_upsert(&part, 1, 63, "draft", 0); /* of a row that is left out nothing is computed */
    txn_part_add_cleared(&part, STR("1\0"
                                    "63\0"));
    (void)commit();
    assert_int_equal(ask_number("SELECT count(*) FROM sync_refused"), 0);
}

/* Of a row that is there the filter fails, of another one the upsert. */
static void test_where_fails(void **state) {
    (void)state;
    lines_upsert(&part, 1, 1, "paid", 4);
    lines_upsert(&part, 1, 2, "paid", 4);
    lines_upsert(&part, 1, 3, "paid", 4);
    (void)commit();
    lines_upsert(&part, 1, 1, "draft", 4);
    lines_upsert(&part, 1, 2, "paid", -1);
    lines_upsert(&part, 1, 3, "paid", 5);
    expect_refused("order_id=1 line_no=2", "22012");
    assert_string_equal(rows(), "1 3 paid Ada 20");
    lines_upsert(&part, 1, 4, "paid", 10);
    lines_upsert(&part, 1, 5, "paid", -1);
    admin("TRUNCATE sync_refused");
    expect_refused("order_id=1 line_no=5", "22012");
    assert_string_equal(rows(), "1 3 paid Ada 20; 1 4 paid Ada 10");
}

/* What a failed try deleted is not counted. */
static void test_counts(void **state) {
    (void)state;
    lines_upsert(&part, 1, 1, "paid", 4);
    lines_upsert(&part, 1, 2, "paid", 4);
    (void)commit();
    lines_upsert(&part, 1, 1, "draft", 4);
    lines_upsert(&part, 1, 2, "paid", 5);
    lines_upsert(&part, 1, 3, "paid", 0);
    part.savepoints = true;
    part.refused_max = 10;
    struct sink_event event = commit();
    assert_int_equal(event.refusal_count, 1);
    assert_int_equal(event.deleted_count, 1);
    assert_int_equal(event.upserted_count, 1);
}

/* ---- rows without a partner ---- */

static void test_null_rows_and_partners(void **state) {
    (void)state;
    lines_upsert(&part, 1, LINE_NONE, "new", LINE_NONE);
    lines_upsert(&part, 2, LINE_NONE, "new", LINE_NONE);
    (void)commit();
    lines_upsert(&part, 1, LINE_NONE, "paid", LINE_NONE); /* the same row */
    assert_int_equal(commit().upserted_count, 1);
    assert_string_equal(rows(), "1 - paid Ada -; 2 - new Ada -");
    lines_delete(&part, DELETE_NULL, 1, LINE_NONE); /* a partner comes */
    lines_upsert(&part, 1, 7, "paid", 4);
    lines_upsert(&part, 1, 8, "paid", 5);
    assert_int_equal(commit().deleted_count, 1);
    assert_string_equal(rows(), "1 7 paid Ada 25; 1 8 paid Ada 20; 2 - new Ada -");
    lines_delete(&part, DELETE_KEY, 1, 7);
    (void)commit();
    assert_string_equal(rows(), "1 8 paid Ada 20; 2 - new Ada -");
    lines_delete(&part, DELETE_MATCHED, 1, LINE_NONE); /* the last one goes */
    lines_upsert(&part, 1, LINE_NONE, "paid", LINE_NONE);
    (void)commit();
    assert_string_equal(rows(), "1 - paid Ada -; 2 - new Ada -");
}

/* A row whose key has NULLs is refused: its older version, and only that, is deleted. */
static void test_null_row_is_refused(void **state) {
    (void)state;
    lines_upsert(&part, 1, LINE_NONE, "paid", LINE_NONE);
    lines_upsert(&part, 1, 1, "paid", 4);
    lines_upsert(&part, 2, LINE_NONE, "paid", LINE_NONE);
    (void)commit();
    admin("ALTER TABLE order_line ADD CHECK (status <> 'bad')");
    lines_upsert(&part, 1, LINE_NONE, "bad", LINE_NONE);
    lines_upsert(&part, 2, LINE_NONE, "good", LINE_NONE);
    expect_refused("order_id=1 line_no=NULL", "23514");
    assert_string_equal(rows(), "1 1 paid Ada 25; 2 - good Ada -");
    pg_sink_ops.acquire(sink, (const int32_t[]){1}, 1, OWNER_B);
    struct sink_event event = sink_await(sink, 5000);
    assert_int_equal(event.results[0].refused_count, 1);
    assert_true(str_equal(event.results[0].refused[0], STR("1\0\xff\0")));
}

/* ---- load ---- */

struct load_rows {
    int next, count;
    struct str values[5];
};

/* Order 1's lines; every thousandth is a draft, every 1500th can't be computed. */
static enum err_kind rows_next(void *ctx, const struct str **ret_values, bool *ret_end,
                               struct err *reterr) {
    (void)reterr;
    struct load_rows *rows = ctx;
    *ret_end = rows->next == rows->count;
    int line = rows->next++;
    lines_values(rows->values, 1, line == 0 ? LINE_NONE : line,
                 line % 1000 == 999 ? "draft" : "paid", NULL, line % 1500 == 1400 ? 0 : 4);
    *ret_values = rows->values;
    return ERR_NONE;
}

static struct sink_event load(bool savepoints, int count) {
    struct load_rows rows = {.count = count};
    struct load_source source = {.ctx = &rows, .next = rows_next};
    return sink_load(sink, &part, &source, savepoints);
}

static void test_load(void **state) {
    (void)state;
    struct sink_event event = load(false, 1000);
    assert_int_equal(event.kind, SINK_COMMITTED);
    assert_int_equal(event.upserted_count, 999);
    admin("DELETE FROM order_line");
    part_go_on(&part);
    event = load(false, 9000);
    assert_int_equal(event.kind, SINK_REFUSED);
    assert_int_equal(event.blame, BLAME_ROW);
    event = load(true, 9000);
    assert_int_equal(event.kind, SINK_COMMITTED);
    assert_int_equal(event.refusal_count, 6);
    assert_int_equal(ask_number("SELECT count(*) FROM order_line"), 9000 - 9 - 6);
    part_go_on(&part);
    event = load(false, 1000); /* into a table that has rows: nobody's */
    assert_int_equal(event.kind, SINK_HALT);
    assert_non_null(strstr(event.err.message, "sync_progress does not account for"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_row_leaves_the_filter, begin, end),
        cmocka_unit_test_setup_teardown(test_leaves_before_others_enter, begin, end),
        cmocka_unit_test_setup_teardown(test_expression_fails, begin, end),
        cmocka_unit_test_setup_teardown(test_where_fails, begin, end),
        cmocka_unit_test_setup_teardown(test_counts, begin, end),
        cmocka_unit_test_setup_teardown(test_null_rows_and_partners, begin, end),
        cmocka_unit_test_setup_teardown(test_null_row_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(test_load, begin, end),
    };
    return cmocka_run_group_tests_name("sink_lines", tests, NULL, NULL);
}
