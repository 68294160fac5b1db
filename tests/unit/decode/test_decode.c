/* decode(): every op, and everything in a log that the design does not stand on. */
#include "fixture.h"

#define SOURCE                                                                                     \
    "\"source\":{\"name\":\"cap\",\"ts_ms\":1795349632972,\"snapshot\":null,"                      \
    "\"ts_us\":1795349632972495}"
#define ROW_TEXT(before, after, op)                                                                \
    "{\"before\":" before ",\"after\":" after "," SOURCE ",\"op\":\"" op "\"}"
#define ROW(before, after, op) STR(ROW_TEXT(before, after, op))

#define KEY7     STR("{\"student_id\":7}")
#define KEY79    STR("{\"student_id\":7,\"contact_id\":9}")
#define STUDENT7 "{\"student_id\":7,\"name\":\"n\"}"
#define CONTACT9 "{\"contact_id\":9,\"student_id\":7,\"contact_number\":\"x\"}"

static struct record student(struct str value) {
    return record_of(STUDENT, 7, KEY7, value);
}
static struct record contact(struct str value) {
    return record_of(CONTACT, 7, KEY79, value);
}

static void check(enum change_op op, const char *row, struct record record) {
    const struct change *change = accept(record);
    assert_int_equal(change->op, op);
    assert_string_equal(row_text(change), row);
    assert_int_equal(change->ts_us, record.value.ptr ? 1795349632972495 : 0);
}

static void test_ops(void **state) {
    (void)state;
    check(CHANGE_CREATE, "7|n", student(ROW("null", STUDENT7, "c")));
    check(CHANGE_UPDATE, "7|n", student(ROW(STUDENT7, STUDENT7, "u")));
    check(CHANGE_READ, "7|n", student(ROW("null", STUDENT7, "r")));
    check(CHANGE_DELETE, "7", student(ROW(STUDENT7, "null", "d")));
    check(CHANGE_CREATE, "7|9|x", contact(ROW("null", CONTACT9, "c")));
    check(CHANGE_UPDATE, "7|9|x", contact(ROW(CONTACT9, CONTACT9, "u")));
    check(CHANGE_DELETE, "7|9", contact(ROW(CONTACT9, "null", "d")));
    assert_null(scanned.change.value.ptr);
    /* `before` is no data: on c, r and as to `after` on d it is not looked at */
    check(CHANGE_CREATE, "7|n", student(ROW("[1]", STUDENT7, "c")));
    check(CHANGE_DELETE, "7", student(ROW(STUDENT7, "5", "d")));
}

#define BLANK(id, student, number)                                                                 \
    "{\"contact_id\":" id ",\"student_id\":" student ",\"contact_number\":" number "}"
#define BLANK_KEY(id, student) STR("{\"student_id\":" student ",\"contact_id\":" id "}")

static uint64_t blank_of(struct str key, struct str value) {
    return accept(record_of(CONTACT, 0, key, value))->blank;
}

/* Rows without content are known again, and told from all others. */
static void test_blanks(void **state) {
    (void)state;
    uint64_t orphan =
        blank_of(BLANK_KEY("9", "null"), ROW("null", BLANK("9", "null", "\"\""), "c"));
    assert_true(orphan != 0);
    assert_int_equal(blank_of(BLANK_KEY("9", "null"), ROW(BLANK("9", "null", "null"), "null", "d")),
                     orphan);
    assert_int_equal(blank_of(BLANK_KEY("9", "null"),
                              ROW(BLANK("9", "null", "\"\""), BLANK("9", "null", "\"\""), "u")),
                     orphan);
    assert_int_equal(blank_of(BLANK_KEY("9", "null"), ROW("null", BLANK("9", "null", "\"\""), "r")),
                     orphan);
    uint64_t zero = blank_of(BLANK_KEY("9", "0"), ROW(BLANK("9", "0", "\"\""), "null", "d"));
    assert_true(zero != 0 && zero != orphan);
    assert_int_equal(blank_of(BLANK_KEY("9", "0"), ROW("null", BLANK("9", "0", "null"), "c")),
                     zero);
    uint64_t other = blank_of(BLANK_KEY("8", "null"), ROW(BLANK("8", "null", "\"\""), "null", "d"));
    assert_true(other != 0 && other != orphan);
    static const char *const full[] = {
        ROW_TEXT(BLANK("9", "null", "\"x\""), "null", "d"),
        ROW_TEXT("null", BLANK("9", "null", "\"x\""), "c"),
        ROW_TEXT(BLANK("9", "null", "[]"), "null", "d"),
    };
    for (size_t i = 0; i < sizeof full / sizeof *full; i++) {
        assert_int_equal(blank_of(BLANK_KEY("9", "null"), (struct str){full[i], strlen(full[i])}),
                         0);
    }
    assert_int_equal(blank_of(BLANK_KEY("9", "8"), ROW(BLANK("9", "8", "null"), "null", "d")), 0);
    /* a join key that is the primary key is whole in any case */
    assert_int_equal(accept(student(ROW("{\"student_id\":7,\"name\":\"\"}", "null", "d")))->blank,
                     0);
}

