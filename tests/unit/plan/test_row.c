/* row.h: what goes in comes out, keys sort as their values do, damage is seen. */
#include "plan/row.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define S(literal) STR(literal)

static struct relation_column columns[] = {
    {S("student_id"), S("bigint"), SCALAR_INTEGER, KEY_BIGINT, {0}, FORM_ANY, .not_null = false},
    {S("code"), S("text"), SCALAR_STRING, KEY_TEXT, {0}, FORM_ANY, .not_null = false},
    {S("id"), S("uuid"), SCALAR_STRING, KEY_UUID, {0}, FORM_ANY, .not_null = false},
    {S("nr"), S("smallint"), SCALAR_INTEGER, KEY_INTEGER, {0}, FORM_ANY, .not_null = false},
    {S("name"), S("text"), SCALAR_STRING, KEY_NONE, {0}, FORM_ANY, .not_null = false},
    {S("note"), S("text"), SCALAR_STRING, KEY_NONE, {0}, FORM_ANY, .not_null = false},
};
static struct relation table = {
    .schema = S("public"), .name = S("t"), .columns = columns, .column_count = 6, .key_count = 4};

#define UUID "b68a35a7-17ad-35b3-af2a-ae46edb4545a"

struct row {
    struct buf key, value;
};

static enum err_kind encode(struct row *row, const struct str *values, struct err *err) {
    buf_reset(&row->key);
    buf_reset(&row->value);
    row_value_encode(&table, values, &row->value);
    return row_key_encode(&table, values, &row->key, err);
}

static void row_clear(struct row *row) {
    buf_clear(&row->key);
    buf_clear(&row->value);
}

static void check_round_trip(const struct str *values) {
    struct row row = {0};
    struct err err;
    assert_int_equal(encode(&row, values, &err), ERR_NONE);
    char scratch[4 * ROW_PART_TEXT_MAX];
    struct str got[6];
    assert_int_equal(
        row_decode(&table, buf_view(&row.key), buf_view(&row.value), scratch, got, &err), ERR_NONE);
    for (size_t i = 0; i < 6; i++) {
        assert_true(str_equal(got[i], values[i]));
        assert_int_equal(got[i].ptr == NULL, values[i].ptr == NULL);
    }
    row_clear(&row);
}

static void test_round_trip(void **state) {
    (void)state;
    static char big[70000];
    memset(big, 'x', sizeof big);
    check_round_trip((struct str[]){S("7"), S("a"), S(UUID), S("1"), S("n"), S("m")});
    check_round_trip((struct str[]){S("9223372036854775807"), S(""),
                                    S("00000000-0000-0000-0000-000000000000"), S("-32768"), S(""),
                                    STR_NONE});
    check_round_trip((struct str[]){S("-9223372036854775808"),
                                    S("\xf0\x9f\x98\x80"),
                                    S("ffffffff-ffff-ffff-ffff-ffffffffffff"),
                                    S("2147483647"),
                                    STR_NONE,
                                    {big, sizeof big}});
    check_round_trip(
        (struct str[]){S("0"), S("-"), S(UUID), S("-2147483648"), {big, 126}, {big, 127}});
    check_round_trip((struct str[]){S("-1"), S("\x01"), S(UUID), S("0"), {big, 128}, {big, 16383}});
    /* A value is bytes: a NUL in it is not row.c's business. */
    check_round_trip((struct str[]){S("-10"), S("k"), S(UUID), S("0"), S("a\0b"), S("\xff")});
}

static void test_uuid_upper_case(void **state) {
    (void)state;
    struct row row = {0};
    struct err err;
    struct str values[] = {S("1"), S("a"), S("B68A35A7-17AD-35B3-AF2A-AE46EDB4545A"),
                           S("1"), S(""),  S("")};
    assert_int_equal(encode(&row, values, &err), ERR_NONE);
    char scratch[4 * ROW_PART_TEXT_MAX];
    struct str got[6];
    assert_int_equal(row_decode(&table, buf_view(&row.key), STR_NONE, scratch, got, &err),
                     ERR_NONE);
    assert_true(str_is(got[2], UUID));
    row_clear(&row);
}

/* The keys of the given values of one column must come out in the order given. */
static void check_order(size_t column, const struct str *ordered, size_t count) {
    struct str values[] = {S("5"), S("m"), S(UUID), S("5"), S(""), S("")};
    struct row row = {0}, previous = {0};
    struct err err;
    for (size_t i = 0; i < count; i++) {
        values[column] = ordered[i];
        assert_int_equal(encode(&row, values, &err), ERR_NONE);
        if (i > 0) {
            assert_true(str_compare(buf_view(&previous.key), buf_view(&row.key)) < 0);
        }
        struct row swap = previous;
        previous = row;
        row = swap;
    }
    row_clear(&row);
    row_clear(&previous);
}

