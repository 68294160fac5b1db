/* quick.h: records after others that looked alike, or almost. */
#include "fixture.h"

#define SOURCE(us, lsn)                                                                            \
    "\"source\":{\"version\":\"3.6.1.Final\",\"snapshot\":null,\"sequence\":\"[\\\"" lsn           \
    "\\\"]\",\"ts_us\":" us ",\"lsn\":" lsn ",\"xmin\":null}"
#define RECORD(before, after, op, us, lsn)                                                         \
    "{\"before\":" before ",\"after\":" after "," SOURCE(us, lsn) ",\"transaction\":null,"         \
                                                                  "\"op\":\"" op                   \
                                                                  "\",\"ts_ns\":" us "721}"
#define CONTACT_ROW(id, number)                                                                    \
    "{\"contact_id\":" id ",\"student_id\":7,\"contact_number\":" number "}"
#define CREATE(id, number) RECORD("null", CONTACT_ROW(id, number), "c", "1795349632972495", "33148")
#define KEY9               STR("{\"student_id\":7,\"contact_id\":9}")
#define KEY10              STR("{\"student_id\":7,\"contact_id\":10}")

static struct record contact(struct str key, const char *value) {
    return record_of(CONTACT, 7, key, str_from(value));
}

/* A decoder that has seen nothing. */
static void forget(void) {
    decoder_destroy(&scanned.decoder);
    scanned.decoder = decoder_new(&fixture_view);
}

/* The quick way was taken, both times that the record was decoded. */
static void accept_quickly(struct record record, const char *row) {
    uint64_t before = scanned.decoder->quick.decoded;
    assert_string_equal(row_text(accept(record)), row);
    assert_int_equal(scanned.decoder->quick.decoded, before + 2);
}

/* c, r, u and d of two rows: the first of each is learned, and what differs in the second. */
static void teach(void) {
    forget();
    for (int i = 0; i < 2; i++) {
        (void)accept(contact(KEY9, CREATE("9", "\"x\"")));
        (void)accept(contact(
            KEY10, RECORD("null", CONTACT_ROW("10", "null"), "r", "1795349632972496", "4")));
        (void)accept(contact(KEY9, RECORD(CONTACT_ROW("9", "\"x\""), CONTACT_ROW("9", "\"y\""), "u",
                                          "1795349632972495", "5")));
        (void)accept(contact(KEY10, RECORD(CONTACT_ROW("10", "null"), CONTACT_ROW("10", "\"y\""),
                                           "u", "1795349632972496", "6")));
        (void)accept(
            contact(KEY9, RECORD(CONTACT_ROW("9", "\"x\""), "null", "d", "1795349632972495", "7")));
        (void)accept(contact(
            KEY10, RECORD(CONTACT_ROW("10", "\"\""), "null", "d", "1795349632972496", "8")));
    }
}

#define KEY123 STR("{\"student_id\":7,\"contact_id\":123}")

static void test_taken(void **state) {
    (void)state;
    teach();
    accept_quickly(contact(KEY123, RECORD("null", CONTACT_ROW("123", "\"+49\\n\""), "c", "5", "1")),
                   "7|123|+49\n");
    assert_int_equal(scanned.change.ts_us, 5);
    assert_int_equal(scanned.change.snapshot, SNAPSHOT_NONE);
    accept_quickly(contact(KEY123, RECORD("null", CONTACT_ROW("123", "null"), "r", "-6", "1")),
                   "7|123|~");
    assert_int_equal(scanned.change.ts_us, -6);
    assert_int_equal(scanned.change.snapshot, SNAPSHOT_NONE);
    accept_quickly(
        contact(KEY123, RECORD(CONTACT_ROW("123", "5"), CONTACT_ROW("123", "\"\""), "u", "7", "1")),
        "7|123|");
    accept_quickly(contact(KEY123, RECORD(CONTACT_ROW("123", "[5]"), "null", "d", "8", "1")),
                   "7|123");
    assert_int_equal(scanned.change.op, CHANGE_DELETE);
    assert_null(scanned.change.value.ptr);
}

