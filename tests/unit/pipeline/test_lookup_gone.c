/* A lookup topic that is deleted, and maybe made and filled anew, while the member runs. */
#include "lookups.h"

static void tell_group(struct fixture *f, enum consume_event_kind kind) {
    f->consume.group[f->consume.group_count++] =
        (struct consume_event){.kind = kind, .record = {.table = LOOKUP, .offset = -1}};
}

static int64_t compared_again(const struct fixture *f) {
    return metrics_get(f->metrics, METRIC_REACQUISITIONS, REACQUIRED_TOPIC);
}

/* Both have applied four records when it goes. */
static void lose_it(struct fixture *f) {
    begin_live(f);
    tell_lookups(f, 0, 4);
    assert_string_equal(turn(f), "ready");
    tell_group(f, CONSUME_GONE);
    char wanted[100];
    (void)snprintf(wanted, sizeof wanted, "topic %s is gone\n",
                   f->plan->relations[LOOKUP].topic.ptr);
    assert_non_null(strstr(turn(f), wanted));
    assert_int_equal(compared_again(f), TASKS);
    assert_int_equal(read_from(f), 3);
    assert_int_equal(task_of(f, 0)->phase, TASK_LIVE);
}

static void find_it(struct fixture *f) {
    int assigns = f->consume.assigns;
    tell_group(f, CONSUME_BACK);
    assert_string_equal(turn(f),
                        "task 0 compares the records of lookup topics with what was applied\n"
                        "task 1 compares the records of lookup topics with what was applied\n");
    assert_int_equal(f->consume.assigns, assigns + 1);
}

/* The brokers had only said so for a moment. */
static void the_same_log_goes_on(void **state) {
    struct fixture *f = *state;
    lose_it(f);
    find_it(f);
    tell_lookups(f, 3, 6);
    assert_string_equal(turn(f), "ready");
    assert_positions(f, 6, 6);
    assert_int_equal(compared_again(f), TASKS);
    assert_int_equal(f->sink.newest[0].offsets[LOOKUP], 6);
}

/* It has as many records as before, and more: nothing else tells it from the one before. */
static void another_log_halts(void **state) {
    struct fixture *f = *state;
    lose_it(f);
    find_it(f);
    tell_lookup(f, 3);
    f->consume.records[0].record.timestamp_ms += 5000;
    tell_lookups(f, 4, 6);
    for (int32_t p = 0; p < TASKS; p++) {
        assert_int_equal(task_of(f, p)->phase, TASK_HALTED);
        assert_non_null(strstr(task_of(f, p)->halt.message, "is not the one that was applied"));
        assert_int_equal(f->sink.newest[p].offsets[LOOKUP], 4);
    }
}

/* What was told by the partition itself comes before anything that lies behind it. */
static void its_partition_tells_it(void **state) {
    struct fixture *f = *state;
    begin_live(f);
    tell_lookups(f, 0, 4);
    (void)add_record(f, CONSUME_GONE, LOOKUP, 0, -1);
    tell_lookup(f, 4); /* of another log */
    step(f);
    assert_int_equal(compared_again(f), TASKS);
    assert_given_back(4, 5, 1);
    assert_non_null(strstr(turn(f), " is gone\n"));
    assert_int_equal(read_from(f), 3);
    assert_int_equal(f->sink.newest[0].offsets[LOOKUP], 4);
}

/* Others may take the tasks over meanwhile, and give them back. */
static void it_is_gone_after_a_rebalance(void **state) {
    struct fixture *f = *state;
    lose_it(f);
    tell_assignment(f, 0);
    for (int32_t p = 0; p < TASKS; p++) {
        f->consume.pairs[p] = (struct topic_position){0, p, -1};
    }
    f->consume.group[f->consume.group_count - 1].pair_count = TASKS;
    assert_non_null(strstr(turn(f), " is gone\n"));
    find_it(f);
    tell_lookups(f, 3, 4);
    assert_string_equal(turn(f), "ready");
}

/* There is nothing to compare: but what it is to have can't be read. */
static void nothing_was_applied_of_it(void **state) {
    struct fixture *f = *state;
    begin_live(f);
    tell_group(f, CONSUME_GONE);
    (void)turn(f);
    assert_false(member_ready(f->member));
    tell_group(f, CONSUME_BACK);
    assert_string_equal(turn(f), "ready");
    assert_int_equal(read_from(f), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_lookup, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_same_log_goes_on),      TEST(another_log_halts),
        TEST(its_partition_tells_it),    TEST(it_is_gone_after_a_rebalance),
        TEST(nothing_was_applied_of_it),
    };
    return cmocka_run_group_tests_name("lookup topics that go", tests, NULL, NULL);
}
