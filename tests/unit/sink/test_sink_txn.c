/* Row arrays, progress and parts as data. */
#include "sink/txn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct relation tables[] = {{.column_count = 2, .key_count = 1},
                                   {.column_count = 3, .key_count = 2}};
static struct occurrence occurrences[] = {{.relation = 0}, {.relation = 1}};
static struct target target = {
    .occurrences = occurrences, .occurrence_count = 2, .core_count = 2, .input_count = 4};
static const struct plan plan = {
    .relations = tables, .relation_count = 2, .targets = &target, .target_count = 1};

static void test_row_array_gives_back_what_was_added(void **state) {
    (void)state;
    struct row_array rows;
    row_array_init(&rows, 2);
    struct str first[] = {STR("a"), STR_NONE}, second[] = {STR(""), STR("b\0c")};
    row_array_add(&rows, first);
    row_array_add(&rows, second);
    assert_int_equal(rows.row_count, 2);
    size_t position = 0;
    struct str value;
    assert_true(row_array_next(&rows, 0, &position, &value));
    assert_true(str_equal(value, STR("a")));
    assert_true(row_array_next(&rows, 0, &position, &value));
    assert_true(value.ptr && value.len == 0);
    assert_false(row_array_next(&rows, 0, &position, &value));
    position = 0;
    assert_true(row_array_next(&rows, 1, &position, &value));
    assert_null(value.ptr);
    assert_true(row_array_next(&rows, 1, &position, &value));
    assert_true(str_equal(value, STR("b\0c")));
    row_array_reset(&rows);
    position = 0;
    assert_int_equal(rows.row_count, 0);
    assert_false(row_array_next(&rows, 1, &position, &value));
    row_array_clear(&rows);
    row_array_clear(&rows);
}

static void test_progress_equal_sees_every_field(void **state) {
    (void)state;
    struct progress a = {.exists = true,
                         .seq = 7,
                         .has_offsets = true,
                         .offsets = {1, 2, 99},
                         .owner = "me"},
                    b = a;
    b.offsets[2] = 0; /* beyond the tables */
    assert_true(progress_equal(&a, &b, 2));
    b.seq = 8;
    assert_false(progress_equal(&a, &b, 2));
    b = a;
    b.offsets[1] = 3;
    assert_false(progress_equal(&a, &b, 2));
    b = a;
    b.owner[0] = 'x';
    assert_false(progress_equal(&a, &b, 2));
    b = a;
    b.has_offsets = false; /* '{}' is not {1,2}, nor {0,0} */
    assert_false(progress_equal(&a, &b, 2));
    a.has_offsets = false;
    a.offsets[0] = 5;
    assert_true(progress_equal(&a, &b, 2));
    b = (struct progress){0};
    assert_false(progress_equal(&a, &b, 2));
    a.exists = false;
    assert_true(progress_equal(&a, &b, 2));
}

static void test_part_counts_rows_and_dead_letters(void **state) {
    (void)state;
    struct txn_part part;
    txn_part_init(&part, &plan);
    struct str values[] = {STR("1"), STR("2"), STR("3"), STR("4")};
    row_array_add(&part.targets[0].deletes[DELETE_KEY][0], values);
    row_array_add(&part.targets[0].deletes[DELETE_KEY][1], values);
    row_array_add(&part.checks[1], values);
    row_array_add(&part.targets[0].upserts, values);
    assert_int_equal(part.targets[0].deletes[DELETE_KEY][1].column_count, 2);
    assert_int_equal(part.checks[0].column_count, 2);
    for (int64_t i = 0; i < 37; i++) {
        struct dead_letter dead_letter = {.topic = STR("t"), .offset = i, .reason = "r"};
        txn_part_add_dead_letter(&part, &dead_letter);
    }
    assert_int_equal(part.dead_letter_count, 37);
    for (int64_t i = 0; i < 37; i++) {
        assert_int_equal(part.dead_letters[i].offset, i);
    }
    assert_int_equal(txn_part_rows(&part), 41);
    txn_part_reset(&part);
    assert_int_equal(txn_part_rows(&part), 0);
    struct dead_letter dead_letter = {.offset = 99};
    for (int i = 0; i < 5; i++) {
        txn_part_add_dead_letter(&part, &dead_letter);
    }
    assert_int_equal(part.dead_letters[4].offset, 99);
    txn_part_clear(&part);
    txn_part_clear(&part);
}

/* A sink key of three columns, of which the second table has the first and the third. */
static void test_sink_keys(void **state) {
    (void)state;
    static struct target_output outputs[] = {
        {STR("c"), 0}, {STR("b"), 1}, {STR("x"), 2}, {STR("a"), 3}};
    static size_t key_outputs[] = {3, 1, 0}, positions[] = {0, 2};
    static const struct occurrence second = {.relation = 1, .key_positions = positions};
    const struct target keyed = {
        .outputs = outputs, .output_count = 4, .key_outputs = key_outputs, .key_output_count = 3};
    const struct str values[] = {STR("30"), STR(""), STR("x"), STR("1")};
    struct buf key = {0}, text = {0};
    sink_key_append(&keyed, values, &key);
    assert_true(str_equal(buf_view(&key), STR("1\0"
                                              "\0"
                                              "30\0")));
    sink_key_show(&keyed, buf_view(&key), &text);
    assert_true(str_is(buf_view(&text), "a=1 b= c=30"));
    const struct str same[] = {STR("1"), STR("30")}, other[] = {STR("1"), STR("3")},
                     beside[] = {STR("2"), STR("30")};
    assert_true(sink_key_has(&second, 2, buf_view(&key), same));
    assert_false(sink_key_has(&second, 2, buf_view(&key), other));
    assert_false(sink_key_has(&second, 2, buf_view(&key), beside));
    buf_reset(&text);
    sink_key_begin(&second, 2, same, &text); /* not the third: the second of the key is another's */
    assert_true(str_equal(buf_view(&text), STR("1\0")));
    assert_int_equal(sink_key_target(buf_view(&key)), 0);
    struct target third = keyed; /* of all but the first the number is behind the key */
    third.number = 2;
    buf_reset(&key);
    sink_key_append(&third, values, &key);
    assert_true(str_equal(buf_view(&key), STR("1\0"
                                              "\0"
                                              "30\0"
                                              "\2")));
    assert_int_equal(sink_key_target(buf_view(&key)), 2);
    assert_true(sink_key_has(&second, 2, buf_view(&key), same));
    buf_reset(&text);
    sink_key_show(&third, buf_view(&key), &text);
    assert_true(str_is(buf_view(&text), "a=1 b= c=30"));
    buf_clear(&key);
    buf_clear(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_row_array_gives_back_what_was_added),
        cmocka_unit_test(test_progress_equal_sees_every_field),
        cmocka_unit_test(test_part_counts_rows_and_dead_letters),
        cmocka_unit_test(test_sink_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
