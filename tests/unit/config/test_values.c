#include "config/values.h"

#include "base/log.h"
#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

struct target {
    const char *text;
    int64_t number;
    bool flag;
    enum log_level choice;
};

static const char *const colours[] = {"red", "green", "blue", NULL};

static const struct config_setting text = {
    "text", CONFIG_TEXT, false, offsetof(struct target, text), 1, 5, NULL, NULL, NULL, ""};
static const struct config_setting word = {
    "word", CONFIG_WORD, false, offsetof(struct target, text), 1, 5, NULL, NULL, NULL, ""};
static const struct config_setting number = {
    "number", CONFIG_INTEGER, false, offsetof(struct target, number), -5, 100, "ms",
    NULL,     NULL,           ""};
static const struct config_setting any_number = {
    "any", CONFIG_INTEGER, false, offsetof(struct target, number), INT64_MIN, INT64_MAX, NULL,
    NULL,  NULL,           ""};
static const struct config_setting flag = {
    "flag", CONFIG_BOOL, false, offsetof(struct target, flag), 0, 0, NULL, NULL, NULL, ""};
static const struct config_setting choice = {
    "choice", CONFIG_CHOICE, false, offsetof(struct target, choice), 0, 0, NULL, colours, NULL, ""};

static void refuses(const struct config_setting *setting, const char *value) {
    const struct target before = {"before", 77, true, LOG_WARN};
    struct target target = before;
    if (config_value_store(setting, value, &target)) {
        fail_msg("%s allows '%s'", setting->name, value);
    }
    assert_memory_equal(&target, &before, sizeof target);
}

static void texts(void **state) {
    (void)state;
    struct target target = {0};
    assert_true(config_value_store(&text, "a b/=", &target));
    assert_string_equal(target.text, "a b/=");
    refuses(&text, "");
    refuses(&text, "123456");
    assert_true(config_value_store(&word, "A.b_-", &target));
    assert_string_equal(target.text, "A.b_-");
    refuses(&word, "a b");
    refuses(&word, "a/b");
    refuses(&word, "\xc3\xa9");
    refuses(&word, "");
}

static void integers(void **state) {
    (void)state;
    struct target target = {0};
    assert_true(config_value_store(&number, "100", &target));
    assert_int_equal(target.number, 100);
    assert_true(config_value_store(&number, "-5", &target));
    assert_int_equal(target.number, -5);
    assert_true(config_value_store(&number, "007", &target));
    assert_int_equal(target.number, 7);
    assert_true(config_value_store(&any_number, "-9223372036854775808", &target));
    assert_true(target.number == INT64_MIN);
    static const char *const bad[] = {"",    "-",   "101", "-6",  " 1",
                                      "1 ",  "+1",  "1.0", "1e2", "0x1",
                                      "ten", "5ms", "--1", "1_0", "9223372036854775808"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        refuses(&number, bad[i]);
    }
    refuses(&any_number, "9223372036854775808");
    refuses(&any_number, "-9223372036854775809");
}

static void bools(void **state) {
    (void)state;
    struct target target = {0};
    assert_true(config_value_store(&flag, "true", &target));
    assert_true(target.flag);
    assert_true(config_value_store(&flag, "false", &target));
    assert_false(target.flag);
    refuses(&flag, "");
    refuses(&flag, "True");
    refuses(&flag, "1");
}

static void choices(void **state) {
    (void)state;
    struct target target = {0};
    assert_true(config_value_store(&choice, "blue", &target));
    assert_int_equal(target.choice, 2);
    assert_true(config_value_store(&choice, "red", &target));
    assert_int_equal(target.choice, 0);
    refuses(&choice, "");
    refuses(&choice, "gre");
    refuses(&choice, "Red");
}

static void says_what_is_allowed(void **state) {
    (void)state;
    char out[100];
    assert_string_equal(config_value_allowed(&text, out, sizeof out), "text of 1 to 5 bytes");
    assert_string_equal(config_value_allowed(&word, out, sizeof out),
                        "1 to 5 of letters, digits and . _ -");
    assert_string_equal(config_value_allowed(&number, out, sizeof out),
                        "an integer from -5 to 100 (ms)");
    assert_string_equal(config_value_allowed(&flag, out, sizeof out), "true or false");
    assert_string_equal(config_value_allowed(&choice, out, sizeof out), "one of red, green, blue");
    assert_string_equal(config_value_allowed(&choice, out, 12), "one of red,");
    for (size_t size = 1; size < 30; size++) {
        memset(out, '#', sizeof out);
        assert_true(strnlen(config_value_allowed(&choice, out, size), size) < size);
        assert_int_equal(out[size], '#');
    }
}

static void values_are_text(void **state) {
    (void)state;
    assert_true(config_value_is_text(""));
    assert_true(config_value_is_text("tab\tand J\xc3\xb6rg \xf0\x9f\x8e\x93"));
    assert_false(config_value_is_text("a\nb"));
    assert_false(config_value_is_text("a\rb"));
    assert_false(config_value_is_text("\x1b[31m"));
    assert_false(config_value_is_text("\x7f"));
    assert_false(config_value_is_text("J\xf6rg"));
    assert_false(config_value_is_text("\xed\xa0\x80")); /* half of a surrogate pair */
}

static void refusals_hide_secrets_and_cut(void **state) {
    (void)state;
    struct err err;
    char endless[3000];
    memset(endless, 'v', sizeof endless - 1);
    endless[sizeof endless - 1] = '\0';
    assert_int_equal(config_value_reject(&err, "log.level", "loud", "--set", "no"), ERR_CONFIG);
    assert_string_equal(err.message, "log.level = loud (--set): no");
    (void)config_value_reject(&err, "olap.password", "hunter2", "--set", "no");
    assert_string_equal(err.message, "olap.password = *** (--set): no");
    (void)config_value_reject(&err, "state.dir", "http://u:hunter2@h", "--set", "no");
    assert_string_equal(err.message, "state.dir = *** (--set): no");
    (void)config_value_reject(&err, "state.dir", "a\nb", "--set", "no");
    assert_string_equal(err.message, "state.dir = \"a\\nb\" (--set): no");
    (void)config_value_reject(&err, endless, endless, endless, "the reason");
    assert_non_null(strstr(err.message, "): the reason"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts),
        cmocka_unit_test(integers),
        cmocka_unit_test(bools),
        cmocka_unit_test(choices),
        cmocka_unit_test(says_what_is_allowed),
        cmocka_unit_test(values_are_text),
        cmocka_unit_test(refusals_hide_secrets_and_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
