/* join.h against a naive join: random small states of two and three tables, random changed rows. */
#include "join/join.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define KEYS   3 /* join keys 0..2; each table but the first has rows 0..2 under each */
#define ROUNDS 20000

static struct relation_column parent_columns[] = {
    {STR("id"), STR("bigint"), SCALAR_INTEGER, KEY_BIGINT, {0}, FORM_ANY, .not_null = false},
};
static struct relation_column child_columns[] = {
    {STR("id"), STR("bigint"), SCALAR_INTEGER, KEY_BIGINT, {0}, FORM_ANY, .not_null = false},
    {STR("child"), STR("bigint"), SCALAR_INTEGER, KEY_BIGINT, {0}, FORM_ANY, .not_null = false},
};
static struct relation tables[] = {
    {.name = STR("a"),
     .columns = parent_columns,
     .column_count = 1,
     .key_count = 1,
     .placement_count = 1},
    {.name = STR("b"),
     .columns = child_columns,
     .column_count = 2,
     .key_count = 2,
     .placement_count = 1},
    {.name = STR("c"),
     .columns = child_columns,
     .column_count = 2,
     .key_count = 2,
     .placement_count = 1},
};
/* In the order of tables; pair is of the last two, the other way round. */
static struct occurrence all[] = {{.relation = 0, .parent = -1, .reference = -1, .root = 0},
                                  {.relation = 1, .parent = -1, .reference = -1, .root = 1},
                                  {.relation = 2, .parent = -1, .reference = -1, .root = 2}};
static struct occurrence pair[] = {{.relation = 2, .parent = -1, .reference = -1, .root = 0},
                                   {.relation = 1, .parent = -1, .reference = -1, .root = 1}};

/* A row of the model: is it in the state, is it changed, was it deleted at some point. */
struct cell {
    bool there, changed, deleted;
    char key[16];
    size_t key_len;
    int seen; /* upserts of it in this round */
};

struct model {
    struct plan plan;
    struct target targets[2];
    struct cell cells[3][KEYS][KEYS];
    uint64_t seed;
    struct written {
        int upserts[KEYS][KEYS][KEYS]; /* by join key, child of b, child of c */
        bool deletes[3][KEYS][KEYS];
    } written[2]; /* by target */
    bool checks[3][KEYS][KEYS];
};

static uint32_t roll(struct model *model, uint32_t sides) {
    model->seed = model->seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint32_t)(model->seed >> 33) % sides;
}

static int rows_under(int table) {
    return table == 0 ? 1 : KEYS;
}

/* target_count 2: the second one joins b and c alone. */
static void make(struct model *model, size_t table_count, size_t target_count) {
    model->targets[0] = (struct target){
        .occurrences = all, .occurrence_count = table_count, .core_count = table_count};
    model->targets[1] =
        (struct target){.occurrences = pair, .occurrence_count = 2, .core_count = 2};
    model->plan = (struct plan){.relations = tables,
                                .relation_count = table_count,
                                .targets = model->targets,
                                .target_count = target_count};
    for (int t = 0; t < (int)table_count; t++) {
        for (int k = 0; k < KEYS; k++) {
            for (int i = 0; i < rows_under(t); i++) {
                struct cell *cell = &model->cells[t][k][i];
                *cell = (struct cell){.there = roll(model, 2) == 0, .changed = roll(model, 3) == 0};
                cell->deleted = cell->changed && (!cell->there || roll(model, 3) == 0);
                cell->key[7] = (char)k;
                cell->key[15] = (char)i;
                cell->key_len = t == 0 ? 8 : 16;
            }
        }
    }
}

static enum err_kind model_get(void *ctx, int table, struct str key, struct str *ret_value,
                               struct err *reterr) {
    (void)reterr;
    struct model *model = ctx;
    const struct cell *cell = &model->cells[table][(int)key.ptr[7]][table ? (int)key.ptr[15] : 0];
    *ret_value = cell->there ? (struct str){cell->key, 1} : STR_NONE;
    return ERR_NONE;
}

