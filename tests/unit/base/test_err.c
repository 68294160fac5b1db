#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void set_fills_everything(void **state) {
    (void)state;
    struct err err;
    memset(&err, 'x', sizeof err);
    assert_int_equal(err_set(&err, ERR_RETRY, "broker %d is away", 3), ERR_RETRY);
    assert_int_equal(err.kind, ERR_RETRY);
    assert_string_equal(err.message, "broker 3 is away");
    assert_string_equal(err.sqlstate, "");
    assert_string_equal(err.topic, "");
    assert_int_equal(err.partition, -1);
    assert_int_equal(err.offset, -1);
}

static void set_without_err_returns_kind(void **state) {
    (void)state;
    assert_int_equal(err_set(NULL, ERR_BUG, "nobody listens"), ERR_BUG);
}

static void long_message_is_cut(void **state) {
    (void)state;
    char text[2000];
    memset(text, 'm', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    struct err err;
    (void)err_set(&err, ERR_HALT, "%s", text);
    assert_int_equal(strlen(err.message), sizeof err.message - 1);
}

static void about_names_the_record(void **state) {
    (void)state;
    char topic[400];
    memset(topic, 't', sizeof topic - 1);
    topic[sizeof topic - 1] = '\0';
    struct err err;
    (void)err_set(&err, ERR_RECORD, "bad");
    assert_int_equal(err_about(&err, "oltp.public.contact", 7, INT64_MAX), ERR_RECORD);
    assert_string_equal(err.topic, "oltp.public.contact");
    assert_int_equal(err.partition, 7);
    assert_true(err.offset == INT64_MAX);
    (void)err_about(&err, topic, 0, 0);
    assert_int_equal(strlen(err.topic), 249);
}

static void kinds_have_different_names(void **state) {
    (void)state;
    for (int a = ERR_NONE; a <= ERR_BUG; a++) {
        assert_string_not_equal(err_kind_name((enum err_kind)a), "unknown");
        for (int b = ERR_NONE; b < a; b++) {
            assert_string_not_equal(err_kind_name((enum err_kind)a),
                                    err_kind_name((enum err_kind)b));
        }
    }
    assert_string_equal(err_kind_name(ERR_CONFIG), "config");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_fills_everything),
        cmocka_unit_test(set_without_err_returns_kind),
        cmocka_unit_test(long_message_is_cut),
        cmocka_unit_test(about_names_the_record),
        cmocka_unit_test(kinds_have_different_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