/* The rows of a lookup table are placed by nothing: its one partition has them all. */
static void test_lookup(void **state) {
    (void)state;
    struct relation *table = &fixture_tables[STUDENT], core = *table;
    table->role = ROLE_LOOKUP;
    table->partition_count = 1;
    table->placement_count = 0;
    check(CHANGE_CREATE, "7|n", record_of(STUDENT, 0, KEY7, ROW("null", STUDENT7, "c")));
    check(CHANGE_UPDATE, "7|n", record_of(STUDENT, 0, KEY7, ROW(STUDENT7, STUDENT7, "u")));
    check(CHANGE_DELETE, "7", record_of(STUDENT, 0, KEY7, ROW(STUDENT7, "null", "d")));
    check(CHANGE_DELETE, "7", record_of(STUDENT, 0, KEY7, STR_NONE));
    refuse(ERR_RECORD, "is null",
           record_of(STUDENT, 0, STR("{\"student_id\":null}"),
                     ROW("null", "{\"student_id\":null,\"name\":\"n\"}", "c")));
    refuse(ERR_HALT, "must not name this table",
           record_of(STUDENT, 0, KEY7, ROW("{\"student_id\":8,\"name\":\"n\"}", STUDENT7, "u")));
    *table = core;
    check(CHANGE_CREATE, "7|n", student(ROW("null", STUDENT7, "c")));
}

/* All of one partition: each record says whose it is, read or not. */
static void test_filtered(void **state) {
    (void)state;
    struct relation *table = &fixture_tables[STUDENT], core = *table;
    table->filtered = true;
    table->partition_count = 1;
    table->primary_key_count = 1;
    check(CHANGE_CREATE, "7|n", record_of(STUDENT, 0, KEY7, ROW("null", STUDENT7, "c")));
    assert_int_equal(scanned.change.task, 7);
    check(CHANGE_DELETE, "7", record_of(STUDENT, 0, KEY7, ROW(STUDENT7, "null", "d")));
    assert_int_equal(scanned.change.task, 7);
    check(CHANGE_DELETE, "7", record_of(STUDENT, 0, KEY7, STR_NONE));
    assert_int_equal(scanned.change.task, 7);
    refuse(ERR_RECORD, "no op", record_of(STUDENT, 0, KEY7, STR("{}")));
    assert_int_equal(scanned.change.task, 7);
    refuse(ERR_RECORD, "no op", record_of(STUDENT, 0, STR("{}"), STR("{}")));
    assert_int_equal(scanned.change.task, TASK_UNKNOWN);
    refuse(ERR_HALT, "must not name this table",
           record_of(STUDENT, 0, KEY7, ROW("{\"student_id\":8,\"name\":\"n\"}", STUDENT7, "u")));
    *table = core;
    check(CHANGE_CREATE, "7|n", student(ROW("null", STUDENT7, "c")));
}

static void test_other_ops(void **state) {
    (void)state;
    struct record truncate = student(ROW("null", "null", "t"));
    refuse(ERR_HALT, "truncated", truncate);
    assert_non_null(strstr(scanned.err.message, "skipped.operations"));
    truncate.key = STR_NONE;
    refuse(ERR_HALT, "truncated", truncate);
    refuse(ERR_RECORD, "op m", student(STR("{\"op\":\"m\",\"message\":{}}")));
    refuse(ERR_RECORD, "op is none of", student(ROW("null", STUDENT7, "x")));
    refuse(ERR_RECORD, "no op", student(ROW("null", STUDENT7, "cc")));
    refuse(ERR_RECORD, "no op", student(ROW("null", STUDENT7, "")));
    refuse(ERR_RECORD, "no op", student(STR("{\"op\":1,\"after\":" STUDENT7 "}")));
    refuse(ERR_RECORD, "no op", student(STR("{\"op\":null,\"after\":" STUDENT7 "}")));
    refuse(ERR_RECORD, "no op", student(STR("{}")));
    refuse(ERR_RECORD, "no op", student(STR("{\"ts_ms\":1}")));
}