static enum err_kind model_next(void *ctx, int table, struct str prefix, struct str after,
                                struct str *ret_key, struct str *ret_value, struct err *reterr) {
    (void)reterr;
    struct model *model = ctx;
    *ret_key = STR_NONE;
    for (int k = 0; k < KEYS; k++) {
        for (int i = 0; i < rows_under(table); i++) {
            const struct cell *cell = &model->cells[table][k][i];
            struct str key = {cell->key, cell->key_len};
            if (cell->there && str_starts(key, prefix) &&
                (!after.ptr || str_compare(key, after) > 0)) {
                *ret_key = key;
                *ret_value = (struct str){cell->key, 1};
                return ERR_NONE;
            }
        }
    }
    return ERR_NONE;
}

/* Whether the table is in the target. */
static bool joins(const struct model *model, int target, int table) {
    return target == 1 ? table > 0 : table < (int)model->plan.relation_count;
}

static void take_upsert(struct model *model, const struct row_op *op) {
    const struct target *target = &model->targets[op->target];
    int at[3] = {0, 0, 0}, k = op->rows[0].key.ptr[7];
    for (size_t o = 0; o < target->occurrence_count; o++) {
        int table = target->occurrences[o].relation;
        assert_int_equal(op->rows[o].key.ptr[7], k);
        at[table] = table ? op->rows[o].key.ptr[15] : 0;
    }
    model->written[op->target].upserts[k][at[1]][at[2]]++;
}

static void take(struct model *model, const struct row_op *op) {
    if (op->kind == ROW_OP_UPSERT) {
        take_upsert(model, op);
        return;
    }
    int k = op->row.key.ptr[7], i = op->table ? op->row.key.ptr[15] : 0;
    bool deletes = op->kind == ROW_OP_DELETE;
    if (deletes) {
        assert_int_equal(model->targets[op->target].occurrences[op->occurrence].relation,
                         op->table);
    }
    bool *seen = deletes ? &model->written[op->target].deletes[op->table][k][i]
                         : &model->checks[op->table][k][i];
    assert_false(*seen);
    *seen = true;
}

static bool has_partner(const struct model *model, int target, int table, int k) {
    for (int t = 0; t < (int)model->plan.relation_count; t++) {
        bool any = t == table || !joins(model, target, t);
        for (int i = 0; i < rows_under(t) && !any; i++) {
            any = model->cells[t][k][i].there;
        }
        if (!any) {
            return false;
        }
    }
    return true;
}

/* Deletes and checks are exactly those of rule 5. */
static void expect_row(const struct model *model, int t, int k, int i) {
    const struct cell *cell = &model->cells[t][k][i];
    bool everywhere = true;
    for (int target = 0; target < (int)model->plan.target_count; target++) {
        bool partner = has_partner(model, target, t, k);
        bool deleted = cell->deleted || !cell->there || !partner;
        assert_int_equal(model->written[target].deletes[t][k][i],
                         cell->changed && joins(model, target, t) && deleted);
        everywhere &= partner || !joins(model, target, t);
    }
    assert_int_equal(model->checks[t][k][i], cell->changed && cell->there && !everywhere);
}

/* Each sink row with a changed row in it comes once, no other comes. */
static void expect_combinations(const struct model *model, int target, int k, bool every) {
    for (int b = 0; b < (joins(model, target, 1) ? KEYS : 1); b++) {
        for (int c = 0; c < (joins(model, target, 2) ? KEYS : 1); c++) {
            const struct cell *rows[] = {&model->cells[0][k][0], &model->cells[1][k][b],
                                         &model->cells[2][k][c]};
            bool there = true, changed = every;
            for (int t = 0; t < 3; t++) {
                there &= rows[t]->there || !joins(model, target, t);
                changed |= rows[t]->changed && joins(model, target, t);
            }
            assert_int_equal(model->written[target].upserts[k][b][c], there && changed);
        }
    }
}

static size_t list_changed_rows(struct model *model, struct changed_row *list) {
    size_t count = 0;
    for (int t = (int)model->plan.relation_count - 1; t >= 0; t--) {
        for (int k = 0; k < KEYS; k++) {
            for (int i = 0; i < rows_under(t); i++) {
                struct cell *cell = &model->cells[t][k][i];
                if (cell->changed) {
                    list[count++] =
                        (struct changed_row){t, {cell->key, cell->key_len}, cell->deleted, NULL};
                }
            }
        }
    }
    return count;
}

