/* template.h: what has a sample's template, and what has not. */
#include "decode/template.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { A = TEMPLATE_UNREAD + 1, B, SLOTS };
static const struct template_name within_names[] = {{.name = STR("b"), .slot = B}};
static const struct template_object within = {within_names, 1, true};
static const struct template_name names[] = {{.name = STR("a"), .slot = A},
                                             {.name = STR("in"), .object = &within}};
static const struct template_object object = {names, 2, false};

#define SAMPLE "{\"a\":1,\"x\":\"y\",\"in\":{\"b\":\"2\",\"z\":[3]}}"

static struct template learned(const char *text) {
    struct template template = {0};
    assert_true(template_learn(&template, str_from(text), &object));
    return template;
}

/* The slots' texts as `a b`; "" when text is of another template. */
static const char *match(const struct template *template, struct str text) {
    static char got[256];
    struct scan_value slots[SLOTS] = {{.text = STR_NONE}};
    char *copy = malloc(text.len ? text.len : 1); /* reading past the end is seen */
    assert_non_null(copy);
    memcpy(copy, text.ptr, text.len);
    got[0] = '\0';
    if (template_match(template, (struct str){copy, text.len}, slots)) {
        (void)snprintf(got, sizeof got, STR_FMT " " STR_FMT, STR_ARG(slots[A].text),
                       STR_ARG(slots[B].text));
    }
    free(copy);
    return got;
}

static void test_match(void **state) {
    (void)state;
    static const struct {
        const char *text, *got;
    } cases[] = {
        {SAMPLE, "1 \"2\""},
        {"{\"a\":{\"n\":[]},\"x\":\"y\",\"in\":{\"b\":null,\"z\":[3]}}", "{\"n\":[]} null"},
        {"{\"a\":1,\"x\":\"y\",\"in\":{\"b\":[[4]],\"z\":[3]}}", "1 [[4]]"},
        {"{\"a\":1,\"x\":\"y\",\"in\":{\"b\":[{}],\"z\":[3]}}", ""},    /* flat */
        {"{\"a\": 1,\"x\":\"y\",\"in\":{\"b\":\t2,\"z\":[3]}}", "1 2"}, /* blanks before a value */
        {"{\"a\":1 ,\"x\":\"y\",\"in\":{\"b\":2,\"z\":[3]}}", ""},
        {"{\"a\":12,\"x\":\"y\",\"in\":{\"b\":\"\\\",\\\"z\\\":[3]}}\",\"z\":[3]}}",
         "12 \"\\\",\\\"z\\\":[3]}}\""},
        {"{\"a\":1,\"x\":\"yy\",\"in\":{\"b\":2,\"z\":[3]}}", ""},
        {"{\"a\":1,\"x\":\"y\",\"in\":{\"b\":2,\"z\":[3]}} ", ""},
        {"{\"a\":1,\"x\":\"y\",\"in\":{\"b\":2,\"z\":[3]}}}", ""},
        {"{\"a\":,\"x\":\"y\",\"in\":{\"b\":2,\"z\":[3]}}", ""},
        {"{\"a\":01,\"x\":\"y\",\"in\":{\"b\":2,\"z\":[3]}}", ""},
        {"{\"a\":\"\377\",\"x\":\"y\",\"in\":{\"b\":2,\"z\":[3]}}", ""},
        {"{\"a\":1,\"a\":1,\"x\":\"y\",\"in\":{\"b\":2,\"z\":[3]}}", ""},
        {"{\"x\":\"y\",\"a\":1,\"in\":{\"b\":2,\"z\":[3]}}", ""},
        {"", ""},
    };
    struct template template = learned(SAMPLE);
    assert_true(template_has(&template, A) && template_has(&template, B));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_string_equal(match(&template, str_from(cases[i].text)), cases[i].got);
    }
    for (size_t len = 0; len < strlen(SAMPLE); len++) {
        assert_string_equal(match(&template, (struct str){SAMPLE, len}), "");
    }
    template_clear(&template);
    assert_string_equal(match(&template, str_from(SAMPLE)), "");
    assert_string_equal(match(&template, str_from("")), "");
}