static void test_tombstones(void **state) {
    (void)state;
    struct record record = contact(STR_NONE);
    check(CHANGE_DELETE, "7|9", record);
    record.key = STR("{\"schema\":{},\"payload\":{\"contact_id\":9,\"student_id\":7}}");
    check(CHANGE_DELETE, "7|9", record);
    static const char *const nulls[] = {"null", " null\n", "{\"schema\":null,\"payload\":null}"};
    for (size_t i = 0; i < 3; i++) {
        record.value = str_from(nulls[i]);
        const struct change *change = accept(record);
        assert_int_equal(change->op, CHANGE_DELETE);
        assert_string_equal(row_text(change), "7|9");
        assert_int_equal(change->ts_us, 0);
    }
    record.partition = 3; /* where the producer's own hash put it */
    assert_null(accept(record)->key.ptr);
    record.key = STR("{\"student_id\":null,\"contact_id\":9}");
    assert_null(accept(record)->key.ptr);
    record.key = STR_NONE;
    refuse(ERR_RECORD, "no key", record);
    record.key = STR("{\"contact_id\":9}");
    refuse(ERR_HALT, "message.key.columns", record);
    record.key = STR("{\"student_id\":7,\"contact_id\":null}");
    refuse(ERR_RECORD, "contact_id is null", record);
}

static void test_replica_identity(void **state) {
    (void)state;
    refuse(ERR_HALT, "REPLICA IDENTITY FULL", student(ROW("null", STUDENT7, "u")));
    refuse(ERR_HALT, "REPLICA IDENTITY of public.student", student(ROW("null", "null", "d")));
    refuse(ERR_HALT, "REPLICA IDENTITY", student(STR("{\"op\":\"d\"}")));
    refuse(ERR_RECORD, "without `after`", student(ROW(STUDENT7, "null", "u")));
    refuse(ERR_RECORD, "without `after`", student(ROW("null", "null", "c")));
    refuse(ERR_RECORD, "without `after`", student(STR("{\"op\":\"r\"}")));
    /* DEFAULT: a NOT NULL column outside the primary key is filled with 0 */
    struct record zero =
        contact(ROW("{\"contact_id\":9,\"student_id\":0,\"contact_number\":\"\"}", "null", "d"));
    refuse(ERR_HALT, "column student_id differs between the record's key and `before`", zero);
    zero.partition = 0;
    refuse(ERR_HALT, "REPLICA IDENTITY FULL", zero);
}

static void test_record_key(void **state) {
    (void)state;
    struct record record = contact(ROW("null", CONTACT9, "c"));
    static const char *const same[] = {
        "{\"contact_id\":9,\"student_id\":7}",
        " { \"student_id\" : 7 , \"more\":[\"}\"], \"contact_id\" : 9 } ",
        "{\"schema\":{\"type\":\"struct\"},\"payload\":{\"student_id\":7,\"contact_id\":9}}",
        "{\"student\\u005fid\":7,\"contact_id\":9}",
    };
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        record.key = str_from(same[i]);
        check(CHANGE_CREATE, "7|9|x", record);
    }
    record.key = STR("{\"contact_id\":9}");
    refuse(ERR_HALT, "message.key.columns", record);
    assert_null(scanned.change.key.ptr);
    record.key = STR("{\"student_id\":7,\"contact_id\":8}");
    refuse(ERR_HALT, "column contact_id differs", record);
    record.key = STR("{\"student_id\":7,\"contact_id\":9,\"contact_id\":9}");
    refuse(ERR_RECORD, "the key is not JSON that can be used: a member comes twice", record);
    record.key = STR("{\"student_id\":7,\"student_id\":7}");
    refuse(ERR_RECORD, "the key is not JSON that can be used: a member comes twice", record);
    static const char *const bad[] = {"",     "7", "[7,9]",
                                      "null", "{", "{\"student_id\":7,\"contact_"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        record.key = str_from(bad[i]);
        refuse(ERR_RECORD, "the key", record);
        assert_null(scanned.change.key.ptr);
    }
    record.key = STR("{\"student_id\":\"7\",\"contact_id\":9}");
    refuse(ERR_RECORD, "column student_id in the key: a string instead of an integer", record);
    record.key = STR_NONE;
    refuse(ERR_RECORD, "no key", record);
}

