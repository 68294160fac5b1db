/* Committing: what is written, counted, fenced and refused. */
#include "support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define OWNER_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define OWNER_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static const struct view *view;

static int reset(void **state) {
    (void)state;
    view = test_view(true);
    tables_reset(view);
    return 0;
}

static void test_commit(void **state) {
    (void)state;
    struct sink *sink = sink_connected(view);
    struct progress at = sink_acquire(sink, 3, OWNER_A);
    assert_int_equal(at.seq, 1);
    assert_false(at.has_offsets);
    struct txn_part part;
    part_begin(&part, view, 3, &at);
    part_upsert(&part, 7, 1, "Ada", "123");
    part_upsert(&part, 7, 2, "Ada", NULL);
    struct sink_event event = sink_commit(sink, &part);
    assert_int_equal(event.kind, SINK_COMMITTED);
    assert_int_equal(event.upserted_count, 2);
    assert_int_equal(event.deleted_count, 0);
    struct progress newest = sink_newest(sink, 3);
    assert_true(progress_equal(&newest, &part.after, 2));
    assert_string_equal(ask("SELECT string_agg(t::text, ';' ORDER BY t) FROM student_contact t"),
                        "(7,1,Ada,123,2001-02-03);(7,2,Ada,,2001-02-03)");
    assert_false(sink_newest(sink, 4).exists);
    txn_part_clear(&part);
    pg_sink_destroy(&sink);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_commit, reset),
    };
    return cmocka_run_group_tests_name("sink_commit", tests, NULL, NULL);
}