static void test_order(void **state) {
    (void)state;
    struct str bigints[] = {S("-9223372036854775808"),
                            S("-4294967296"),
                            S("-1"),
                            S("0"),
                            S("1"),
                            S("255"),
                            S("256"),
                            S("2147483648"),
                            S("9223372036854775807")};
    check_order(0, bigints, sizeof bigints / sizeof *bigints);
    struct str texts[] = {S(""), S("\x01"), S("a"), S("a\x01"), S("aa"), S("b"), S("\xc3\xa9")};
    check_order(1, texts, sizeof texts / sizeof *texts);
    struct str uuids[] = {S("00000000-0000-0000-0000-000000000001"), S(UUID),
                          S("f0000000-0000-0000-0000-000000000000")};
    check_order(2, uuids, sizeof uuids / sizeof *uuids);
    struct str integers[] = {S("-2147483648"), S("-7"), S("0"), S("7"), S("2147483647")};
    check_order(3, integers, sizeof integers / sizeof *integers);
}

static void test_leading_parts_are_a_prefix(void **state) {
    (void)state;
    struct row a = {0}, b = {0}, c = {0};
    struct err err;
    struct str values[] = {S("7"), S("ab"), S(UUID), S("1"), S(""), S("")};
    assert_int_equal(encode(&a, values, &err), ERR_NONE);
    values[3] = S("2");
    values[2] = S("00000000-0000-0000-0000-000000000000");
    assert_int_equal(encode(&b, values, &err), ERR_NONE);
    const size_t prefix = 8 + 3;
    assert_int_equal(row_key_prefix(&table, buf_view(&a.key), 2), prefix);
    assert_int_equal(row_key_prefix(&table, buf_view(&b.key), 2), prefix);
    assert_memory_equal(a.key.ptr, b.key.ptr, prefix);
    /* "a" is no prefix of "ab": the NUL ends it. */
    values[1] = S("a");
    assert_int_equal(encode(&c, values, &err), ERR_NONE);
    assert_false(str_starts(buf_view(&a.key), (struct str){c.key.ptr, prefix - 1}));

    assert_int_equal(row_key_prefix(&table, buf_view(&a.key), 1), 8);
    assert_int_equal(row_key_prefix(&table, buf_view(&a.key), 4), a.key.len);
    assert_int_equal(row_key_prefix(&table, (struct str){a.key.ptr, 7}, 1), 0);
    assert_int_equal(row_key_prefix(&table, (struct str){a.key.ptr, 10}, 2), 0);
    row_clear(&a);
    row_clear(&b);
    row_clear(&c);
}

static void test_key_is_appended(void **state) {
    (void)state;
    struct relation student = table;
    student.key_count = 1;
    student.column_count = 2;
    struct buf key = {0};
    struct err err;
    buf_str(&key, S("before"));
    assert_int_equal(row_key_encode(&student, (struct str[]){S("7")}, &key, &err), ERR_NONE);
    assert_int_equal(key.len, 6 + 8);
    buf_clear(&key);
}

static void check_refused(size_t column, struct str text, const char *message) {
    struct str values[] = {S("7"), S("a"), S(UUID), S("1"), S(""), S("")};
    struct row row = {0};
    struct err err = {0};
    values[column] = text;
    assert_int_equal(encode(&row, values, &err), ERR_RECORD);
    assert_non_null(strstr(err.message, message));
    assert_int_equal(row.key.len, 0);
    row_clear(&row);
}

static void test_refused(void **state) {
    (void)state;
    check_refused(0, S("9223372036854775808"), "t.student_id (bigint): not an integer");
    check_refused(0, S("-9223372036854775809"), "not an integer");
    check_refused(0, S("99999999999999999999"), "not an integer");
    check_refused(0, S(""), "not an integer");
    check_refused(0, S("-"), "not an integer");
    check_refused(0, S("-0"), "not an integer");
    check_refused(0, S("+1"), "not an integer");
    check_refused(0, S("01"), "not an integer");
    check_refused(0, S("1.0"), "not an integer");
    check_refused(0, S("1e3"), "not an integer");
    check_refused(3, S("2147483648"), "t.nr (smallint): integer out of range");
    check_refused(3, S("-2147483649"), "out of range");
    check_refused(2, S(""), "t.id (uuid): not a uuid");
    check_refused(2, S("b68a35a7-17ad-35b3-af2a-ae46edb4545"), "not a uuid");
    check_refused(2, S("b68a35a7017ad-35b3-af2a-ae46edb4545a"), "not a uuid");
    check_refused(2, S("g68a35a7-17ad-35b3-af2a-ae46edb4545a"), "not a uuid");
    check_refused(1, S("a\0b"), "t.code (text): holds a NUL byte");
}

