/* plan.h: the paths of targets that are joined on what places their rows. */
#include "plan/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void expect_lookup(const struct lookup *lookup, int occurrence, size_t column_count) {
    assert_int_equal(lookup->occurrence, occurrence);
    assert_int_equal(lookup->index, 0);
    assert_false(lookup->optional);
    assert_int_equal(lookup->column_count, column_count);
    for (size_t c = 0; c < column_count; c++) {
        assert_int_equal(lookup->columns[c], c);
    }
}

static void test_paths(void **state) {
    (void)state;
    struct relation_column columns[4] = {{.key = KEY_BIGINT}, {.key = KEY_TEXT}};
    struct relation relations[] = {{.columns = columns, .key_count = 2, .placement_count = 2},
                                   {.columns = columns, .key_count = 3, .placement_count = 2},
                                   {.columns = columns, .key_count = 4, .placement_count = 2}};
    /* The second target has one table twice, in another order. */
    struct occurrence first[] = {{.relation = 0}, {.relation = 1}, {.relation = 2}},
                      second[] = {{.relation = 2}, {.relation = 2}};
    struct target targets[] = {{.occurrences = first, .occurrence_count = 3},
                               {.occurrences = second, .occurrence_count = 2}};
    struct plan plan = {
        .relations = relations, .relation_count = 3, .targets = targets, .target_count = 2};
    plan_join_on_placement(&plan);
    for (size_t r = 0; r < 3; r++) {
        assert_int_equal(relations[r].index_count, 1);
        assert_int_equal(relations[r].indexes[0].column_count, relations[r].key_count);
        for (size_t c = 0; c < relations[r].key_count; c++) {
            assert_int_equal(relations[r].indexes[0].columns[c], c);
        }
    }
    for (int o = 0; o < 3; o++) {
        assert_int_equal(first[o].path.lookup_count, 2);
        expect_lookup(&first[o].path.lookups[0], o == 0 ? 1 : 0, 2);
        expect_lookup(&first[o].path.lookups[1], o == 2 ? 1 : 2, 2);
    }
    for (int o = 0; o < 2; o++) {
        assert_int_equal(second[o].path.lookup_count, 1);
        expect_lookup(&second[o].path.lookups[0], 1 - o, 2);
    }
    assert_ptr_equal(occurrence_relation(&plan, &targets[1], 0), &relations[2]);
    arena_clear(&plan.arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
