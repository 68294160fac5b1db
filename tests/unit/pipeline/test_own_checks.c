/* Which rows a batch's transactions check by themselves, and which entries of refused rows its row
 * ops clear. */
#include "fixture.h"
#include "pipeline/refused_rows.h"

#define STUDENTS 60

/* As in a view that shows students without a contact. */
static void make_optional(struct fixture *f) {
    struct occurrence *contact = &f->plan->targets[0].occurrences[1];
    contact->optional = contact->adds_key = true;
}

static void begin(struct fixture *f) {
    make_live(f);
    f->sink.silent = true;
}

static size_t checks_of(const struct fixture *f) {
    return f->member->tasks[0]->part.checks[0].row_count;
}

static void tell_students(struct fixture *f) {
    static char text[STUDENTS][2][160];
    for (int i = 0; i < STUDENTS; i++) {
        tell_student(f, &text[i], TASKS * (i + 1), i, "c100");
    }
    step(f);
    assert_int_equal(f->member->tasks[0]->work.changed_count, STUDENTS);
}

/* A delete and an upsert for each: more than a transaction holds. */
static void a_split_batch_is_checked_first(void **state) {
    struct fixture *f = *state;
    make_optional(f);
    begin(f);
    tell_students(f);
    const struct task *task = f->member->tasks[0];
    const struct target_rows *rows = &task->part.targets[0];
    assert_int_equal(rows->deletes[DELETE_MATCHED][1].row_count, STUDENTS);
    assert_int_equal(rows->upserts.row_count, 100 - STUDENTS);
    assert_int_equal(checks_of(f), STUDENTS);
    tell_sink(&f->sink, SINK_COMMITTED, "");
    step(f);
    assert_int_equal(rows->upserts.row_count, 2 * STUDENTS - 100);
    assert_int_equal(checks_of(f), 0);
}

static void a_batch_in_one_transaction_is_not(void **state) {
    static char text[2][160];
    struct fixture *f = *state;
    make_optional(f);
    begin(f);
    tell_student(f, &text, 2, 0, "c100");
    step(f);
    assert_int_equal(f->member->tasks[0]->part.targets[0].upserts.row_count, 1);
    assert_int_equal(checks_of(f), 0);
}

/* In a view without NULL rows and lookups checks come as the join gives them. */
static void a_plain_view_has_no_more_checks(void **state) {
    struct fixture *f = *state;
    begin(f);
    tell_students(f);
    assert_int_equal(checks_of(f), 100 - STUDENTS); /* rows without a partner, after the deletes */
    tell_sink(&f->sink, SINK_COMMITTED, "");
    step(f);
    assert_int_equal(checks_of(f), 2 * STUDENTS - 100);
}

/* ---- refused rows ---- */

static const struct str others = {"1\0\xff\0", 4}, null = {"2\0\xff\0", 4}, one = {"2\0001\0", 4},
                        two = {"2\0002\0", 4}, elsewhere = {"2\0001\0\001", 5};

static void expect_cleared(struct fixture *f, enum row_op_kind kind, const char *contact,
                           const struct str *cleared, size_t count) {
    struct task *task = f->member->tasks[0];
    struct row_op op = {.kind = kind, .occurrence = 1, .table = 1};
    struct str values[16] = {STR("2")};
    values[1] = str_from(contact);
    txn_part_reset(&task->part);
    task_clear_refused(f->plan, task, &op, values);
    assert_int_equal(task->part.cleared_count, count);
    for (size_t i = 0; i < count; i++) {
        assert_true(str_equal(task->part.cleared[i], cleared[i]));
    }
}

static void entries_go_with_their_rows(void **state) {
    struct fixture *f = *state;
    make_optional(f);
    begin(f);
    struct task *task = f->member->tasks[0];
    const struct str all[] = {others, null, one, two, elsewhere /* in the second target */};
    for (size_t i = 0; i < 5; i++) {
        assert_true(refused_set_add(&task->refused_rows, all[i]));
    }
    expect_cleared(f, ROW_OP_DELETE, "1", &one, 1);
    expect_cleared(f, ROW_OP_DELETE, "3", NULL, 0);
    expect_cleared(f, ROW_OP_DELETE_NULL, NULL, &null, 1);
    expect_cleared(f, ROW_OP_DELETE_MATCHED, NULL, (struct str[]){one, two}, 2);
    expect_cleared(f, ROW_OP_CHECK, "1", NULL, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_split_batch_is_checked_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_batch_in_one_transaction_is_not, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_plain_view_has_no_more_checks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(entries_go_with_their_rows, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("own_checks", tests, NULL, NULL);
}
