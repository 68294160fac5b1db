/* scalar.h: the texts are those that jansson's way gives. */
#include "fixture.h"

#include "decode/scalar.h"

/* {student_id, id, v}: v of one kind after the other. */
static struct relation_column *const column = &student_columns[1];

static const char *const scalars[] = {
    "null",
    "true",
    "false",
    "0",
    "-0",
    "00",
    "01",
    "-01",
    "7",
    "-7",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775807",
    "-9223372036854775808",
    "-9223372036854775809",
    "999999999999999999999",
    "1.5",
    "-1.5",
    "1.50",
    "1.0",
    "-1.0",
    "10.0",
    "100.25",
    "0.0",
    "-0.0",
    "0.000",
    "0.1",
    "0.0001",
    "-0.0001",
    "0.00010",
    "0.00001",
    "0.00009",
    "99999999999999.0",
    "999999999999999.0",
    "9999999999999999.0",
    "12345678901234.5",
    "123456789012345.6",
    "0.30000000000000004",
    "0.12345678901234",
    "0.123456789012345",
    "1e5",
    "1E5",
    "1.5e3",
    "1e+5",
    "1e-5",
    "1e99",
    "1e100",
    "1e308",
    "1e309",
    "1e400",
    "-1e400",
    "1e-400",
    "4.9E-324",
    "3.4028235E38",
    "1.",
    ".5",
    "1e",
    "-",
    "+1",
    "NaN",
    "\"\"",
    "\"x\"",
    "\"1.10\"",
    "\"\177\"",
    "\"\t\"",
    "\"\001\"",
    "\"\200\"",
    "\"a\277\"",
    "\"\303\"",
    "\"\303\251\342\202\254\360\237\230\200\"",
    "\"12345678\303\251\"",
    "\"1234567\377\"",
    "\"12345678901234567890\"",
    "\"1234567\\\"12345678\"",
    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
    "\"\\u0041\\u007f\\u0080\\u07ff\\u0800\\uffff\\uFFFD\\u00e9\"",
    "\"\\ud83d\\ude00\\udbff\\udfff\\ud800\\udc00\"",
    "\"a\\nb\\u20acc\"",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "\"\\udc00\"",
    "\"\\x\"",
    "\"__unavailable\"",
    "\"__\\u0075navailable\"",
    "\"__unavailabl\"",
    "[]",
    "{}",
    "[1,{\"a\":\"b\"}]",
    "{\"a\":1,\"b\":[true]}",
    "{\"a\":1,}",
    "[null]",
    "[1,null,-0]",
    "[ 1 ,\t2,\n3 ]",
    "[1,]",
    "[1 2]",
    "[[1,2],[3]]",
    "[9223372036854775807,-9223372036854775808]",
    "[1.50,1e9,1e14,5e-324,-0.0,\"NaN\",\"x\",7]",
    "[1.5,1e99,1e14,1e14,1e14,1e14,1e14,5e-324,5e-324,5e-324,5e-324,-0.00001]",
    "[true,false,null]",
    "[\"\",\"NULL\",\" a,b{} \",\"q\\\"b\\\\\",\"\\u0022\\u005c\\n\\u00fc\"]",
    "[\"[Ljava.lang.String;@19f2ff69\"]",
    "[\"__unavailable\"]",
    "[20779,null,-622191234]",
    "[-703383]",
    "[\"2026-11-21T19:32:03.456789Z\",\"infinity\"]",
    "[\"0044-03-15T12:00:00.000000Z\"]",
    "[{\"x\":1}]",
    "{\"x\":1.0,\"y\":-2.50,\"wkb\":\"AQ==\",\"srid\":null}",
    "{\"x\":\"NaN\",\"y\":0}",
    "{\"x\":\"1\",\"y\":0}",
    "{\"wkb\":\"A\"}",
};

static struct record record_with(struct buf *text, const char *value) {
    buf_reset(text);
    buf_printf(text,
               "{\"before\":null,\"after\":{\"student_id\":7,\"name\":%s,\"more\":%s},"
               "\"source\":{\"ts_us\":1},\"op\":\"c\"}",
               value, value);
    return record_of(STUDENT, 7, STR("{\"student_id\":7}"), buf_view(text));
}

static void check_as(enum scalar scalar, enum scalar element, bool toastable, enum form form) {
    struct buf text = {0};
    struct relation_column saved = *column;
    column->scalar = scalar;
    column->unavailable = toastable ? STR(UNAVAILABLE) : STR_NONE;
    column->form = form;
    column->element = element;
    for (size_t i = 0; i < sizeof scalars / sizeof *scalars; i++) {
        (void)run(record_with(&text, "null"));
        (void)run(record_with(&text, scalars[i]));
    }
    *column = saved;
    buf_clear(&text);
}

