/* Every line that log.h can write, as JSON: jansson must read it, and find the same. */
#include "base/log_json.h"

#include "base/log.h"

#include <fcntl.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static void becomes(const char *line, const char *expected) {
    char out[1000];
    size_t len = log_json(out, sizeof out, str_from(line));
    out[len] = '\0';
    assert_string_equal(out, expected);
}

static void fields_keep_their_order_and_are_strings(void **state) {
    (void)state;
    becomes("ts=2026-11-22T14:26:00.123Z level=info task=3",
            "{\"ts\":\"2026-11-22T14:26:00.123Z\",\"level\":\"info\",\"task\":\"3\"}");
    becomes("", "{}");
    becomes("key=", "{\"key\":\"\"}");
}

static void quotes_are_translated(void **state) {
    (void)state;
    becomes("why=\"a \\\"b\\\" c\\\\d\\ne\" end=1",
            "{\"why\":\"a \\\"b\\\" c\\\\d\\ne\",\"end\":\"1\"}");
    becomes("key=\"\\x1f\\xff\"", "{\"key\":\"\\\\x1f\\\\xff\"}");
}

static void what_should_have_been_quoted_is_kept(void **state) {
    (void)state;
    becomes("why=it is \"empty\" n=1", "{\"why\":\"it is \\\"empty\\\"\",\"n\":\"1\"}");
    becomes("why=\"a\"b n=1", "{\"why\":\"ab\",\"n\":\"1\"}");
    becomes("no key at all", "{\"text\":\"no key at all\"}");
    becomes("a=\xff\xc3", "{\"a\":\"??\"}");
}

static void a_cut_line_is_a_whole_object(void **state) {
    (void)state;
    becomes("why=\"it was cut", "{\"why\":\"it was cut\"}");
    becomes("why=\"it was cut\\", "{\"why\":\"it was cut\"}");
    becomes("why=\"it was cut\\x", "{\"why\":\"it was cut\\\\x\"}");
}

/* Sizes from the smallest on, into a buffer of just that size. */
static void any_size_is_a_whole_object(void **state) {
    (void)state;
    const char line[] =
        "ts=1 key=\"\xc3\xa4\xf0\x9f\x98\x80 \\\"x\\\" \\x01\" bare=a\"b\\ c last=2";
    for (size_t size = 2; size < 120; size++) {
        char *out = malloc(size);
        assert_non_null(out);
        size_t len = log_json(out, size, str_from(line));
        assert_true(len <= size);
        json_error_t error;
        json_t *object = json_loadb(out, len, JSON_REJECT_DUPLICATES, &error);
        assert_true(json_is_object(object));
        json_decref(object);
        free(out);
    }
}

/* Through log_line: each byte in a value, quoted and not. */
static void what_is_logged_is_read_back(void **state) {
    (void)state;
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    struct log log = {.fd = fds[1], .member = "a \"member\"", .format = LOG_FORMAT_JSON};
    for (int c = 1; c < 256; c++) {
        char value[] = {'<', (char)c, '>', '\0'}, quoted[40], text[4096];
        log_line(&log, LOG_INFO, "cli", "test", "quoted=%s bare=%s end=1",
                 log_quote(quoted, sizeof quoted, str_from(value)), value);
        ssize_t len = read(fds[0], text, sizeof text);
        assert_true(len > 0 && text[len - 1] == '\n');
        json_error_t error;
        json_t *object = json_loadb(text, (size_t)len, JSON_REJECT_DUPLICATES, &error);
        assert_non_null(object);
        assert_string_equal(json_string_value(json_object_get(object, "member")), "a \"member\"");
        assert_string_equal(json_string_value(json_object_get(object, "event")), "test");
        assert_string_equal(json_string_value(json_object_get(object, "end")), "1");
        if (c >= ' ' && c < 0x7f) {
            assert_string_equal(json_string_value(json_object_get(object, "quoted")), value);
            assert_string_equal(json_string_value(json_object_get(object, "bare")), value);
        }
        json_decref(object);
    }
    (void)close(fds[0]);
    (void)close(fds[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_keep_their_order_and_are_strings),
        cmocka_unit_test(quotes_are_translated),
        cmocka_unit_test(what_should_have_been_quoted_is_kept),
        cmocka_unit_test(a_cut_line_is_a_whole_object),
        cmocka_unit_test(any_size_is_a_whole_object),
        cmocka_unit_test(what_is_logged_is_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