/* What looks alike and is wrong is refused with the same words. */
static void test_refused(void **state) {
    (void)state;
    teach();
    refuse(ERR_HALT, "column contact_id differs", contact(KEY9, CREATE("10", "\"x\"")));
    refuse(ERR_HALT, "contact_number in `after`: an integer instead of a string",
           contact(KEY9, CREATE("9", "5")));
    refuse(ERR_HALT, "contact_id in `after`: a string", contact(KEY9, CREATE("\"9\"", "\"\"")));
    refuse(ERR_RECORD, "contact_id is null",
           contact(STR("{\"student_id\":7,\"contact_id\":null}"), CREATE("null", "\"\"")));
    refuse(ERR_HALT, "TOAST", contact(KEY9, CREATE("9", "\"" UNAVAILABLE "\"")));
    refuse(ERR_RECORD, "syntax error", contact(KEY9, CREATE("09", "\"\"")));
    refuse(ERR_RECORD, "", contact(KEY9, CREATE("9", "\"\377\"")));
    refuse(ERR_RECORD, "too large", contact(KEY9, CREATE("9223372036854775808", "\"\"")));
    refuse(
        ERR_HALT, "message.key.columns",
        contact(KEY9, RECORD(CONTACT_ROW("8", "\"\""), CONTACT_ROW("9", "\"\""), "u", "1", "2")));
    refuse(ERR_HALT, "`before` is missing",
           contact(KEY9, RECORD("null", CONTACT_ROW("9", "\"\""), "u", "1", "2")));
    refuse(ERR_RECORD, "without `after`",
           contact(KEY9, RECORD(CONTACT_ROW("9", "\"\""), "null", "u", "1", "2")));
    refuse(ERR_HALT, "truncated", contact(KEY9, RECORD("null", "null", "t", "1", "2")));
    refuse(ERR_RECORD, "op is none of", contact(KEY9, RECORD("null", "null", "x", "1", "2")));
    refuse(ERR_RECORD, "no op",
           contact(KEY9, RECORD("null", CONTACT_ROW("9", "\"\""), "cc", "1", "2")));
    struct record record = contact(KEY9, CREATE("9", "\"x\""));
    record.partition = 3;
    refuse(ERR_HALT, "belongs to partition 7", record);
    record.partition = 7;
    record.key = STR_NONE;
    refuse(ERR_RECORD, "no key", record);
    record.key = STR("{\"student_id\":7,\"contact_id\":9,\"contact_id\":9}");
    refuse(ERR_RECORD, "comes twice", record);
    teach();
    accept_quickly(contact(KEY9, CREATE("9", "\"x\"")), "7|9|x");
    /* the same number, not the same letters */
    record = contact(STR("{\"student_id\":7,\"contact_id\":-0}"), CREATE("0", "\"x\""));
    assert_string_equal(row_text(accept(record)), "7|0|x");
    record = contact(STR("{\"student_id\":7,\"contact_id\":-9223372036854775808}"),
                     CREATE("-9223372036854775808", "\"x\""));
    assert_string_equal(row_text(accept(record)), "7|-9223372036854775808|x");
}

