/* What errors mean, by where they happen; and what of their messages may be shown. */
#include "sink/outcome.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_outcome_by_position(void **state) {
    (void)state;
    static const struct {
        const char *sqlstate;
        enum step_kind step;
        enum sink_event_kind kind;
    } cases[] = {
        {"23502", STEP_FENCE, SINK_FENCED},
        {"23505", STEP_FENCE, SINK_FENCED},
        {"23502", STEP_UPSERT, SINK_REFUSED},
        {"23505", STEP_UPSERT, SINK_REFUSED},
        {"23514", STEP_FENCE, SINK_HALT},
        {"22P02", STEP_FENCE, SINK_HALT},
        {"22003", STEP_CHECK, SINK_REFUSED},
        {"22P02", STEP_DELETE, SINK_REFUSED},
        {"22012", STEP_FILTER, SINK_REFUSED},
        {"42883", STEP_FILTER, SINK_HALT},
        {"21000", STEP_UPSERT, SINK_REFUSED},
        {"54000", STEP_UPSERT, SINK_REFUSED},
        {"23503", STEP_COMMIT, SINK_REFUSED},
        {"22021", STEP_DEAD_LETTERS, SINK_HALT},
        {"23505", STEP_DEAD_LETTERS, SINK_HALT},
        {"23505", STEP_LOAD, SINK_REFUSED},
        {"22001", STEP_LOAD, SINK_REFUSED},
        {"40001", STEP_COMMIT, SINK_AGAIN},
        {"40P01", STEP_UPSERT, SINK_AGAIN},
        {"55P03", STEP_LOCK, SINK_AGAIN},
        {"57014", STEP_UPSERT, SINK_AGAIN},
        {"53100", STEP_UPSERT, SINK_AGAIN},
        {"53300", STEP_PREPARE, SINK_AGAIN},
        {"25006", STEP_FENCE, SINK_AGAIN},
        {"57P01", STEP_UPSERT, SINK_AGAIN},
        {"57P03", STEP_PREPARE, SINK_AGAIN},
        {"58030", STEP_COMMIT, SINK_AGAIN},
        {"08006", STEP_BEGIN, SINK_AGAIN},
        {"26000", STEP_UPSERT, SINK_AGAIN},
        {"0A000", STEP_UPSERT, SINK_AGAIN},
        {"0A000", STEP_PREPARE, SINK_HALT},
        {"42P01", STEP_UPSERT, SINK_HALT},
        {"42703", STEP_PREPARE, SINK_HALT},
        {"28P01", STEP_PREPARE, SINK_HALT},
        {"3D000", STEP_PREPARE, SINK_HALT},
        {"42501", STEP_TERMINATE, SINK_HALT},
        {"P0001", STEP_UPSERT, SINK_REFUSED},
        {"XX000", STEP_UPSERT, SINK_HALT},
        {"", STEP_UPSERT, SINK_HALT},
        {"42P01", STEP_TABLE, SINK_OTHER_TABLE},
        {"55P03", STEP_TABLE, SINK_AGAIN},
        {"42P01", STEP_INSPECT, SINK_UNFIT},
        {"42501", STEP_REGISTER, SINK_UNFIT},
        {"40001", STEP_REGISTER, SINK_AGAIN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (outcome_of(cases[i].sqlstate, cases[i].step, false) != cases[i].kind) {
            fail_msg("%s at %s", cases[i].sqlstate, step_name(cases[i].step));
        }
    }
}

/* What a function raises is a refusal whatever its SQLSTATE, unless it asks for another try. */
static void test_outcome_of_code(void **state) {
    (void)state;
    static const char *const refused[] = {"P0001", "42P01", "XX000", "23514", "22012"};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        assert_int_equal(outcome_of(refused[i], STEP_UPSERT, true), SINK_REFUSED);
        assert_int_equal(outcome_of(refused[i], STEP_DELETE, true), SINK_REFUSED);
        assert_int_equal(outcome_blame(refused[i], STEP_UPSERT, true), BLAME_OTHERS);
        assert_int_equal(outcome_blame(refused[i], STEP_DELETE, true), BLAME_OTHERS);
    }
    assert_int_equal(outcome_of("40001", STEP_UPSERT, true), SINK_AGAIN);
    assert_int_equal(outcome_of("57014", STEP_UPSERT, true), SINK_AGAIN);
    assert_int_equal(outcome_of("42P01", STEP_CHECK, true), SINK_HALT);
    assert_int_equal(outcome_of("42P01", STEP_FENCE, true), SINK_HALT);
}

static void test_blame(void **state) {
    (void)state;
    static const struct {
        const char *sqlstate;
        enum step_kind step;
        enum blame blame;
    } cases[] = {
        {"22007", STEP_CHECK, BLAME_RECORD},  {"54000", STEP_CHECK, BLAME_RECORD},
        {"22003", STEP_DELETE, BLAME_RECORD}, {"23503", STEP_DELETE, BLAME_OTHERS},
        {"22007", STEP_UPSERT, BLAME_ROW},    {"23514", STEP_UPSERT, BLAME_ROW},
        {"23502", STEP_UPSERT, BLAME_ROW},    {"54000", STEP_UPSERT, BLAME_ROW},
        {"22012", STEP_FILTER, BLAME_ROW},    {"23503", STEP_FILTER, BLAME_OTHERS},
        {"22001", STEP_LOAD, BLAME_ROW},      {"23505", STEP_UPSERT, BLAME_OTHERS},
        {"23505", STEP_LOAD, BLAME_OTHERS},   {"23P01", STEP_UPSERT, BLAME_OTHERS},
        {"23503", STEP_UPSERT, BLAME_OTHERS}, {"21000", STEP_UPSERT, BLAME_OTHERS},
        {"P0001", STEP_UPSERT, BLAME_OTHERS}, {"23505", STEP_COMMIT, BLAME_OTHERS},
        {"23514", STEP_COMMIT, BLAME_OTHERS}, {"23514", STEP_REFUSED, BLAME_OTHERS},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (outcome_blame(cases[i].sqlstate, cases[i].step, false) != cases[i].blame) {
            fail_msg("%s at %s", cases[i].sqlstate, step_name(cases[i].step));
        }
    }
}

