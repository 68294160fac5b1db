/* Several changes of one row become one. */
#include "pipeline/coalesce.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define ROWS    400
#define TABLES  8
#define CHANGES 8000

static struct change change_of(int table, struct str key, const char *value) {
    return (struct change){.op = value ? CHANGE_UPDATE : CHANGE_DELETE,
                           .table = table,
                           .key = key,
                           .value = value ? str_from(value) : STR_NONE};
}

static void add(struct coalesced *rows, int table, struct str key, const char *value) {
    struct change change = change_of(table, key, value);
    coalesce_add(rows, &change);
}

static void the_last_version_stays(void **state) {
    (void)state;
    struct arena arena = {0};
    struct coalesced rows;
    coalesce_init(&rows, &arena, 4);
    assert_null(coalesce_find(&rows, 0, STR("k")));
    add(&rows, 0, STR("k"), "first");
    assert_true(str_equal(coalesce_find(&rows, 0, STR("k"))->value, STR("first")));
    assert_false(coalesce_find(&rows, 0, STR("k"))->changed.deleted);
    add(&rows, 0, STR("k"), NULL);
    assert_null(coalesce_find(&rows, 0, STR("k"))->value.ptr);
    add(&rows, 0, STR("k"), "last");
    assert_int_equal(rows.count, 1);
    assert_true(str_equal(coalesce_find(&rows, 0, STR("k"))->value, STR("last")));
    assert_true(coalesce_find(&rows, 0, STR("k"))->changed.deleted); /* in between */
    arena_clear(&arena);
}

static void rows_of_other_tables_are_others(void **state) {
    (void)state;
    struct arena arena = {0};
    struct coalesced rows;
    coalesce_init(&rows, &arena, 2);
    add(&rows, 0, STR("k"), "a");
    add(&rows, 1, STR("k"), "b");
    assert_int_equal(rows.count, 2);
    assert_true(str_equal(coalesce_find(&rows, 0, STR("k"))->value, STR("a")));
    assert_true(str_equal(coalesce_find(&rows, 1, STR("k"))->value, STR("b")));
    arena_clear(&arena);
}

static void a_version_can_be_set(void **state) {
    (void)state;
    struct arena arena = {0};
    struct coalesced rows;
    coalesce_init(&rows, &arena, 2);
    add(&rows, 0, STR("k"), "refused");
    coalesce_set(&rows, 0, STR("k"), STR("before it"));
    coalesce_set(&rows, 0, STR("new"), STR_NONE);
    assert_int_equal(rows.count, 2);
    assert_true(str_equal(coalesce_find(&rows, 0, STR("k"))->value, STR("before it")));
    assert_false(coalesce_find(&rows, 0, STR("k"))->changed.deleted);
    assert_null(coalesce_find(&rows, 0, STR("new"))->value.ptr);
    arena_clear(&arena);
}

/* Against an array by number, as full as it may become. */
static void many_rows_in_key_order(void **state) {
    (void)state;
    static char keys[TABLES][ROWS / TABLES][8], values[CHANGES][8];
    static int last[TABLES][ROWS / TABLES];
    static bool deleted[TABLES][ROWS / TABLES];
    struct arena arena = {0};
    struct coalesced rows;
    coalesce_init(&rows, &arena, ROWS);
    uint64_t random = 7;
    for (int i = 1; i <= CHANGES; i++) {
        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        int table = (int)((random >> 33) % TABLES), row = (int)((random >> 40) % (ROWS / TABLES));
        (void)snprintf(keys[table][row], sizeof keys[0][0], "%d", row);
        (void)snprintf(values[i - 1], sizeof values[0], "%d", i);
        bool gone = i % 5 == 0;
        add(&rows, table, str_from(keys[table][row]), gone ? NULL : values[i - 1]);
        last[table][row] = gone ? -1 : i;
        deleted[table][row] |= gone;
    }
    coalesce_sort(&rows);
    assert_int_equal(rows.count, ROWS); /* each was hit */
    for (size_t i = 0; i < rows.count; i++) {
        const struct coalesced_row *row = &rows.rows[i];
        int number = atoi(row->changed.key.ptr), table = row->changed.table;
        assert_true(i == 0 || changed_row_compare(&rows.rows[i - 1], row) < 0);
        assert_int_equal(row->value.ptr ? atoi(row->value.ptr) : -1, last[table][number]);
        assert_int_equal(row->changed.deleted, deleted[table][number]);
    }
    arena_clear(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_version_stays),
        cmocka_unit_test(rows_of_other_tables_are_others),
        cmocka_unit_test(a_version_can_be_set),
        cmocka_unit_test(many_rows_in_key_order),
    };
    return cmocka_run_group_tests_name("coalesce", tests, NULL, NULL);
}