/* The table changes while its records come. */
static void test_layouts(void **state) {
    (void)state;
#define LAYOUT(members) RECORD("null", "{" members "}", "c", "1795349632972495", "33148")
    static const char *const layouts[] = {
        LAYOUT("\"contact_id\":9,\"student_id\":7,\"contact_number\":\"x\""),
        LAYOUT("\"contact_id\":9,\"student_id\":7,\"contact_number\":\"x\",\"more\":null"),
        LAYOUT("\"contact_id\":9,\"student_id\":7,\"contact_number\":\"x\",\"more\":\"new\""),
        LAYOUT("\"contact_id\":9,\"student_id\":7,\"contact_number\":\"x\",\"more\":[1,[]]"),
        LAYOUT("\"contact_id\":9,\"student_id\":7,\"contact_number\":\"x\",\"other\":1.5"),
        LAYOUT("\"student_id\":7,\"contact_number\":\"x\",\"contact_id\":9"),
        LAYOUT("\"a\":1,\"contact_number\":\"x\",\"b\":2,\"contact_id\":9,\"student_id\":7"),
    };
    const size_t count = sizeof layouts / sizeof *layouts;
    forget();
    for (size_t i = 0; i < 4 * count; i++) { /* more of them than are kept */
        assert_string_equal(row_text(accept(contact(KEY9, layouts[i * 3 % count]))), "7|9|x");
    }
    for (size_t i = 0; i < count; i++) {
        (void)accept(contact(KEY9, layouts[i]));
        accept_quickly(contact(KEY9, layouts[i]), "7|9|x");
    }
    static const char *const bad[][2] = {
        {"contact_number is missing", LAYOUT("\"contact_id\":9,\"student_id\":7")},
        {"contact_number is missing",
         LAYOUT("\"contact_id\":9,\"student_id\":7,\"Contact_number\":\"x\"")},
        {"comes twice", LAYOUT("\"contact_id\":9,\"contact_id\":9,\"student_id\":7,"
                               "\"contact_number\":\"x\"")},
        {"comes twice", LAYOUT("\"contact_id\":9,\"student_id\":7,\"contact_number\":\"x\","
                               "\"more\":1,\"more\":2")},
        {"comes twice", LAYOUT("\"contact_id\":9,\"student_id\":7,\"contact_number\":\"x\","
                               "\"\\u0063ontact_number\":\"y\"")},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        (void)accept(contact(KEY9, layouts[0]));
        refuse(i < 2 ? ERR_HALT : ERR_RECORD, bad[i][0], contact(KEY9, bad[i][1]));
    }
    (void)accept(contact(KEY9, LAYOUT("\"\\u0063ontact_id\":9,\"student_id\":7,"
                                      "\"contact_number\":\"x\"")));
    (void)accept(contact(KEY9, layouts[0]));
    accept_quickly(contact(KEY9, layouts[0]), "7|9|x");
}

/* Also within a value that nobody reads, in a row image: the first time and every other. */
static void test_twice_within(void **state) {
    (void)state;
#define MORE(more)                                                                                 \
    LAYOUT("\"contact_id\":9,\"student_id\":7,\"contact_number\":\"x\",\"more\":" more)
    teach();
    (void)accept(contact(KEY9, MORE("1")));
    (void)accept(contact(KEY9, MORE("[2,[\"}\"]]")));
    accept_quickly(contact(KEY9, MORE("[3]")), "7|9|x");
    (void)accept(contact(KEY9, MORE("{\"a\":1,\"b\":1}")));
    refuse(ERR_RECORD, "comes twice", contact(KEY9, MORE("{\"a\":1,\"a\":1}")));
    refuse(ERR_RECORD, "comes twice", contact(KEY9, MORE("[{\"a\":1,\"a\":1}]")));
    forget();
    refuse(ERR_RECORD, "comes twice", contact(KEY9, MORE("{\"a\":1,\"a\":1}")));
    /* and in keys as before: within the wrapper only */
    (void)accept(contact(STR("{\"student_id\":7,\"contact_id\":9,\"x\":{\"a\":1,\"a\":1}}"),
                         CREATE("9", "\"x\"")));
#define WRAPPED_KEY(schema)                                                                        \
    STR("{\"schema\":" schema ",\"payload\":{\"student_id\":7,\"contact_id\":9}}")
    (void)accept(contact(WRAPPED_KEY("{\"a\":1}"), CREATE("9", "\"x\"")));
    (void)accept(contact(WRAPPED_KEY("[1]"), CREATE("9", "\"x\"")));
    accept_quickly(contact(WRAPPED_KEY("[2]"), CREATE("9", "\"x\"")), "7|9|x");
    refuse(ERR_RECORD, "comes twice",
           contact(WRAPPED_KEY("{\"a\":1,\"a\":1}"), CREATE("9", "\"x\"")));
}