static void test_outcome_drops(void **state) {
    (void)state;
    assert_true(outcome_drops("25006"));
    assert_true(outcome_drops("57P01"));
    assert_true(outcome_drops("26000"));
    assert_false(outcome_drops("57014"));
    assert_false(outcome_drops("40001"));
    assert_false(outcome_drops("55P03"));
    assert_false(outcome_drops(""));
}

static void test_advice(void **state) {
    (void)state;
    assert_non_null(strstr(outcome_advice("42P01", STEP_PREPARE), "--apply-sink"));
    assert_non_null(strstr(outcome_advice("42P05", STEP_PREPARE), "pool_mode=session"));
    assert_non_null(strstr(outcome_advice("42703", STEP_UPSERT), "--apply-sink"));
    assert_non_null(strstr(outcome_advice("28P01", STEP_PREPARE), "olap.password"));
    assert_non_null(
        strstr(outcome_advice("23505", STEP_LOAD), "sync_progress does not account for"));
    assert_string_equal(outcome_advice("23505", STEP_UPSERT), "");
    assert_string_equal(outcome_advice("XX000", STEP_UPSERT), "");
}

static void check_clean(const char *sqlstate, const char *in, const char *wanted) {
    char out[128];
    assert_string_equal(message_clean(sqlstate, in, out, sizeof out), wanted);
}

static void test_messages_hold_no_values(void **state) {
    (void)state;
    check_clean("22P02", "invalid input syntax for type date: \"Ada's birthday\"",
                "invalid input syntax for type date: \"...\"");
    check_clean("22P02", "invalid input syntax for type date: \"a \"b\" c\"",
                "invalid input syntax for type date: \"...\"");
    check_clean("22P02", "invalid input syntax for type date: \"two\nlines\"",
                "invalid input syntax for type date: \"...\"");
    check_clean("22003", "value \"99999\" is out of range for type integer",
                "value \"...\" is out of range for type integer");
    check_clean("22001", "value too long for type character varying(40)",
                "value too long for type character varying(40)");
    check_clean("22P02",
                "ung\xc3\xbcltige Eingabe f\xc3\xbcr Typ date: \xc2\xbb"
                "Ada\xc2\xab",
                "ung\xc3\xbcltige Eingabe f\xc3\xbcr Typ date: \"...\"");
    check_clean("22P02",
                "\xe2\x80\x9e"
                "Ada\xe2\x80\x9c",
                "\"...\"");
    check_clean("22P02", "cut: \"Ad", "cut: \"...\"");
    check_clean("23502", "null value in column \"name\" of relation \"x\" violates",
                "null value in column \"name\" of relation \"x\" violates");
    check_clean("42P01", "relation \"x\" does not exist\nLINE 1: ...",
                "relation \"x\" does not exist");
    char small[12];
    assert_string_equal(message_clean("22P02", "0123456789: \"a\"", small, sizeof small),
                        "0123456789:");
}

static void test_sqlstate_of_a_refused_connection(void **state) {
    (void)state;
    char sqlstate[6];
    assert_string_equal(
        message_sqlstate("connection to server at \"h\" (::1), port 5433 failed: FATAL:  28P01: "
                         "password authentication failed\nLOCATION:  auth_failed, auth.c:335\n",
                         sqlstate),
        "password authentication failed\nLOCATION:  auth_failed, auth.c:335\n");
    assert_string_equal(sqlstate, "28P01");
    assert_string_equal(message_sqlstate("Connection refused", sqlstate), "Connection refused");
    assert_string_equal(sqlstate, "");
    assert_string_equal(message_sqlstate("x:  28P", sqlstate), "x:  28P");
    assert_string_equal(sqlstate, "");
}

static void test_err_kinds(void **state) {
    (void)state;
    assert_int_equal(outcome_err_kind(SINK_REFUSED), ERR_RECORD);
    assert_int_equal(outcome_err_kind(SINK_HALT), ERR_HALT);
    assert_int_equal(outcome_err_kind(SINK_AGAIN), ERR_RETRY);
    assert_int_equal(outcome_err_kind(SINK_LOST), ERR_RETRY);
    assert_int_equal(outcome_err_kind(SINK_COMMITTED), ERR_NONE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_outcome_by_position),
        cmocka_unit_test(test_outcome_of_code),
        cmocka_unit_test(test_blame),
        cmocka_unit_test(test_outcome_drops),
        cmocka_unit_test(test_advice),
        cmocka_unit_test(test_messages_hold_no_values),
        cmocka_unit_test(test_sqlstate_of_a_refused_connection),
        cmocka_unit_test(test_err_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