static void check_all(enum scalar scalar, bool toastable, enum form form) {
    check_as(scalar, scalar, toastable, form);
}

/* Each value in a column of each kind, and in one that nobody reads. */
static void test_kinds(void **state) {
    (void)state;
    check_all(SCALAR_INTEGER, false, FORM_ANY);
    check_all(SCALAR_INTEGER, false, FORM_SMALLINT);
    check_all(SCALAR_INTEGER, false, FORM_MICROSECONDS);
    check_all(SCALAR_NUMBER, true, FORM_ANY);
    check_all(SCALAR_NUMBER, false, FORM_REAL);
    check_all(SCALAR_BOOLEAN, false, FORM_ANY);
    check_all(SCALAR_STRING, true, FORM_ANY);
    check_all(SCALAR_STRING, false, FORM_ANY);
    check_all(SCALAR_STRING, true, FORM_DECIMAL);
    check_all(SCALAR_POINT, false, FORM_ANY);
    check_all(SCALAR_WKB, true, FORM_BASE64);
}

static void test_arrays(void **state) {
    (void)state;
    check_as(SCALAR_ARRAY, SCALAR_INTEGER, false, FORM_ANY);
    check_as(SCALAR_ARRAY, SCALAR_INTEGER, false, FORM_SMALLINT);
    check_as(SCALAR_ARRAY, SCALAR_INTEGER, false, FORM_DATE);
    check_as(SCALAR_ARRAY, SCALAR_NUMBER, false, FORM_REAL);
    check_as(SCALAR_ARRAY, SCALAR_BOOLEAN, false, FORM_ANY);
    check_as(SCALAR_ARRAY, SCALAR_STRING, true, FORM_ANY);
    check_as(SCALAR_ARRAY, SCALAR_STRING, false, FORM_ZONED);
}

struct nested_case {
    enum scalar scalar, element;
    enum form form;
    const char *json, *text; /* NULL: refused */
    enum err_kind kind;
    const char *message;
};

static const struct nested_case nested_cases[] = {
    {SCALAR_ARRAY, SCALAR_INTEGER, FORM_ANY, "[]", "{}", ERR_NONE, NULL},
    {SCALAR_ARRAY, SCALAR_INTEGER, FORM_ANY, "[1,null,-3]", "{1,NULL,-3}", ERR_NONE, NULL},
    {SCALAR_ARRAY, SCALAR_NUMBER, FORM_REAL, "[1.50,1e9,\"-Infinity\"]",
     "{1.5,1000000000,\"-Infinity\"}", ERR_NONE, NULL},
    {SCALAR_ARRAY, SCALAR_STRING, FORM_ANY, "[\"a\\\"\\\\\",null,\"NULL\",\"\"]",
     "{\"a\\\"\\\\\",NULL,\"NULL\",\"\"}", ERR_NONE, NULL},
    {SCALAR_ARRAY, SCALAR_BOOLEAN, FORM_ANY, "[true,null]", "{true,NULL}", ERR_NONE, NULL},
    {SCALAR_POINT, SCALAR_POINT, FORM_ANY, "{\"x\":1.0,\"y\":\"NaN\"}", "(1,NaN)", ERR_NONE, NULL},
    {SCALAR_WKB, SCALAR_WKB, FORM_BASE64, "{\"wkb\":\"AQE=\",\"srid\":null}", "AQE=", ERR_NONE,
     NULL},
    /* what Debezium spoils is one row's trouble */
    {SCALAR_ARRAY, SCALAR_INTEGER, FORM_ANY, "[null,null]", NULL, ERR_RECORD, "spoils"},
    {SCALAR_ARRAY, SCALAR_STRING, FORM_ANY, "[\"[[Ljava.lang.String;@1\"]", NULL, ERR_RECORD,
     "spoils"},
    {SCALAR_ARRAY, SCALAR_INTEGER, FORM_DATE, "[20779,-141418]", NULL, ERR_RECORD, "spoils"},
    {SCALAR_ARRAY, SCALAR_INTEGER, FORM_MICROSECONDS, "[-63517953600000000]", NULL, ERR_RECORD,
     "spoils"},
    {SCALAR_ARRAY, SCALAR_INTEGER, FORM_MILLISECONDS, "[-63517953600000]", NULL, ERR_RECORD,
     "spoils"},
    {SCALAR_ARRAY, SCALAR_STRING, FORM_ZONED, "[\"0044-03-15T12:00:00.000000Z\"]", NULL, ERR_RECORD,
     "spoils"},
    /* what the type can't have sent is everybody's */
    {SCALAR_ARRAY, SCALAR_INTEGER, FORM_ANY, "[[1]]", NULL, ERR_HALT, "another element"},
    {SCALAR_ARRAY, SCALAR_INTEGER, FORM_ANY, "[\"1\"]", NULL, ERR_HALT, "another element"},
    {SCALAR_ARRAY, SCALAR_INTEGER, FORM_ANY, "7", NULL, ERR_HALT, "an integer instead of an array"},
    {SCALAR_ARRAY, SCALAR_STRING, FORM_ANY, "\"{a}\"", NULL, ERR_HALT, "a string instead of"},
    {SCALAR_ARRAY, SCALAR_STRING, FORM_ANY, "[\"" UNAVAILABLE "\"]", NULL, ERR_HALT, "TOAST"},
    {SCALAR_POINT, SCALAR_POINT, FORM_ANY, "{\"x\":1.0}", NULL, ERR_HALT, "x and y"},
    {SCALAR_POINT, SCALAR_POINT, FORM_ANY, "\"(1,2)\"", NULL, ERR_HALT, "a string instead of"},
    {SCALAR_WKB, SCALAR_WKB, FORM_BASE64, "{\"wkb\":\"*\"}", NULL, ERR_HALT, "wkb"},
};

