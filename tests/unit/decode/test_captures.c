/* decode() on the records of tests/fixtures/captures: what a real connector wrote. */
#include "fixture.h"

#include "decode/scan.h"

#include <stdio.h>

/* Lines as they stand in the file: op, partition, the row, or the key alone for a delete. */
static const char *const students[] = {
    "r 1 1|snapshot row",
    "u 1 1|renamed",
    "d 1 1",
    "r 2 2|quote \" backslash \\ tab\t newline\n unicode \303\251 \342\230\203 \360\237\230\200",
    "d 2 2",
    "c 2 50|quote \" backslash \\ tab\t newline\n unicode \303\251 \342\230\203 \360\237\230\200",
};
static const char *const contacts[] = {
    "c 1 1|1|a",
    "u 1 1|1|a2",
    "d 1 1|1",
    "c 1 1|2|b",
    "d 1 1|2",
    "c 2 2|2|b",
    "c 2 2|1|a2",
    "d 2 2|2",
    "d 2 2|1",
    "c 2 2|900|a2",
    "c 2 50|5|with new column",
    "c 2 50|6|after drop",
    "c 3 none",
    "c 3 99|4|no such student",
    "c 6 none",
    "d 6 none",
};
#define ID "00000000-0000-0000-0000-00000000000"
static const char *const kinds[] = {
    "c 5 5|" ID "1|~|~|~|~|~|~|~|~|~|~|~|~|~|~|~|~|~|~|~|~",
    "c 5 5|" ID "2|true|-32768|2147483647|9223372036854775807|1.5|0.1|"
    "123456789012345678.123456789012|-0.5000|t\\u0041|ab   |20779|1795309323456789|-1|"
    "2026-11-22T01:02:03.456789Z|b68a35a7-17ad-35b3-af2a-ae46edb4545a|{\"a\": 1.0, \"n\":null}|"
    "{\"b\": [1, 2.50]}|{1,NULL,3}|{\"a\",\"b,c\",NULL}|(1,2)",
    "c 5 5|" ID "3|~|~|~|~|NaN|-Infinity|NAN|~|xxxxxxxxxx|~|-2147472692|9223372036825200000|~|"
    "-infinity|~|~|~|~|~|~",
    "c 5 5|" ID "5|~|~|~|~|~|~|~|~|~|~|-735160|-63517780800000000|~|"
    "-0043-03-15T12:00:00.000000Z|~|~|~|~|~|~",
    "d 5 5|" ID "1",
};

struct line {
    int32_t partition;
    struct str key, value;
};

/* The members byte for byte. */
static struct line read_line(char *text) {
    struct line line = {-1, STR_NONE, STR_NONE};
    struct scan scan = scan_start(str_from(text));
    struct str name;
    assert_true(scan_enter(&scan));
    for (size_t i = 0; scan_member(&scan, i, &name) == SCAN_MEMBER; i++) {
        struct scan_value value;
        assert_true(scan_value(&scan, &value));
        if (str_is(name, "partition")) {
            line.partition = (int32_t)strtol(value.text.ptr, NULL, 10);
        } else if (str_is(name, "key")) {
            line.key = value.text;
        } else if (str_is(name, "value")) {
            line.value = value.text;
        }
    }
    return line;
}

static void check_line(int table, struct line line, const char *expected) {
    struct record record = record_of(table, line.partition, line.key, line.value);
    const struct change *change = accept(record);
    char got[8192 + 32];
    (void)snprintf(got, sizeof got, "%c %d %s", change->op, record.partition,
                   change->key.ptr ? row_text(change) : "none");
    assert_string_equal(got, expected);
    assert_true(change->ts_us > 1795349626000000 && change->ts_us < 1795349700000000);
    assert_int_equal(change->snapshot != SNAPSHOT_NONE, change->op == CHANGE_READ);

    char wrapped[16384];
    int len = snprintf(wrapped, sizeof wrapped,
                       "{\"schema\":{\"type\":\"struct\",\"fields\":[]},\"payload\":" STR_FMT "}",
                       STR_ARG(line.value));
    record.value = (struct str){wrapped, (size_t)len};
    (void)accept(record);
    record.partition = (record.partition + 1) % 8;
    if (change->key.ptr) {
        refuse(ERR_HALT, "partition", record);
    } else {
        (void)accept(record);
    }
}

static void check_file(int table, const char *const *expected, size_t count) {
    char path[256], text[16384];
    (void)snprintf(path, sizeof path, SOURCE_DIR "/tests/fixtures/captures/" STR_FMT ".jsonl",
                   STR_ARG(fixture_tables[table].name));
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    size_t lines = 0;
    while (fgets(text, sizeof text, file)) {
        assert_true(lines < count);
        check_line(table, read_line(text), expected[lines]);
        lines++;
    }
    (void)fclose(file);
    assert_int_equal(lines, count);
}

static void test_students(void **state) {
    (void)state;
    check_file(STUDENT, students, sizeof students / sizeof *students);
}
static void test_contacts(void **state) {
    (void)state;
    check_file(CONTACT, contacts, sizeof contacts / sizeof *contacts);
}
static void test_kinds(void **state) {
    (void)state;
    check_file(KINDS, kinds, sizeof kinds / sizeof *kinds);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_students),
        cmocka_unit_test(test_contacts),
        cmocka_unit_test(test_kinds),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