static void run_to_end(struct model *model, struct join *join) {
    enum row_op_kind last = ROW_OP_DELETE;
    for (;;) {
        struct row_op op;
        struct err err;
        size_t looks = SIZE_MAX;
        assert_int_equal(join_next(join, &looks, &op, &err), ERR_NONE);
        if (op.kind == ROW_OP_END) {
            break;
        }
        assert_true(op.kind >= last); /* deletes, then checks, then upserts */
        last = op.kind;
        take(model, &op);
    }
}

static void play(struct model *model, struct join *join, bool every) {
    struct changed_row list[3 * KEYS * KEYS];
    struct row_reader reader = {.ctx = model, .get = model_get, .next = model_next};
    if (every) {
        for (int target = 0; target < (int)model->plan.target_count; target++) {
            join_begin_all(join, reader, target);
            run_to_end(model, join);
        }
    } else {
        join_begin(join, reader, list, list_changed_rows(model, list));
        run_to_end(model, join);
    }
    for (int k = 0; k < KEYS; k++) {
        for (int t = 0; t < (int)model->plan.relation_count && !every; t++) {
            for (int i = 0; i < rows_under(t); i++) {
                expect_row(model, t, k, i);
            }
        }
        for (int target = 0; target < (int)model->plan.target_count; target++) {
            expect_combinations(model, target, k, every);
        }
    }
}

static void play_rounds(size_t table_count, size_t target_count, bool every) {
    for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
        struct model model = {.seed = seed * 0x9e3779b97f4a7c15ULL};
        make(&model, table_count, target_count);
        struct join *join = join_new(&model.plan);
        play(&model, join, every);
        join_destroy(&join);
    }
}

static void test_two_tables(void **state) {
    (void)state;
    play_rounds(2, 1, false);
}

static void test_three_tables(void **state) {
    (void)state;
    play_rounds(3, 1, false);
}

static void test_two_targets(void **state) {
    (void)state;
    play_rounds(3, 2, false);
}

static void test_all_rows(void **state) {
    (void)state;
    play_rounds(2, 1, true);
    play_rounds(3, 1, true);
    play_rounds(3, 2, true);
}

static void test_partners_everywhere(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
        struct model model = {.seed = seed * 0x9e3779b97f4a7c15ULL};
        make(&model, 3, 2);
        struct join *join = join_new(&model.plan);
        join_begin_questions(
            join, (struct row_reader){.ctx = &model, .get = model_get, .next = model_next});
        for (int t = 0; t < 3; t++) {
            const struct cell *cell = &model.cells[t][1][0];
            bool has = false, wanted = has_partner(&model, 0, t, 1);
            struct err err;
            struct row_ref row = {{cell->key, cell->key_len}, {cell->key, 1}};
            assert_int_equal(join_is_written(join, t, row, &has, &err), ERR_NONE);
            assert_int_equal(has, wanted && (t == 0 || has_partner(&model, 1, t, 1)));
        }
        join_destroy(&join);
    }
}

static enum err_kind failing_next(void *ctx, int table, struct str prefix, struct str after,
                                  struct str *ret_key, struct str *ret_value, struct err *reterr) {
    (void)ctx, (void)table, (void)prefix, (void)after, (void)ret_key, (void)ret_value;
    return err_set(reterr, ERR_CACHE, "damaged");
}

static void test_reader_errors_pass(void **state) {
    (void)state;
    struct model model = {.seed = 7};
    make(&model, 2, 1);
    struct join *join = join_new(&model.plan);
    join_begin_all(join, (struct row_reader){.ctx = &model, .get = model_get, .next = failing_next},
                   0);
    struct row_op op;
    struct err err;
    size_t looks = SIZE_MAX;
    assert_int_equal(join_next(join, &looks, &op, &err), ERR_CACHE);
    join_destroy(&join);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_tables),          cmocka_unit_test(test_three_tables),
        cmocka_unit_test(test_two_targets),         cmocka_unit_test(test_all_rows),
        cmocka_unit_test(test_partners_everywhere), cmocka_unit_test(test_reader_errors_pass),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