/* By both ways, as a first record and as one of a known template. */
static void test_nested(void **state) {
    (void)state;
    struct buf text = {0};
    struct relation_column saved = *column;
    for (size_t i = 0; i < sizeof nested_cases / sizeof *nested_cases; i++) {
        const struct nested_case *c = &nested_cases[i];
        column->scalar = c->scalar;
        column->element = c->element;
        column->form = c->form;
        column->unavailable = STR("{\"" UNAVAILABLE "\"}");
        for (int again = 0; again < 3; again++) {
            (void)run(record_with(&text, "null"));
            if (c->text) {
                char want[100];
                (void)snprintf(want, sizeof want, "7|%s", c->text);
                uint64_t before = scanned.decoder->quick.decoded;
                assert_string_equal(row_text(accept(record_with(&text, c->json))), want);
                /* arrays go the quick way, once they are known; objects never do */
                assert_true(again < 2 ||
                            (scanned.decoder->quick.decoded > before) == !strchr(c->json, '{'));
            } else {
                refuse(c->kind, c->message, record_with(&text, c->json));
            }
        }
    }
    *column = saved;
    buf_clear(&text);
}

static uint64_t next_random(uint64_t *seed) {
    *seed = *seed * 6364136223846793005U + 1442695040888963407U;
    return *seed >> 33;
}

/* Any digits, a point somewhere, an exponent now and then. */
static void random_real(uint64_t *seed, char out[64]) {
    size_t digits = 1 + next_random(seed) % 19, point = 1 + next_random(seed) % digits, len = 0;
    bool small = next_random(seed) % 3 == 0;
    if (next_random(seed) % 4 == 0) {
        out[len++] = '-';
    }
    if (small || point == digits) {
        out[len++] = '0';
        out[len++] = '.';
    }
    for (size_t i = 0; i < digits; i++) {
        if (!small && point != digits && i == point) {
            out[len++] = '.';
        }
        bool zero = next_random(seed) % 3 == 0 || (small && i < point);
        bool leading = i == 0 && !small && point != digits;
        out[len++] = (char)(zero && !leading ? '0' : '1' + (char)(next_random(seed) % 9));
    }
    if (next_random(seed) % 8 == 0) {
        len += (size_t)snprintf(out + len, 8, "e%d", (int)(next_random(seed) % 40) - 20);
    }
    out[len] = '\0';
}

static void test_reals(void **state) {
    (void)state;
    struct relation_column real = {
        STR("f"),  STR("double precision"), SCALAR_NUMBER, KEY_NONE, STR_NONE,
        FORM_REAL, .not_null = false};
    struct buf scratch = {0};
    uint64_t seed = 1;
    for (int i = 0; i < 100000; i++) {
        char text[64], expected[SCALAR_NUMBER_MAX];
        random_real(&seed, text);
        struct scan scan = scan_start(str_from(text));
        struct scan_value value;
        struct str got;
        assert_true(scan_value(&scan, &value) && scan_done(&scan));
        assert_int_equal(value.kind, SCAN_REAL);
        buf_reset(&scratch);
        assert_true(scalar_text(&value, &real, &scratch, &got));
        size_t len = scalar_print_real(strtod(text, NULL), expected);
        if (!str_equal(got, (struct str){expected, len})) {
            fail_msg("%s: " STR_FMT ", expected %s", text, STR_ARG(got), expected);
        }
    }
    buf_clear(&scratch);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_arrays),
        cmocka_unit_test(test_nested),
        cmocka_unit_test(test_reals),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
