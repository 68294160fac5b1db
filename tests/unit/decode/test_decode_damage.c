/* decode() on damaged records: never a crash, never a wrong change. */
#include "fixture.h"

#define KEY2 STR("{\"student_id\":2,\"contact_id\":9}")
#define IMAGE                                                                                      \
    "{\"contact_id\":9,\"student_id\":2,\"contact_number\":\"q \\\" \\\\ \\ud83d\\ude00 "          \
    "\303\251\"}"
#define UPDATE                                                                                     \
    "{\"before\":" IMAGE ",\"after\":" IMAGE ",\"source\":{\"version\":\"3.6.1.Final\","           \
    "\"snapshot\":null,\"sequence\":\"[\\\"331480568\\\",\\\"331480568\\\"]\","                    \
    "\"ts_us\":1795349632972495,\"lsn\":331480568,\"xmin\":null},\"transaction\":null,"            \
    "\"op\":\"u\",\"ts_ns\":1795349633030059721}"
#define WRAPPED "{\"schema\":{\"fields\":[{\"a\":[1.5e3,true]}]},\"payload\":" UPDATE "}"

static struct record record(struct str key, struct str value) {
    return record_of(CONTACT, 2, key, value);
}

static void test_truncated(void **state) {
    (void)state;
    const struct str whole[] = {STR(UPDATE), STR(WRAPPED)};
    for (size_t i = 0; i < 2; i++) {
        (void)accept(record(KEY2, whole[i]));
        for (size_t len = 0; len < whole[i].len; len++) {
            refuse(ERR_RECORD, "the value", record(KEY2, (struct str){whole[i].ptr, len}));
            assert_string_equal(row_text(&scanned.change), "2|9");
        }
    }
    for (size_t len = 0; len < KEY2.len; len++) {
        refuse(ERR_RECORD, "the key", record((struct str){KEY2.ptr, len}, STR(UPDATE)));
    }
}

/* Whatever passes is the row, or a row with another text, never one with another key. */
static void check_damaged(struct record damaged) {
    if (run(damaged) != ERR_NONE) {
        assert_true(scanned.kind == ERR_RECORD || scanned.kind == ERR_HALT);
        return;
    }
    const struct change *change = &scanned.change;
    if (change->key.ptr) {
        assert_int_equal(strncmp(row_text(change), "2|9", 3), 0);
    }
}

static void test_bytes(void **state) {
    (void)state;
    static const unsigned char bytes[] = {0,   1,   ' ', '"', '\\', '{', '}', '[',  ']',  ',',
                                          ':', '0', '9', '-', '.',  'e', 'n', 0x80, 0xC3, 0xFF};
    struct str whole = STR(UPDATE);
    char text[sizeof UPDATE];
    memcpy(text, whole.ptr, whole.len);
    for (size_t at = 0; at < whole.len; at++) {
        for (size_t i = 0; i < sizeof bytes; i++) {
            text[at] = (char)bytes[i];
            check_damaged(record(KEY2, (struct str){text, whole.len}));
        }
        text[at] = whole.ptr[at];
    }
    for (size_t at = 0; at < whole.len; at++) { /* and one byte left out */
        memcpy(text, whole.ptr, at);
        memcpy(text + at, whole.ptr + at + 1, whole.len - at - 1);
        check_damaged(record(KEY2, (struct str){text, whole.len - 1}));
    }
}

static struct buf nested(const char *prefix, size_t depth, const char *suffix) {
    struct buf text = {0};
    buf_printf(&text, "%s", prefix);
    for (size_t i = 0; i < depth; i++) {
        buf_str(&text, i % 2 ? STR("[") : STR("{\"a\":"));
    }
    buf_str(&text, STR("1"));
    for (size_t i = depth; i-- > 0;) {
        buf_str(&text, i % 2 ? STR("]") : STR("}"));
    }
    buf_printf(&text, "%s", suffix);
    return text;
}

static void test_nesting(void **state) {
    (void)state;
    static const size_t depths[] = {63, 64, 65, 100, 2046, 2047, 2048, 2049, 100000};
    for (size_t i = 0; i < sizeof depths / sizeof *depths; i++) {
        struct buf skipped = nested("{\"op\":\"c\",\"after\":" IMAGE ",\"x\":", depths[i], "}");
        struct buf within = nested("{\"op\":\"c\",\"after\":{\"student_id\":2,\"contact_id\":9,"
                                   "\"contact_number\":\"\",\"x\":",
                                   depths[i], "}}");
        enum err_kind kind = run(record(KEY2, buf_view(&skipped)));
        assert_int_equal(kind, depths[i] <= 2046 ? ERR_NONE : ERR_RECORD);
        kind = run(record(KEY2, buf_view(&within)));
        assert_int_equal(kind, depths[i] <= 2045 ? ERR_NONE : ERR_RECORD);
        buf_clear(&skipped);
        buf_clear(&within);
    }
    struct buf open = {0};
    for (size_t i = 0; i < 1000000; i++) {
        buf_str(&open, STR("["));
    }
    refuse(ERR_RECORD, "nested too deeply", record(KEY2, buf_view(&open)));
    buf_clear(&open);
}

static void test_huge(void **state) {
    (void)state;
    const size_t len = (size_t)16 * 1024 * 1024;
    struct buf text = {0};
    buf_str(&text, STR("{\"op\":\"c\",\"after\":{\"student_id\":2,\"contact_id\":9,"
                       "\"contact_number\":\""));
    memset(buf_reserve(&text, len), 'x', len);
    text.len += len;
    buf_str(&text, STR("\"}}"));
    const struct change *change = accept(record(KEY2, buf_view(&text)));
    assert_true(change->value.len > len);
    buf_clear(&text);
}

static void test_not_envelopes(void **state) {
    (void)state;
    static const char *const values[] = {"",
                                         " ",
                                         "[]",
                                         "7",
                                         "\"c\"",
                                         "true",
                                         "nul",
                                         "\xEF\xBB\xBF{}",
                                         "{}{}",
                                         "{\"op\":\"c\"}x",
                                         "\"\\ud800\"",
                                         "1e400",
                                         "{\"op\":\"c\",\"x\":1e400}"};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        refuse(ERR_RECORD, "", record(KEY2, str_from(values[i])));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_truncated),     cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_nesting),       cmocka_unit_test(test_huge),
        cmocka_unit_test(test_not_envelopes),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