static void test_wrapped(void **state) {
    (void)state;
#define WRAPPED(payload) "{\"schema\":{\"fields\":[{\"op\":1}]},\"payload\":" payload "}"
    static const char *const keys[] = {"{\"student_id\":7,\"contact_id\":9}",
                                       WRAPPED("{\"student_id\":7,\"contact_id\":9}")};
    static const char *const values[] = {CREATE("9", "\"x\""), WRAPPED(CREATE("9", "\"x\""))};
    forget();
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(row_text(accept(contact(str_from(keys[i / 2]), values[i % 2]))),
                            "7|9|x");
    }
    for (size_t i = 0; i < 4; i++) {
        accept_quickly(contact(str_from(keys[i / 2]), values[i % 2]), "7|9|x");
    }
    refuse(ERR_RECORD, "no op", contact(KEY9, WRAPPED("5")));
    refuse(ERR_RECORD, "no op", contact(KEY9, WRAPPED("[" CREATE("9", "\"x\"") "]")));
    refuse(ERR_RECORD, "no op", contact(KEY9, WRAPPED(WRAPPED(CREATE("9", "\"x\"")))));
    assert_int_equal(accept(contact(KEY9, WRAPPED("null")))->op, CHANGE_DELETE);
    refuse(ERR_RECORD, "no op",
           contact(KEY9, "{\"schema\":1,\"payload\":" CREATE("9", "\"x\"") ",\"more\":2}"));
    refuse(ERR_RECORD, "the key is not an object",
           contact(STR("{\"schema\":1,\"payload\":null}"), values[0]));
}

/* Records without end that never look alike, then the usual ones again. */
static void test_never_alike(void **state) {
    (void)state;
    char value[1024];
    forget();
    for (int i = 0; i < 300; i++) {
        (void)snprintf(value, sizeof value,
                       "{\"op\":\"c\",\"after\":" CONTACT_ROW("9", "\"x\"") ",\"m%d\":1}", i);
        (void)accept(contact(KEY9, value));
    }
    for (int i = 0; i < 16; i++) {
        (void)accept(contact(KEY9, CREATE("9", "\"x\"")));
    }
    accept_quickly(contact(KEY9, CREATE("9", "\"x\"")), "7|9|x");
}

/* Every prefix, and every byte as another one or left out, after the right record. */
static void damage(const char *right, struct str key) {
    static const unsigned char bytes[] = {0,   1,   ' ', '"', '\\', '{',  '}',  ']',  ',',
                                          '0', '-', '.', 'e', 'n',  0x7F, 0x80, 0xC3, 0xFF};
    char text[1024];
    size_t len = strlen(right);
    assert_true(len < sizeof text);
    for (size_t at = 0; at < len; at++) {
        teach();
        memcpy(text, right, len + 1);
        refuse(ERR_RECORD, "the value", record_of(CONTACT, 7, key, (struct str){text, at}));
        for (size_t i = 0; i < sizeof bytes; i++) {
            text[at] = (char)bytes[i];
            (void)run(record_of(CONTACT, 7, key, (struct str){text, len}));
        }
        memmove(text + at, right + at + 1, len - at);
        (void)run(record_of(CONTACT, 7, key, (struct str){text, len - 1}));
    }
}

static void test_damage(void **state) {
    (void)state;
    damage(CREATE("9", "\"q\\\"\\ud83d\\ude00 \303\251 \342\202\254 12345678\""), KEY9);
    damage(
        RECORD(CONTACT_ROW("9", "\"x\""), CONTACT_ROW("9", "\"y\""), "u", "1795349632972495", "5"),
        KEY9);
    damage(RECORD(CONTACT_ROW("9", "\"x\""), "null", "d", "1795349632972495", "7"), KEY9);
    for (size_t at = 0; at < KEY9.len; at++) {
        char key[] = "{\"student_id\":7,\"contact_id\":9}";
        teach();
        refuse(ERR_RECORD, "the key", contact((struct str){key, at}, CREATE("9", "\"x\"")));
        for (int byte = 1; byte < 256; byte++) {
            key[at] = (char)byte;
            (void)run(contact((struct str){key, KEY9.len}, CREATE("9", "\"x\"")));
        }
    }
}