static void test_null_join_key(void **state) {
    (void)state;
#define ORPHAN "{\"contact_id\":9,\"student_id\":null,\"contact_number\":\"x\"}"
    struct record record = contact(ROW("null", ORPHAN, "c"));
    record.key = STR("{\"student_id\":null,\"contact_id\":9}");
    assert_null(accept(record)->key.ptr);
    record.partition = 2; /* routed by its key: any partition */
    record.value = ROW(ORPHAN, ORPHAN, "u");
    assert_null(accept(record)->key.ptr);
    record.value = ROW(ORPHAN, "null", "d");
    assert_null(accept(record)->key.ptr);
    record.key = STR("{\"student_id\":0,\"contact_id\":9}"); /* replace.null.with.default */
    assert_null(accept(record)->key.ptr);
    refuse(ERR_HALT, "message.key.columns", contact(ROW(ORPHAN, CONTACT9, "u")));
    refuse(ERR_HALT, "message.key.columns", contact(ROW(CONTACT9, ORPHAN, "u")));
    record =
        contact(ROW("null", "{\"contact_id\":null,\"student_id\":7,\"contact_number\":\"\"}", "c"));
    record.key = STR("{\"student_id\":7,\"contact_id\":null}");
    refuse(ERR_RECORD, "primary key column contact_id is null", record);
}

static void test_key_change_as_update(void **state) {
    (void)state;
    struct record record =
        contact(ROW("{\"contact_id\":9,\"student_id\":6,\"contact_number\":\"x\"}", CONTACT9, "u"));
    refuse(ERR_HALT, "message.key.columns", record);
    record.value =
        ROW("{\"contact_id\":8,\"student_id\":7,\"contact_number\":\"x\"}", CONTACT9, "u");
    refuse(ERR_HALT, "key column contact_id", record);
    assert_string_equal(row_text(&scanned.change), "7|9");
}

static void test_partition(void **state) {
    (void)state;
    struct record record = student(ROW("null", STUDENT7, "c"));
    record.partition = 3;
    refuse(ERR_HALT, "belongs to partition 7, it came in partition 3 of topic cap.public.student",
           record);
    assert_non_null(strstr(scanned.err.message, "partition.payload.fields"));
    assert_non_null(strstr(scanned.err.message, "partition.topic.num"));
    assert_non_null(strstr(scanned.err.message, "partition.hash.function"));
    record.value = ROW(STUDENT7, "null", "d");
    refuse(ERR_HALT, "N = 8", record);
}

static void test_columns(void **state) {
    (void)state;
    refuse(ERR_HALT, "column name is missing from `after` in topic cap.public.student",
           student(ROW("null", "{\"student_id\":7}", "c")));
    refuse(ERR_HALT, "column student_id is missing", student(ROW("null", "{\"name\":\"n\"}", "c")));
    refuse(ERR_HALT, "column student_id is missing from `before`",
           student(ROW("{\"name\":\"n\"}", STUDENT7, "u")));
    check(CHANGE_DELETE, "7", student(ROW("{\"student_id\":7}", "null", "d")));
    check(CHANGE_CREATE, "7|~", student(ROW("null", "{\"student_id\":7,\"name\":null}", "c")));
    check(CHANGE_CREATE, "7|",
          student(ROW("null", "{\"new\":[{}],\"student_id\":7,\"name\":\"\"}", "c")));
    static const char *const images[] = {"[]", "\"x\"", "7", "true"};
    for (size_t i = 0; i < 4; i++) {
        char value[256];
        int len = snprintf(value, sizeof value, "{\"op\":\"c\",\"after\":%s}", images[i]);
        refuse(ERR_RECORD, "`after` is not an object", student((struct str){value, (size_t)len}));
    }
    struct str unavailable = ROW("null", "{\"student_id\":7,\"name\":\"" UNAVAILABLE "\"}", "c");
    refuse(ERR_HALT, "REPLICA IDENTITY FULL", student(unavailable));
    /* Debezium's own default is a text like any other */
    assert_string_equal(
        row_text(accept(student(
            ROW("null", "{\"student_id\":7,\"name\":\"__debezium_unavailable_value\"}", "c")))),
        "7|__debezium_unavailable_value");
}

static const char HALTS[] = "";
#define NOW_US "1796000000123456" /* 30 November 2026 */