static void test_merge(void **state) {
    (void)state;
    const char *other = "{\"a\":1,\"x\":\"zz\",\"in\":{\"b\":\"2\",\"z\":[3]}}";
    const char *third = "{\"a\":1,\"x\":null,\"in\":{\"b\":\"2\",\"z\":[4]}}";
    struct template first = learned(SAMPLE), second = learned(other);
    assert_string_equal(match(&first, str_from(other)), "");
    assert_true(template_merge(&second, &first)); /* x is a slot now, z not yet */
    assert_string_equal(match(&second, str_from(SAMPLE)), "1 \"2\"");
    assert_string_equal(match(&second, str_from(third)), "");
    template_clear(&first);
    first = learned(third);
    assert_true(template_merge(&first, &second));
    assert_string_equal(match(&first, str_from(SAMPLE)), "1 \"2\"");
    assert_string_equal(match(&first, str_from(other)), "1 \"2\"");

    static const char *const others[] = {
        "{\"a\":1,\"x\":\"y\",\"in\":{\"b\":\"2\"}}",
        "{\"a\":1,\"x\":\"y\",\"in\":{\"b\":\"2\",\"zz\":[3]}}",
        "{\"a\":1,\"in\":{\"b\":\"2\",\"z\":[3]},\"x\":\"y\"}",
        "{\"a\":1,\"x\":\"y\",\"in\":null}",
        "{}",
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct template template = learned(others[i]);
        assert_false(template_merge(&template, &first));
        assert_false(template_merge(&template, &(struct template){0}));
        template_clear(&template);
    }
    template_clear(&first);
    template_clear(&second);
}

/* What is to be looked into, and is no object, is no slot: nobody would look. */
static void test_no_object(void **state) {
    (void)state;
    struct template template = learned("{\"a\":1,\"in\":null}"),
                    other = learned("{\"a\":2,\"in\":[]}");
    assert_false(template_has(&template, B));
    assert_false(template_merge(&other, &template));
    assert_string_equal(match(&template, STR("{\"a\":7,\"in\":null}")), "7 ");
    assert_string_equal(match(&template, STR("{\"a\":7,\"in\":{\"b\":1}}")), "");
    template_clear(&template);
    template_clear(&other);
}

static void test_not_learned(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",
        "[]",
        "1",
        "{",
        "{\"a\":1,",
        "{\"a\":1}}",
        "{\"\\u0061\":1}",
        "{\"in\":{\"\\u0062\":1}}",
        "{\"u\":\"\377\"}",
        "{\"u\":1e400}",
        "{\"in\":{\"b\":}}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct template template = {0};
        assert_false(template_learn(&template, str_from(texts[i]), &object));
        assert_string_equal(match(&template, str_from(texts[i])), "");
        template_clear(&template);
    }
}

/* Members m0, m1, ... of an object. */
static struct buf members(size_t count, const char *value) {
    struct buf text = {0};
    for (size_t i = 0; i < count; i++) {
        buf_printf(&text, "%s\"m%zu\":%s", i == 0 ? "{" : ",", i, value);
    }
    buf_str(&text, STR("}"));
    return text;
}

static void test_limits(void **state) {
    (void)state;
    for (size_t count = TEMPLATE_VALUES_MAX - 1; count <= TEMPLATE_VALUES_MAX + 1; count++) {
        struct template template = {0};
        struct buf text = members(count, "null");
        bool good = template_learn(&template, buf_view(&text), &object);
        assert_int_equal(good, count <= TEMPLATE_VALUES_MAX);
        assert_string_equal(match(&template, buf_view(&text)), good ? " " : "");
        template_clear(&template);
        buf_clear(&text);
    }
    struct template template = {0};
    char *large = malloc(TEMPLATE_BYTES_MAX);
    assert_non_null(large);
    memset(large, 'x', TEMPLATE_BYTES_MAX - 1);
    large[TEMPLATE_BYTES_MAX - 1] = '\0';
    struct buf text = {0};
    buf_printf(&text, "{\"a\":\"%s\"}", large);
    assert_false(template_learn(&template, buf_view(&text), &object));
    free(large);
    buf_clear(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_match),     cmocka_unit_test(test_merge),
        cmocka_unit_test(test_no_object), cmocka_unit_test(test_not_learned),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
