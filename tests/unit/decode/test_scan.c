/* scan.h: where values end, and that nothing passes that jansson would refuse. */
#include "decode/scan.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const char *const accepted[] = {
    "null",
    " true ",
    "\t\r\nfalse\n",
    "0",
    "-0",
    "12",
    "-12",
    "999999999999999999",
    "1795349626525906000",
    "9223372036854775807",
    "-9223372036854775807",
    "1.5",
    "-0.0",
    "1e5",
    "1E+99",
    "1.25e-07",
    "\"\"",
    "\"a\\\"b\\\\c\\/\\b\\f\\n\\r\\t\"",
    "\"\\u0001\\uFfFf\\ud83d\\uDE00\"",
    ("\"\177 \302\200 \337\277 \340\240\200 \355\237\277 \356\200\200 \357\277\277 "
     "\360\220\200\200 \364\217\277\277\""),
    "{}",
    "[]",
    "[ ]",
    "{ }",
    "[[],{},[{}],{\"a\":[]}]",
    "{\"a\":1,\"b\":[1,2,{\"c\":null}],\"]\":\"}\"}",
    "[1 , 2 ,3]",
    " { \"a\" : { \"b\" : \"\\\"]}\" } , \"c\" : [ ] } ",
};

/* Both jansson and the scanner refuse. */
static const char *const refused[] = {
    "",
    " ",
    "nul",
    "nulll",
    "True",
    "tru",
    "01",
    "-",
    "-01",
    "+1",
    ".5",
    "1.",
    "1.e5",
    "1e",
    "1e+",
    "0x1",
    "NaN",
    "Infinity",
    "--1",
    "1 2",
    "\"",
    "\"a",
    "\"\\",
    "\"\\\"",
    "\"\\x\"",
    "\"\\u12\"",
    "\"\\u12g4\"",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "\"\\ud800x\"",
    "\"\\udc00\"",
    "\"\\ud800\\u0041\"",
    "\"\\ud800\\ud800\"",
    "\"\n\"",
    "\"\001\"",
    "\"\200\"",
    "\"\300\200\"",
    "\"\301\277\"",
    "\"\340\237\277\"",
    "\"\355\240\200\"",
    "\"\360\217\277\277\"",
    "\"\364\220\200\200\"",
    "\"\370\210\200\200\200\"",
    "\"\302\"",
    "\"\342\230\"",
    "\"\377\"",
    "{",
    "[",
    "}",
    "]",
    "[1",
    "[1,",
    "[1,]",
    "[,1]",
    "[1 2]",
    "[1}",
    "{\"a\":1]",
    "{\"a\"}",
    "{\"a\":}",
    "{\"a\":1,}",
    "{,}",
    "{a:1}",
    "{1:1}",
    "{\"a\":1 \"b\":2}",
    "{\"a\":1}}",
    "[]]",
    "{\"a\":1,,\"b\":2}",
    "/**/1",
    "'a'",
    "{\"\\u0000\":1}",
    "9223372036854775808",
    "-9223372036854775809",
    "1e400",
    "-1e400",
    "18446744073709551616",
    "[[[[1]]]",
    "{\"a\":[1,{\"b\":2]}",
};

/* Right, but left to jansson. */
static const char *const lost[] = {
    "-9223372036854775808",
    "1e100",
    "1e-400",
    ("0.000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
     "000000000000001"),
};

static bool scans(struct str text) {
    char *copy = malloc(text.len ? text.len : 1);
    if (!copy) {
        abort();
    }
    memcpy(copy, text.ptr, text.len);
    struct scan scan = scan_start((struct str){copy, text.len});
    struct scan_value value;
    bool good = scan_value(&scan, &value) && scan_done(&scan);
    free(copy);
    return good;
}

static bool loads(struct str text) {
    json_t *json = json_loadb(text.ptr, text.len, JSON_DECODE_ANY, NULL);
    json_decref(json);
    return json != NULL;
}

static void check(const char *text, bool by_scan, bool by_jansson) {
    if (scans(str_from(text)) != by_scan || loads(str_from(text)) != by_jansson) {
        fail_msg("%s: scanner %d, jansson %d", text, !by_scan, !by_jansson);
    }
}

static void test_values(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof accepted / sizeof *accepted; i++) {
        check(accepted[i], true, true);
    }
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        check(refused[i], false, false);
    }
    for (size_t i = 0; i < sizeof lost / sizeof *lost; i++) {
        check(lost[i], false, true);
    }
}

/* All prefixes, and each byte replaced by each other one: what scans also loads. */
static void test_damage(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof accepted / sizeof *accepted; i++) {
        size_t len = strlen(accepted[i]);
        char text[256];
        assert_true(len < sizeof text);
        for (size_t at = 0; at < len; at++) {
            memcpy(text, accepted[i], len);
            assert_int_equal(scans((struct str){text, at}) && !loads((struct str){text, at}), 0);
            for (int byte = 0; byte < 256; byte++) {
                text[at] = (char)byte;
                struct str damaged = {text, len};
                if (scans(damaged) && !loads(damaged)) {
                    fail_msg("byte %zu of %s as 0x%02x", at, accepted[i], (unsigned)byte);
                }
            }
        }
    }
}

static void test_depth(void **state) {
    (void)state;
    for (size_t depth = SCAN_DEPTH_MAX - 1; depth <= SCAN_DEPTH_MAX + 1; depth++) {
        char text[2 * SCAN_DEPTH_MAX + 2];
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        assert_int_equal(scans((struct str){text, 2 * depth}), depth <= SCAN_DEPTH_MAX);
    }
}

static void test_members(void **state) {
    (void)state;
    struct scan scan = scan_start(STR(" {\"a\" : [1,2] , \"b\":\"x\\n\"} "));
    struct str name;
    struct scan_value value;
    assert_true(scan_enter(&scan));
    assert_int_equal(scan_member(&scan, 0, &name), SCAN_MEMBER);
    assert_true(str_is(name, "a"));
    assert_true(scan_value(&scan, &value));
    assert_int_equal(value.kind, SCAN_ARRAY);
    assert_true(str_is(value.text, "[1,2]"));
    assert_int_equal(scan_member(&scan, 1, &name), SCAN_MEMBER);
    assert_true(str_is(name, "b"));
    assert_true(scan_value(&scan, &value));
    assert_true(value.escaped);
    assert_true(str_is(scan_string(&value), "x\\n"));
    assert_int_equal(scan_member(&scan, 2, &name), SCAN_END);
    assert_true(scan_done(&scan));

    scan = scan_start(STR("{\"\\u0061\":1}"));
    assert_true(scan_enter(&scan));
    assert_int_equal(scan_member(&scan, 0, &name), SCAN_LOST);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_members),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