/* A value in the row of kinds: what it is stored as, or who is named in the refusal. */
static void check_kind(const char *column, const char *json, const char *text) {
    static const char *const names[] = {"b",  "i2", "i4", "i8", "f4", "f8",  "n",
                                        "n2", "t",  "c",  "d",  "ts", "ts3", "tstz",
                                        "u",  "j",  "jb", "ia", "ta", "pt"};
    struct buf value = {0};
    buf_printf(&value,
               "{\"source\":{\"ts_us\":" NOW_US
               "},\"op\":\"c\",\"after\":{\"student_id\":5,\"id\":\"%s\"",
               "00000000-0000-0000-0000-000000000001");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        buf_printf(&value, ",\"%s\":%s", names[i], strcmp(names[i], column) == 0 ? json : "null");
    }
    buf_str(&value, STR("}}"));
    struct record record = record_of(
        KINDS, 5, STR("{\"student_id\":5,\"id\":\"00000000-0000-0000-0000-000000000001\"}"),
        buf_view(&value));
    if (text == HALTS) {
        refuse(ERR_HALT, column, record);
        assert_non_null(strstr(scanned.err.message, "Correct that, then start over"));
        assert_null(strstr(scanned.err.message, "secret"));
        assert_string_equal(row_text(&scanned.change), "5|00000000-0000-0000-0000-000000000001");
    } else if (text) {
        char row[1024] = "5|00000000-0000-0000-0000-000000000001";
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
            size_t len = strlen(row);
            (void)snprintf(row + len, sizeof row - len, "|%s",
                           strcmp(names[i], column) == 0 ? text : "~");
        }
        assert_string_equal(row_text(accept(record)), row);
    } else {
        refuse(ERR_RECORD, "", record);
        assert_string_equal(row_text(&scanned.change), "5|00000000-0000-0000-0000-000000000001");
    }
    buf_clear(&value);
}

static void test_kinds(void **state) {
    (void)state;
    static const struct {
        const char *column, *json, *text; /* text NULL: ERR_RECORD, HALTS: ERR_HALT */
    } cases[] = {
        {"b", "true", "true"},
        {"b", "false", "false"},
        {"b", "1", HALTS},
        {"b", "\"true\"", HALTS},
        {"i8", "9223372036854775807", "9223372036854775807"},
        {"i8", "-9223372036854775808", "-9223372036854775808"},
        {"i8", "9223372036854775808", NULL},
        {"i8", "-9223372036854775809", NULL},
        {"i8", "9007199254740993", "9007199254740993"},
        {"i8", "-0", "0"},
        {"i8", "1.0", HALTS},
        {"i8", "1e2", HALTS},
        {"i8", "\"1\"", HALTS},
        {"i8", "[]", HALTS},
        {"i8", "{}", HALTS},
        {"f8", "0.1", "0.1"},
        {"f8", "3.4028235E38", "3.4028235e+38"},
        {"f8", "1.7976931348623157E308", "1.7976931348623157e+308"},
        {"f8", "4.9E-324", "4.94065645841247e-324"},
        {"f8", "-0.0", "-0"},
        {"f8", "0.30000000000000004", "0.30000000000000004"},
        {"f8", "1", "1"},
        {"f8", "\"NaN\"", "NaN"},
        {"f8", "\"-Infinity\"", "-Infinity"},
        {"f8", "NaN", NULL},
        {"f8", "1e400", NULL},
        {"f8", "true", HALTS},
        {"n", "\"1.10\"", "1.10"},
        {"n", "1.10", HALTS}, /* decimal.handling.mode is not string: digits would be lost */
        {"n", "{\"scale\":2,\"value\":\"MDk=\"}", HALTS},
        {"t", "\"\"", ""},
        {"t", "\"\\u00e9\\ud83d\\ude00\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
         "\303\251\360\237\230\200\"\\/\b\f\n\r\t"},
        {"t", "\"\\u0000\"", NULL},
        {"t", "\"a\\u0000b\"", NULL},
        {"t", "\"\\\\u0000\"", "\\u0000"},
        {"t", "\"\\ud800\"", NULL},
        {"t", "\"\\udc00\\ud800\"", NULL},
        {"t", "\"\\ud83dx\"", NULL},
        {"t", "\"\300\200\"", NULL},
        {"t", "\"\355\240\200\"", NULL},
        {"t", "\"\377\"", NULL},
        {"t", "\"\001\"", NULL},
        {"t", "5", HALTS},
        {"t", "[\"__debezium_unavailable_value\"]", HALTS},
        {"t", "\"__debezium_unavailable_value\"", "__debezium_unavailable_value"},
        {"u", "\"" UNAVAILABLE "\"", HALTS},
        {"i2", "32767", "32767"},
        {"i2", "-32768", "-32768"},
        {"i2", "32768", HALTS},
        {"i4", "-2147483648", "-2147483648"},
        {"i4", "2147483648", HALTS},
        {"n2", "\"-0.5000\"", "-0.5000"},
        {"n2", "\"1234\"", HALTS}, /* base64 of -26588.24 without its point */
        {"ts", "1796000000123", HALTS},
        {"ts", "1728000000000", "1728000000000"}, /* 21 January 1970 */
        {"ts3", NOW_US, HALTS},
        {"tstz", "\"secret\"", HALTS},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check_kind(cases[i].column, cases[i].json, cases[i].text);
    }
}

