/* A table that is core and lookup: its topic is read once, and every task takes from it what is its
 * own. Table 0 is the core relation, table LOOKUP the lookup with its topic. */
#include "lookups.h"

#define CORE 0

static int set_up_two_roles(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->plan = load_plan(SOURCE_DIR "/tests/unit/pipeline/contact_other.sql");
    assert_true(f->plan->relations[CORE].filtered);
    assert_int_equal(f->plan->relations[LOOKUP].role, ROLE_LOOKUP);
    make_member(f, 1);
    f->consume.untold = CORE + 1;
    f->member->o.held_max_bytes = (size_t)64 << 20;
    f->member->o.dead_letter_max = 10;
    memset(given_back, 0, sizeof given_back);
    *state = f;
    return 0;
}

static void begin_reading(struct fixture *f) {
    begin(f); /* the topic that shares out the tasks: its partitions are given as table 0's */
    (void)add_record(f, CONSUME_EOF, LOOKUP, 0, 0);
    assert_string_equal(turn(f), "ready");
}

/* At the offset, of task 0 where the number is even. */
static void tell_row(struct fixture *f, int64_t offset, int contact) {
    char key[64], row[100];
    (void)snprintf(key, sizeof key, "{\"contact_id\":%d}", contact);
    (void)snprintf(row, sizeof row, "{\"contact_id\":%d,\"student_id\":1,\"contact_number\":\"1\"}",
                   contact);
    tell(f, LOOKUP, 0, offset, key, row);
}

static void tell_rows(struct fixture *f, int64_t from, int64_t to) {
    for (int64_t offset = from; offset < to; offset++) {
        tell_row(f, offset, (int)offset);
    }
    step(f);
    f->now_us += 100000;
    step(f);
}

static void assert_at(const struct fixture *f, int32_t p, int64_t core, int64_t lookup) {
    assert_int_equal(task_of(f, p)->position[CORE], core);
    assert_int_equal(task_of(f, p)->position[LOOKUP], lookup);
}

static void each_row_is_one_tasks(void **state) {
    struct fixture *f = *state;
    begin_reading(f);
    assert_int_equal(f->consume.assigned_count, 1); /* nothing of what the group gave */
    assert_int_equal(read_from(f), 0);
    tell_rows(f, 0, 3);
    static const uint64_t rows[] = {3 + 2, 3 + 1};
    for (int32_t p = 0; p < TASKS; p++) {
        assert_at(f, p, 3, 3);
        assert_int_equal(f->sink.newest[p].offsets[CORE], 3);
        assert_int_equal(f->sink.newest[p].anchors[CORE].offset, 2);
        assert_int_equal(f->sink.newest[p].offsets[LOOKUP], 3);
        assert_int_equal(state_row_count(task_of(f, p)->state), rows[p]);
    }
    assert_given_back(0, 3, 1);
    f->consume.end = 5;
    (void)turn(f);
    assert_int_equal(metrics_get(f->metrics, METRIC_LAG, 0), 5 - 3); /* a record once */
    assert_true(metrics_get(f->metrics, METRIC_TASK_FRESHNESS, 0) > 0);
    f->consume.end = 3;
    (void)turn(f);
    assert_int_equal(metrics_get(f->metrics, METRIC_TASK_FRESHNESS, 0), 0);
    (void)turn(f);
    assert_true(f->consume.commits > 0); /* by them members know each other */
    assert_int_equal(f->consume.committed[CORE][1], 0);
}

/* The sink's newest row says that the task has applied less in a role. */
static void go_back(struct fixture *f, int32_t p, int table, int64_t offset) {
    struct progress *newest = &f->sink.newest[p];
    newest->offsets[table] = offset;
    newest->anchors[table] = (struct log_anchor){0};
    verdict_reacquire(&task_of(f, p)->verdict, REACQUIRED_TABLE, "the test says so");
    step(f);
    (void)turn(f);
    assert_true(task_of(f, p)->assigned);
}

static void it_is_read_from_where_each_role_needs_it(void **state) {
    struct fixture *f = *state;
    f->member->o.checks = false; /* they would end what is to be seen in the result */
    begin_reading(f);
    tell_rows(f, 0, 4);
    for (int table = CORE; table <= LOOKUP; table++) {
        go_back(f, 1, table, 1);
        assert_int_equal(read_from(f), 1);
        assert_at(f, 0, 4, 4);
        assert_at(f, 1, table == CORE ? 1 : 4, table == LOOKUP ? 1 : 4);
        tell_rows(f, 1, 4);
        assert_at(f, 1, 4, 4);
        assert_int_equal(task_of(f, 1)->progress.offsets[table], 4);
        assert_int_equal(reacquired(f), 0);
        f->now_us += INT64_C(200000000);
        (void)turn(f);
    }
    assert_given_back(1, 4, 3); /* each time they came */
}

/* What the cache lacks is replayed in both roles. */
static void a_replay_has_both(void **state) {
    struct fixture *f = *state;
    begin_reading(f);
    f->member->o.cache_commit_bytes = (size_t)1 << 30;
    tell_rows(f, 0, 4);
    verdict_reacquire(&task_of(f, 1)->verdict, REACQUIRED_FENCED, "the test says so");
    step(f);
    f->now_us += 300000;
    step(f);
    assert_int_equal(task_of(f, 1)->phase, TASK_CATCH_UP);
    assert_int_equal(read_from(f), 0);
    f->sink.rows[1] = 0;
    tell_rows(f, 0, 4);
    assert_int_equal(task_of(f, 1)->phase, TASK_LIVE);
    assert_int_equal(state_row_count(task_of(f, 1)->state), 4 + 2);
    assert_int_equal(f->sink.rows[1], 0);
}

