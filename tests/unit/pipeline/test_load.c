/* What the sink is given of an initial load. */
#include "fixture.h"

#define STUDENTS 61
#define LOOKS    10 /* rows of a transaction */

/* None of them has a contact: no row comes, but between two pauses only so many are looked at. */
static void it_pauses(void **state) {
    struct fixture *f = *state;
    static char text[STUDENTS][2][160];
    f->member->o.batch_max_rows = LOOKS;
    tell_sink(&f->sink, SINK_CONNECTED, "");
    tell_assignment(f, (size_t)2 * TASKS);
    (void)turn(f);
    for (int i = 0; i < STUDENTS; i++) {
        tell_student(f, &text[i], TASKS * (i + 1), i, "c100");
    }
    f->consume.end = STUDENTS;
    tell_ends(f);
    f->sink.silent = true;
    step(f);
    const struct session *s = &f->member->sessions[0];
    assert_non_null(s->load_task);
    const struct load_source *load = s->txn.load;
    const struct str *values = NULL;
    size_t pauses = 0;
    for (bool end = false; !end;) {
        struct err err;
        assert_int_equal(load->next(load->ctx, &values, &end, &err), ERR_NONE);
        assert_null(values);
        pauses += !end;
        assert_in_range(pauses, 0, STUDENTS);
    }
    assert_int_equal(pauses, STUDENTS / LOOKS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_pauses, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("load", tests, NULL, NULL);
}