static void test_no_values_in_messages(void **state) {
    (void)state;
    refuse(ERR_RECORD, "syntax error at byte",
           student(STR("{\"op\":\"c\",\"after\":{\"name\":\"secret\" secret}}")));
    assert_null(strstr(scanned.err.message, "secret"));
    struct record record = student(ROW("null", STUDENT7, "c"));
    record.key = STR("{\"student_id\":secret");
    refuse(ERR_RECORD, "the key is not JSON that can be used", record);
    assert_null(strstr(scanned.err.message, "secret"));
}

/* What a failure leaves: the row that the Kafka key names, for its dead letter. */
static void test_key_of_failure(void **state) {
    (void)state;
    refuse(ERR_RECORD, "", contact(STR("nonsense")));
    assert_string_equal(row_text(&scanned.change), "7|9");
    struct record record = contact(STR("nonsense"));
    record.key = STR("{\"student_id\":null,\"contact_id\":9}");
    refuse(ERR_RECORD, "", record);
    assert_null(scanned.change.key.ptr);
}

static void with_text_key(void (*test)(void)) {
    struct relation_column saved = student_columns[0];
    student_columns[0] =
        (struct relation_column){STR("student_id"), STR("text"), SCALAR_STRING,    KEY_TEXT,
                                 STR_NONE,          FORM_ANY,    .not_null = false};
    test();
    student_columns[0] = saved;
}

static void check_long_key(void) {
    char key[1024], value[1024], name[600];
    memset(name, 'k', sizeof name);
    int key_len = snprintf(key, sizeof key, "{\"student_id\":\"%.*s\"}", 600, name);
    int len =
        snprintf(value, sizeof value,
                 "{\"op\":\"c\",\"after\":{\"student_id\":\"%.*s\",\"name\":\"\"}}", 600, name);
    refuse(ERR_RECORD, "",
           record_of(STUDENT, 0, (struct str){key, (size_t)key_len},
                     (struct str){value, (size_t)len}));
    assert_null(scanned.change.key.ptr);
}

static void test_long_key(void **state) {
    (void)state;
    with_text_key(check_long_key);
}

static void check_empty_key(void) {
#define EMPTY "{\"student_id\":\"\",\"name\":\"n\"}"
#define NONE  "{\"student_id\":null,\"name\":\"n\"}"
    struct record record =
        record_of(STUDENT, 0, STR("{\"student_id\":\"\"}"), ROW(EMPTY, EMPTY, "u"));
    assert_string_equal(row_text(accept(record)), "|n");
    record.value = ROW(NONE, EMPTY, "u");
    refuse(ERR_HALT, "message.key.columns", record);
    record.value = ROW(EMPTY, NONE, "u");
    refuse(ERR_HALT, "message.key.columns", record);
    record.value = ROW("null", EMPTY, "c");
    record.key = STR("{\"student_id\":null}");
    refuse(ERR_HALT, "column student_id differs", record);
}

/* NULL is not the empty text, though both are 0 bytes long. */
static void test_empty_key(void **state) {
    (void)state;
    with_text_key(check_empty_key);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ops),
        cmocka_unit_test(test_blanks),
        cmocka_unit_test(test_lookup),
        cmocka_unit_test(test_filtered),
        cmocka_unit_test(test_other_ops),
        cmocka_unit_test(test_tombstones),
        cmocka_unit_test(test_replica_identity),
        cmocka_unit_test(test_record_key),
        cmocka_unit_test(test_null_join_key),
        cmocka_unit_test(test_key_change_as_update),
        cmocka_unit_test(test_partition),
        cmocka_unit_test(test_columns),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_no_values_in_messages),
        cmocka_unit_test(test_key_of_failure),
        cmocka_unit_test(test_long_key),
        cmocka_unit_test(test_empty_key),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