static void it_is_cut_in_both(void **state) {
    struct fixture *f = *state;
    begin_reading(f);
    f->sink.silent = true;
    tell_rows(f, 0, 1);
    task_of(f, 0)->conflict_since_ms = 1;
    tell_rows(f, 1, 101);
    assert_at(f, 0, 101, 101);
    tell_rows(f, 101, 103);
    assert_at(f, 0, 101, 101);
    assert_at(f, 1, 103, 103);
    assert_true(task_of(f, 0)->cut[LOOKUP]);
    task_of(f, 0)->conflict_since_ms = 0;
    for (int i = 0; i < 10; i++) {
        f->now_us += 100000;
        tell_sink(&f->sink, SINK_COMMITTED, "");
        step(f);
    }
    assert_int_equal(read_from(f), 101);
    tell_rows(f, 101, 104);
    assert_at(f, 0, 104, 104);
    assert_at(f, 1, 104, 104);
    assert_int_equal(reacquired(f), 0);
}

static bool has_letter(const struct fixture *f, int32_t p, int table, int64_t offset) {
    const struct dead_letter_list *list = &task_of(f, p)->dead_letters;
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].table == table && list->items[i].offset == offset) {
            return true;
        }
    }
    return false;
}

/* As a core row it is kept by the task that has it; by all, where nobody can tell which. */
static void who_keeps_a_bad_record(void **state) {
    struct fixture *f = *state;
    begin_reading(f);
    tell_rows(f, 0, 2);
    tell_row(f, 2, 2);
    tell_row(f, 3, 3);
    f->consume.records[0].record.value = STR("{}");
    f->consume.records[1].record.value = STR("{}");
    f->consume.records[1].record.key = STR("{}");
    step(f);
    assert_true(has_letter(f, 0, CORE, 2));
    assert_false(has_letter(f, 1, CORE, 2));
    for (int32_t p = 0; p < TASKS; p++) {
        assert_true(has_letter(f, p, LOOKUP, 2));
        assert_true(has_letter(f, p, CORE, 3));
        assert_true(has_letter(f, p, LOOKUP, 3));
        assert_int_equal(f->sink.newest[p].offsets[CORE], 4);
        assert_int_equal(f->sink.newest[p].offsets[LOOKUP], 4);
    }
    assert_given_back(0, 4, 1);
}

/* What another log has is seen in either role, and the message says where. */
static void a_log_that_is_too_short_is_seen(void **state) {
    struct fixture *f = *state;
    begin_reading(f);
    tell_rows(f, 0, 4);
    go_back(f, 1, CORE, 1);
    (void)add_record(f, CONSUME_EOF, LOOKUP, 0, 2);
    step(f);
    assert_int_equal(task_of(f, 0)->phase, TASK_HALTED);
    assert_non_null(strstr(task_of(f, 0)->halt.message, "ends at offset 2"));
}

static void tell_of_tasks_topic(struct fixture *f, enum consume_event_kind kind) {
    f->consume.group[f->consume.group_count++] = (struct consume_event){
        .kind = kind, .record = {.table = CORE, .partition = 0, .offset = -1}};
}

/* Without the topic that shares them out nobody has tasks, and nothing is well. */
static void a_lost_tasks_topic_is_told(void **state) {
    struct fixture *f = *state;
    begin_reading(f);
    tell_rows(f, 0, 2);
    tell_of_tasks_topic(f, CONSUME_GONE);
    assert_string_equal(turn(f), "topic test.contact_other-tasks is gone\n");
    assert_at(f, 0, 2, 2); /* what is read has nothing to do with it */
    tell_assignment(f, 0);
    assert_string_equal(turn(f), "topic test.contact_other-tasks is gone\n");
    tell_of_tasks_topic(f, CONSUME_BACK);
    assert_string_equal(turn(f), "ready");
}

/* It can't share out more tasks than there are. */
static void a_larger_tasks_topic_halts(void **state) {
    struct fixture *f = *state;
    begin_reading(f);
    tell_assignment(f, 0);
    f->consume.pairs[0] = (struct topic_position){CORE, 0, -1};
    f->consume.pairs[1] = (struct topic_position){CORE, TASKS, -1};
    f->consume.group[0].pair_count = 2;
    (void)turn(f);
    assert_int_equal(task_of(f, 0)->phase, TASK_HALTED);
    assert_string_equal(task_of(f, 0)->halt.topic, "test.contact_other-tasks");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_two_roles, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(each_row_is_one_tasks),      TEST(it_is_read_from_where_each_role_needs_it),
        TEST(a_replay_has_both),          TEST(it_is_cut_in_both),
        TEST(who_keeps_a_bad_record),     TEST(a_log_that_is_too_short_is_seen),
        TEST(a_lost_tasks_topic_is_told), TEST(a_larger_tasks_topic_halts),
    };
    return cmocka_run_group_tests_name("a table in two roles", tests, NULL, NULL);
}
