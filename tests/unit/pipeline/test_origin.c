/* What a member does about what the watch on the source found. */
#include "hints.h"

#define RENAMED  "public.student was renamed"
#define IDENTITY "public.contact: REPLICA IDENTITY is DEFAULT"

static struct board_news news_of(enum finding_kind kind, enum finding_weight weight,
                                 const char *text) {
    struct board_news news = {.answered = true, .slot_read = true, .lag_bytes = 77, .looks = 1};
    if (text) {
        findings_add(&news.findings, kind, weight, "%s", text);
    }
    return news;
}

static void post(struct fixture *f, enum finding_kind kind, enum finding_weight weight,
                 const char *text) {
    struct board_news news = news_of(kind, weight, text);
    assert_true(board_post(f->board, board_round(f->board), &news));
}

static int64_t found(const struct fixture *f, enum finding_kind kind) {
    return metrics_get(f->metrics, METRIC_SOURCE_FINDINGS, kind);
}

static void red_until_it_is_over(void **state) {
    struct fixture *f = *state;
    make_live(f);
    post(f, FINDING_REPLACED, FINDING_LOSS, RENAMED);
    assert_string_equal(turn(f), "source database: " RENAMED "\n");
    assert_false(member_ready(f->member));
    assert_int_equal(metrics_get(f->metrics, METRIC_TASKS, TASK_LIVE), 2); /* they go on */
    assert_int_equal(found(f, FINDING_REPLACED), 1);
    assert_int_equal(metrics_get(f->metrics, METRIC_SOURCE_DIFFERENCES, 0), 1);
    assert_int_equal(metrics_get(f->metrics, METRIC_SOURCE_ANSWERS, 0), 1);
    assert_int_equal(metrics_get(f->metrics, METRIC_SOURCE_SLOT_LAG, 0), 77);
    post(f, FINDING_REPLACED, FINDING_LOSS, RENAMED); /* the next look: it is said once */
    (void)turn(f);
    assert_int_equal(found(f, FINDING_REPLACED), 1);
    post(f, FINDING_KINDS, FINDING_NOTE, NULL);
    assert_string_equal(turn(f), "ready");
    assert_int_equal(metrics_get(f->metrics, METRIC_SOURCE_DIFFERENCES, 0), 0);
}

static void a_note_is_counted_and_not_red(void **state) {
    struct fixture *f = *state;
    make_live(f);
    post(f, FINDING_TRIGGER, FINDING_NOTE, "no trigger refuses TRUNCATE");
    assert_string_equal(turn(f), "ready");
    assert_int_equal(found(f, FINDING_TRIGGER), 1);
    assert_int_equal(metrics_get(f->metrics, METRIC_SOURCE_DIFFERENCES, 0), 0);
}

static void expect_hint(struct fixture *f, const int fds[2], bool hinted) {
    (void)turn(f);
    expect_hints(fds, "source_differs", hinted, !hinted);
}

/* Nothing but a server that is away, or a connector that does not read, is mended by a start. */
static void what_is_down_is_hinted_at(void **state) {
    struct fixture *f = *state;
    int fds[2];
    make_live(f);
    hints_begin(f, fds);
    post(f, FINDING_AWAY, FINDING_NOTE, "no answer");
    expect_hint(f, fds, true);
    post(f, FINDING_SLOT, FINDING_RED, "nobody reads the slot");
    expect_hint(f, fds, true);
    post(f, FINDING_SLOT, FINDING_LOSS, "there is no slot");
    expect_hint(f, fds, false);
    post(f, FINDING_TABLE, FINDING_RED, "no such table");
    expect_hint(f, fds, false);
    hints_end(f, fds);
}

static void what_has_no_room_is_red(void **state) {
    struct fixture *f = *state;
    make_live(f);
    struct board_news news = news_of(FINDING_KINDS, FINDING_NOTE, NULL);
    news.findings.more = 3;
    assert_true(board_post(f->board, board_round(f->board), &news));
    assert_string_equal(turn(f), "source database: 3 more differences\n");
}

/* A task that comes later halts, too; and all go on when the operator says so. */
static void a_lost_identity_halts_every_task(void **state) {
    struct fixture *f = *state;
    make_live(f);
    post(f, FINDING_IDENTITY, FINDING_HALT, IDENTITY);
    assert_string_equal(turn(f), "source database: " IDENTITY "\n"
                                 "task 0 halted: the source database: " IDENTITY "\n"
                                 "task 1 halted: the source database: " IDENTITY "\n");
    assert_int_equal(metrics_get(f->metrics, METRIC_HALTS, 0), 1);
    assert_int_equal(metrics_get(f->metrics, METRIC_HALTS, 1), 1);
    (void)turn(f);
    assert_int_equal(metrics_get(f->metrics, METRIC_HALTS, 1), 1);

    struct consume_event revoke = {.kind = CONSUME_REVOKE};
    f->consume.group[f->consume.group_count++] = revoke;
    (void)turn(f);
    tell_assignment(f, (size_t)2 * TASKS);
    assert_non_null(strstr(turn(f), "task 1 halted: the source database: " IDENTITY));

    post(f, FINDING_IDENTITY, FINDING_HALT, IDENTITY " (over now)"); /* over: still halted */
    assert_non_null(strstr(turn(f), "task 1 halted: the source database: " IDENTITY));
    member_resume(f->member);
    (void)turn(f);
    tell_ends(f);
    assert_string_equal(turn(f), "ready");

    post(f, FINDING_IDENTITY, FINDING_HALT, IDENTITY); /* and it is lost again */
    assert_non_null(strstr(turn(f), "task 0 halted: the source database: " IDENTITY));
}

/* A look that had begun before is not news any more after an acknowledgement. */
static void old_news_are_refused(void **state) {
    struct fixture *f = *state;
    make_live(f);
    struct board_news news = news_of(FINDING_IDENTITY, FINDING_HALT, IDENTITY);
    uint32_t round = board_round(f->board);
    member_resume(f->member);
    assert_false(board_post(f->board, round, &news));
    assert_string_equal(turn(f), "ready");
    assert_true(board_post(f->board, board_round(f->board), &news));
    assert_non_null(strstr(turn(f), "task 0 halted"));
}

static void words_are_the_kinds(void **state) {
    (void)state;
    const char *const *words = metric_table[METRIC_SOURCE_FINDINGS].words;
    for (size_t i = 0; i < FINDING_KINDS; i++) {
        assert_string_equal(words[i], finding_kind_name((enum finding_kind)i));
    }
    assert_null(words[FINDING_KINDS]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(red_until_it_is_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_note_is_counted_and_not_red, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_down_is_hinted_at, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_has_no_room_is_red, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_lost_identity_halts_every_task, set_up, tear_down),
        cmocka_unit_test_setup_teardown(old_news_are_refused, set_up, tear_down),
        cmocka_unit_test(words_are_the_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