static void test_key_too_long(void **state) {
    (void)state;
    static char text[600];
    memset(text, 'k', sizeof text);
    size_t rest = 8 + 1 + 16 + 8; /* bigint, the NUL, uuid, smallint */
    check_round_trip(
        (struct str[]){S("7"), {text, ROW_KEY_MAX - rest}, S(UUID), S("1"), S(""), S("")});
    check_refused(1, (struct str){text, ROW_KEY_MAX - rest + 1}, "takes 512 bytes, more than 511");
    check_refused(1, (struct str){text, sizeof text}, "longer than a key may be");
}

static void check_damaged(struct str key, struct str value) {
    char scratch[4 * ROW_PART_TEXT_MAX];
    struct str got[6];
    struct err err = {0};
    assert_int_equal(row_decode(&table, key, value, scratch, got, &err), ERR_CACHE);
    assert_int_equal(err.kind, ERR_CACHE);
}

static void test_damaged(void **state) {
    (void)state;
    struct row row = {0};
    struct err err;
    struct str values[] = {S("7"), S("a"), S(UUID), S("1"), S("name"), STR_NONE};
    assert_int_equal(encode(&row, values, &err), ERR_NONE);
    struct str key = buf_view(&row.key), value = buf_view(&row.value);
    for (size_t len = 0; len < key.len; len++) {
        check_damaged((struct str){key.ptr, len}, value);
    }
    for (size_t len = 0; len < value.len; len++) {
        check_damaged(key, (struct str){value.ptr, len});
    }
    buf_append(&row.value, "", 1);
    check_damaged(key, buf_view(&row.value));
    buf_append(&row.key, "", 1);
    check_damaged(buf_view(&row.key), value);
    check_damaged(key, S("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"));
    check_damaged(key, S("\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x00"));
    check_damaged(key, S("\x03"
                         "a"));
    row_clear(&row);
}

static void test_show(void **state) {
    (void)state;
    struct row row = {0};
    struct err err;
    struct str values[] = {S("-7"), S("\xc3\xa9t\xc3\xa9"), S(UUID), S("1"), S("secret"), S("")};
    assert_int_equal(encode(&row, values, &err), ERR_NONE);
    char out[200];
    assert_string_equal(row_key_show(&table, buf_view(&row.key), out, sizeof out),
                        "student_id=-7 code=\xc3\xa9t\xc3\xa9 id=" UUID " nr=1");
    /* Cut to size, between characters. */
    assert_string_equal(row_key_show(&table, buf_view(&row.key), out, 10), "student_i");
    assert_string_equal(row_key_show(&table, buf_view(&row.key), out, 21), "student_id=-7 code=");
    assert_string_equal(row_key_show(&table, buf_view(&row.key), out, 22),
                        "student_id=-7 code=\xc3\xa9");
    assert_string_equal(row_key_show(&table, buf_view(&row.key), out, 1), "");
    assert_string_equal(row_key_show(&table, (struct str){row.key.ptr, 8}, out, sizeof out),
                        "student_id=-7");
    row_clear(&row);
}

/* ---- references ---- */

enum { REFERRING_COLUMNS = 7, REFERRING_KEY = 2, NULLABLE = 5 };