/* Tables take turns, and texts are keys. */
static void test_tables(void **state) {
    (void)state;
    struct relation_column saved = student_columns[0];
    student_columns[0] =
        (struct relation_column){STR("student_id"), STR("text"), SCALAR_STRING,    KEY_TEXT,
                                 STR(UNAVAILABLE),  FORM_ANY,    .not_null = false};
    forget();
    struct record student = record_of(STUDENT, 1, STR("{\"student_id\":\"a\\n\303\251\"}"),
                                      STR("{\"op\":\"c\",\"after\":{\"student_id\":\"a\\n\303\251\""
                                          ",\"name\":\"n\"}}"));
    student.partition = (int32_t)(((97 * 31 + 10) * 31 + 233) % 8);
    for (int i = 0; i < 3; i++) {
        (void)accept(student);
        (void)accept(contact(KEY9, CREATE("9", "\"x\"")));
    }
    accept_quickly(student, "a\n\303\251|n");
    accept_quickly(contact(KEY9, CREATE("9", "\"x\"")), "7|9|x");
    student.key = STR("{\"student_id\":\"a\\u000a\303\251\"}"); /* the same in other letters */
    assert_string_equal(row_text(accept(student)), "a\n\303\251|n");
    student.key = STR("{\"student_id\":\"a\\r\303\251\"}");
    refuse(ERR_HALT, "differs", student);
    student.key = STR("{\"student_id\":null}"); /* not the empty text */
    student.value = STR("{\"op\":\"c\",\"after\":{\"student_id\":null,\"name\":\"n\"}}");
    student.partition = 0;
    assert_null(accept(student)->key.ptr);
    student_columns[0] = saved;
    forget();
}

/* What a row refers to is part of a key of the state cache, with the row's own. */
static void test_references_too_long(void **state) {
    (void)state;
    static const size_t number[] = {2};
    struct reference by_number = {number, 1};
    struct relation *table = &fixture_tables[CONTACT];
    contact_columns[2].key = KEY_TEXT;
    table->references = &by_number;
    table->reference_count = 1;
    enum { FITS = 511 - 16 - 1 }; /* without the row's key and the NUL */
    char digits[FITS + 2], value[2048];
    memset(digits, '5', sizeof digits);
    teach();
    for (int seen = 0; seen < 2; seen++) {
        (void)snprintf(value, sizeof value,
                       RECORD("null", CONTACT_ROW("9", "\"%.*s\""), "c", "1795349632972495", "33"),
                       FITS, digits);
        (void)accept(contact(KEY9, value));
        (void)snprintf(value, sizeof value,
                       RECORD("null", CONTACT_ROW("9", "\"%.*s\""), "c", "1795349632972495", "33"),
                       FITS + 1, digits);
        refuse(ERR_RECORD,
               "what the row of contact refers to (contact_number) and its own key take 512 bytes "
               "together, more than 511",
               contact(KEY9, value));
        assert_int_equal(scanned.change.key.len, 16); /* the dead letter's */
        accept_quickly(contact(KEY9, CREATE("9", "null")), "7|9|~");
        refuse(ERR_RECORD, "", contact(KEY9, CREATE("9", "\"a\\u0000b\"")));
    }
    contact_columns[2].key = KEY_NONE;
    table->reference_count = 0;
    assert_int_equal(run(contact(KEY9, value)), ERR_NONE); /* of no other table's concern */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_taken),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_references_too_long),
        cmocka_unit_test(test_layouts),
        cmocka_unit_test(test_twice_within),
        cmocka_unit_test(test_wrapped),
        cmocka_unit_test(test_never_alike),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_tables),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
