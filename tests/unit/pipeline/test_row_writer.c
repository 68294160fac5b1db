/* row_writer.h: encoded rows become values, each occurrence by itself. */
#include "pipeline/row_writer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct relation_column columns[] = {
    {.name = STR("id"), .type = STR("bigint"), .scalar = SCALAR_INTEGER, .key = KEY_BIGINT},
    {.name = STR("nr"), .type = STR("bigint"), .scalar = SCALAR_INTEGER, .key = KEY_BIGINT},
    {.name = STR("text"), .type = STR("text"), .scalar = SCALAR_STRING, .key = KEY_NONE},
};
static struct relation relations[] = {{.name = STR("t"),
                                       .columns = columns,
                                       .column_count = 3,
                                       .key_count = 2,
                                       .placement_count = 1}};
/* One relation at two places of the target. */
static struct occurrence occurrences[] = {{.relation = 0}, {.relation = 0}};
static struct target_input inputs[] = {{0, 0}, {0, 2}, {1, 2}, {1, 1}};
static struct target target = {.occurrences = occurrences,
                               .occurrence_count = 2,
                               .core_count = 2,
                               .inputs = inputs,
                               .input_count = 4};
static const struct plan plan = {
    .relations = relations, .relation_count = 1, .targets = &target, .target_count = 1};

struct row {
    struct buf key, value;
};

static struct row_ref encode(struct row *row, const char *nr, const char *text) {
    struct str values[] = {STR("7"), str_from(nr), str_from(text)};
    buf_reset(&row->key);
    buf_reset(&row->value);
    assert_int_equal(row_key_encode(&relations[0], values, &row->key, NULL), ERR_NONE);
    row_value_encode(&relations[0], values, &row->value);
    return (struct row_ref){buf_view(&row->key), buf_view(&row->value)};
}

static void expect(struct row_writer *writer, const struct row_op *op, const char *a, const char *b,
                   const char *nr) {
    const struct str *values = NULL;
    struct err err;
    assert_int_equal(row_writer_inputs(writer, op, &values, &err), ERR_NONE);
    assert_true(str_is(values[0], "7") && str_is(values[1], a) && str_is(values[2], b) &&
                str_is(values[3], nr));
}

static void test_occurrences(void **state) {
    (void)state;
    struct row rows[3] = {0};
    struct row_ref refs[] = {encode(&rows[0], "1", "one"), encode(&rows[1], "2", "two"),
                             encode(&rows[2], "3", "three")};
    struct row_writer *writer = row_writer_new(&plan);
    struct row_op op = {.kind = ROW_OP_UPSERT, .rows = (struct row_ref[]){refs[0], refs[1]}};
    expect(writer, &op, "one", "two", "2");
    op.rows = (struct row_ref[]){refs[0], refs[2]}; /* the first one is known */
    expect(writer, &op, "one", "three", "3");
    op.rows = (struct row_ref[]){refs[1], refs[1]};
    expect(writer, &op, "two", "two", "2");
    const struct str *values = NULL; /* a row by itself disturbs none of them */
    struct err err;
    assert_int_equal(row_writer_columns(writer, 0, refs[2], &values, &err), ERR_NONE);
    assert_true(str_is(values[2], "three"));
    expect(writer, &op, "two", "two", "2");
    row_writer_destroy(&writer);
    for (size_t i = 0; i < 3; i++) {
        buf_clear(&rows[i].key);
        buf_clear(&rows[i].value);
    }
}

/* An optional occurrence without a row is NULL in all columns, and nothing of it is remembered. */
static void test_no_row(void **state) {
    (void)state;
    struct row rows[2] = {0};
    struct row_writer *writer = row_writer_new(&plan);
    struct row_ref first = encode(&rows[0], "1", "one"), second = encode(&rows[1], "2", "two");
    struct row_op op = {.kind = ROW_OP_UPSERT, .rows = (struct row_ref[]){first, second}};
    expect(writer, &op, "one", "two", "2");
    const struct str *values = NULL;
    struct err err;
    op.rows = (struct row_ref[]){first, {{0}, {0}}};
    assert_int_equal(row_writer_inputs(writer, &op, &values, &err), ERR_NONE);
    assert_true(str_is(values[0], "7") && !values[2].ptr && !values[3].ptr);
    op.rows = (struct row_ref[]){first, second};
    expect(writer, &op, "one", "two", "2");
    row_writer_destroy(&writer);
    for (size_t i = 0; i < 2; i++) {
        buf_clear(&rows[i].key);
        buf_clear(&rows[i].value);
    }
}

static void expect_rows(const struct row_array *rows, const char *first, size_t column_count) {
    struct str value = STR_NONE;
    size_t position = 0;
    assert_int_equal(rows->row_count, first != NULL);
    assert_int_equal(rows->column_count, column_count);
    if (first) {
        assert_true(row_array_next(rows, 0, &position, &value) && str_is(value, first));
    }
}

/* A delete goes to its kind's rows; of NULL rows only by the placement. */
static void test_deletes(void **state) {
    (void)state;
    static const enum row_op_kind kinds[] = {
        [DELETE_KEY] = ROW_OP_DELETE,
        [DELETE_NULL] = ROW_OP_DELETE_NULL,
        [DELETE_MATCHED] = ROW_OP_DELETE_MATCHED,
    };
    struct row row = {0};
    struct row_writer *writer = row_writer_new(&plan);
    struct row_ref ref = encode(&row, "1", "one");
    struct txn_part part;
    txn_part_init(&part, &plan);
    for (int kind = 0; kind < DELETE_KINDS; kind++) {
        struct row_op op = {.kind = kinds[kind], .occurrence = 1, .row = {ref.key, STR_NONE}};
        struct err err;
        txn_part_reset(&part);
        assert_int_equal(row_writer_add(writer, &op, &part, &err), ERR_NONE);
        assert_int_equal(txn_part_rows(&part), 1);
        for (int other = 0; other < DELETE_KINDS; other++) {
            expect_rows(&part.targets[0].deletes[other][1], other == kind ? "7" : NULL,
                        other == DELETE_KEY ? 2 : 1);
        }
    }
    txn_part_clear(&part);
    row_writer_destroy(&writer);
    buf_clear(&row.key);
    buf_clear(&row.value);
}

/* Bytes at the same address are another row once it is told so. */
static void test_forgetting(void **state) {
    (void)state;
    struct row rows[2] = {0};
    struct row_writer *writer = row_writer_new(&plan);
    struct row_ref first = encode(&rows[0], "1", "one"), second = encode(&rows[1], "2", "two");
    struct row_op op = {.kind = ROW_OP_UPSERT, .rows = (struct row_ref[]){first, second}};
    expect(writer, &op, "one", "two", "2");
    rows[0].value.ptr[1] = 'O';
    row_writer_forget(writer);
    expect(writer, &op, "One", "two", "2");
    row_writer_destroy(&writer);
    for (size_t i = 0; i < 2; i++) {
        buf_clear(&rows[i].key);
        buf_clear(&rows[i].value);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_occurrences),
        cmocka_unit_test(test_forgetting),
        cmocka_unit_test(test_no_row),
        cmocka_unit_test(test_deletes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