/* Two columns of the key, then those that may be NULL. */
static struct relation_column referring_columns[REFERRING_COLUMNS] = {
    {S("k"), S("bigint"), SCALAR_INTEGER, KEY_BIGINT, {0}, FORM_ANY, .not_null = true},
    {S("code"), S("text"), SCALAR_STRING, KEY_TEXT, {0}, FORM_ANY, .not_null = true},
    {S("a"), S("integer"), SCALAR_INTEGER, KEY_INTEGER, {0}, FORM_ANY, .not_null = false},
    {S("name"), S("text"), SCALAR_STRING, KEY_NONE, {0}, FORM_ANY, .not_null = false},
    {S("b"), S("text"), SCALAR_STRING, KEY_TEXT, {0}, FORM_ANY, .not_null = false},
    {S("c"), S("uuid"), SCALAR_STRING, KEY_UUID, {0}, FORM_ANY, .not_null = false},
    {S("d"), S("bigint"), SCALAR_INTEGER, KEY_BIGINT, {0}, FORM_ANY, .not_null = false},
};
static struct reference references[] = {
    {(const size_t[]){2}, 1},          {(const size_t[]){6}, 1},
    {(const size_t[]){0}, 1},          {(const size_t[]){1}, 1},
    {(const size_t[]){2, 4, 6}, 3},    {(const size_t[]){6, 4, 2}, 3},
    {(const size_t[]){1, 5, 0, 4}, 4}, {(const size_t[]){4, 4}, 2},
};
enum { REFERENCE_COUNT = sizeof references / sizeof references[0] };
static struct relation referring = {
    .schema = S("public"),
    .name = S("r"),
    .columns = referring_columns,
    .column_count = REFERRING_COLUMNS,
    .key_count = REFERRING_KEY,
    .references = references,
    .reference_count = REFERENCE_COUNT,
};

/* The key of a row whose key columns are the reference's, with its values; false: one is NULL. */
static bool referred_key(const struct reference *reference, const struct str *values,
                         struct buf *key) {
    struct relation_column key_columns[4];
    struct str key_values[4];
    struct relation to = {.name = S("to"), .columns = key_columns};
    for (size_t i = 0; i < reference->column_count; i++) {
        key_columns[i] = referring_columns[reference->columns[i]];
        key_values[i] = values[reference->columns[i]];
        if (!key_values[i].ptr) {
            return false;
        }
    }
    to.column_count = to.key_count = reference->column_count;
    struct err err;
    assert_int_equal(row_key_encode(&to, key_values, key, &err), ERR_NONE);
    return true;
}

/* A row's reference is the key of what it refers to, by whatever columns, with NULL anywhere. */
static void test_references(void **state) {
    (void)state;
    struct buf key = {0}, value = {0}, expected = {0}, got = {0};
    struct err err;
    for (unsigned nulls = 0; nulls < 1U << NULLABLE; nulls++) {
        struct str values[] = {S("-7"), S("x"), S("3"), S("Anna"), S(""), S(UUID), S("99")};
        for (size_t i = 0; i < NULLABLE; i++) {
            values[REFERRING_KEY + i] = nulls >> i & 1 ? STR_NONE : values[REFERRING_KEY + i];
        }
        buf_reset(&key);
        buf_reset(&value);
        assert_int_equal(row_key_encode(&referring, values, &key, &err), ERR_NONE);
        row_value_encode(&referring, values, &value);
        for (size_t r = 0; r < REFERENCE_COUNT; r++) {
            buf_reset(&expected);
            buf_reset(&got);
            buf_str(&expected, S("stays"));
            buf_str(&got, S("stays"));
            struct buf to = {0};
            bool should = referred_key(&references[r], values, &to), has = !should;
            buf_str(&expected, should ? buf_view(&to) : S(""));
            assert_int_equal(
                row_reference(&referring, r, buf_view(&key), buf_view(&value), &got, &has, &err),
                ERR_NONE);
            assert_int_equal(has, should);
            assert_true(str_equal(buf_view(&got), buf_view(&expected)));
            buf_clear(&to);
        }
    }
    buf_clear(&key);
    buf_clear(&value);
    buf_clear(&expected);
    buf_clear(&got);
}

static void test_references_of_damaged_rows(void **state) {
    (void)state;
    struct buf key = {0}, value = {0}, got = {0};
    struct err err;
    bool has;
    struct str values[] = {S("-7"), S("x"), S("3"), S("Anna"), S(""), S(UUID), S("99")};
    assert_int_equal(row_key_encode(&referring, values, &key, &err), ERR_NONE);
    row_value_encode(&referring, values, &value);
    for (size_t len = 0; len < value.len; len++) {
        assert_int_equal(row_reference(&referring, 1, buf_view(&key), (struct str){value.ptr, len},
                                       &got, &has, &err),
                         ERR_CACHE);
    }
    for (size_t len = 0; len < key.len; len++) {
        assert_int_equal(row_reference(&referring, 3, (struct str){key.ptr, len}, buf_view(&value),
                                       &got, &has, &err),
                         ERR_CACHE);
    }
    assert_int_equal(got.len, 0);
    buf_clear(&key);
    buf_clear(&value);
    buf_clear(&got);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_uuid_upper_case),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_leading_parts_are_a_prefix),
        cmocka_unit_test(test_key_is_appended),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_key_too_long),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_show),
        cmocka_unit_test(test_references),
        cmocka_unit_test(test_references_of_damaged_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
