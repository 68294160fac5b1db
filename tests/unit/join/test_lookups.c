/* join.h against nested loops: random views with lookups, LEFT JOINs and several targets. The ops,
 * applied to the result before a batch, must give the one after it. */
#include "model.h"

#define ROUNDS 80000 /* with 40,000 a mutation was not seen */

/* ---- the rules, row by row ---- */

/* A core row by itself: whether its INNER lookups are there, and whether it or what it leads to was
 * changed. */
static bool is_alive(const struct model *model, const struct target *target, size_t o,
                     const struct cell *cell, bool *ret_affected) {
    struct tuple tuple = {.cells = {0}};
    const struct cell *asked[OCCURRENCES] = {0};
    bool alive = true;
    tuple.cells[o] = cell;
    (void)look_below(model, target, true, &tuple, asked);
    *ret_affected = cell->changed;
    for (size_t l = target->core_count; l < target->occurrence_count; l++) {
        if (target->occurrences[l].root == (int)o) {
            alive &= tuple.cells[l] || target->occurrences[l].optional;
            *ret_affected |= asked[l] && asked[l]->changed;
        }
    }
    return alive;
}

static bool has_partners(const struct model *model, const struct target *target, size_t o,
                         int place) {
    bool has = true;
    for (size_t other = 0; other < target->core_count; other++) {
        const struct table *table = &model->tables[target->occurrences[other].relation];
        bool there = false, alive = false, ignored;
        for (int i = 0; i < table->cell_count; i++) {
            const struct cell *cell = &table->cells[i];
            if (cell->place == place && cell->after.there) {
                there = true;
                alive |= is_alive(model, target, other, cell, &ignored);
            }
        }
        has &= other == o || (there ? alive : target->occurrences[other].optional);
    }
    return has;
}

/* Whether the row is in some result of the target. */
static bool is_in_result(const struct model *model, const struct target *target, size_t o,
                         const struct cell *cell) {
    bool ignored;
    return is_alive(model, target, o, cell, &ignored) &&
           has_partners(model, target, o, cell->place);
}

static bool in_place(const struct occurrence *occurrence) {
    return occurrence->optional && !occurrence->adds_key;
}

/* Whether the rules delete by this row's key. */
static bool is_deleted(const struct model *model, const struct target *target, size_t o,
                       const struct cell *cell) {
    bool affected = cell->changed;
    bool in_result = cell->after.there ? is_in_result(model, target, o, cell)
                                       : has_partners(model, target, o, cell->place);
    if (cell->after.there) {
        (void)is_alive(model, target, o, cell, &affected);
    }
    if (in_place(&target->occurrences[o])) {
        return affected && !in_result;
    }
    return affected && (cell->deleted || !cell->after.there || !in_result);
}

/* Whether something is written under the place, and whether the occurrence has rows there. */
static bool is_touched(const struct model *model, const struct target *target, int place,
                       bool by_itself) {
    bool touched = false;
    for (size_t o = 0; o < target->core_count; o++) {
        const struct table *table = &model->tables[target->occurrences[o].relation];
        for (int i = 0; i < table->cell_count; i++) {
            const struct cell *cell = &table->cells[i];
            bool affected = cell->changed;
            if (cell->after.there && !by_itself) {
                (void)is_alive(model, target, o, cell, &affected);
            }
            touched |= cell->place == place && affected;
        }
    }
    return touched;
}

static bool has_rows(const struct model *model, const struct target *target, size_t o, int place) {
    const struct table *table = &model->tables[target->occurrences[o].relation];
    bool has = false;
    for (int i = 0; i < table->cell_count; i++) {
        has |= table->cells[i].place == place && table->cells[i].after.there;
    }
    return has;
}

/* Whether the rules delete a row of the sink that no state knows. at: ids by core occurrence. */
static bool is_healed(const struct model *model, const struct target *target, int place,
                      const int *at) {
    bool healed = false;
    for (size_t o = 0; o < target->core_count; o++) {
        const struct occurrence *of = &target->occurrences[o];
        const struct table *table = &model->tables[of->relation];
        for (int i = 0; i < table->cell_count; i++) {
            const struct cell *cell = &table->cells[i];
            healed |= cell->place == place && (!table->own || cell->id == at[o]) &&
                      is_deleted(model, target, o, cell);
        }
        healed |= of->adds_key && is_touched(model, target, place, false) &&
                  has_rows(model, target, o, place) == (at[o] == ID_NULL);
    }
    return healed;
}

/* ---- ops, applied ---- */

static struct cell *row_cell(struct model *model, int r, struct row_ref row) {
    struct cell *cell = find_cell(model, r, row.key);
    assert_true(cell->after.there && row.value.ptr == buf_view(&cell->value).ptr);
    return cell;
}

static void take_upsert(struct model *model, const struct row_op *op) {
    const struct target *target = &model->targets[op->target];
    struct tuple tuple = {.place = -1};
    for (size_t o = 0; o < target->occurrence_count; o++) {
        if (op->rows[o].key.ptr) {
            tuple.cells[o] = row_cell(model, target->occurrences[o].relation, op->rows[o]);
            tuple.place = tuple.place < 0 ? tuple.cells[o]->place : tuple.place;
        } else {
            assert_true(target->occurrences[o].optional);
        }
        assert_true(o >= target->core_count || !tuple.cells[o] ||
                    tuple.cells[o]->place == tuple.place);
    }
    struct shown *row = shown_at(&model->sink[op->target], target, model, &tuple);
    row->there = true;
    row->stray = false;
    assert_int_equal(row->upserts++, 0);
    for (size_t o = 0; o < target->occurrence_count; o++) {
        row->versions[o] = tuple.cells[o] ? tuple.cells[o]->after.number : 0;
    }
}

static void for_each_shown(struct model *model, int target, int place,
                           void (*act)(struct model *, int, int, const int *, struct shown *,
                                       const void *),
                           const void *ctx) {
    for (int a = 0; a <= ID_NULL; a++) {
        for (int b = 0; b <= ID_NULL; b++) {
            for (int c = 0; c <= ID_NULL; c++) {
                act(model, target, place, (int[]){a, b, c},
                    &model->sink[target].rows[place][a][b][c], ctx);
            }
        }
    }
}

static void delete_shown(struct model *model, int target, int place, const int *at,
                         struct shown *row, const void *ctx) {
    (void)place;
    const struct row_op *op = ctx;
    const struct occurrence *of = &model->targets[target].occurrences[op->occurrence];
    const struct table *table = &model->tables[of->relation];
    bool null = at[op->occurrence] == ID_NULL, hit = op->kind == ROW_OP_DELETE_NULL ? null : !null;
    if (op->kind == ROW_OP_DELETE) {
        hit = !table->own || at[op->occurrence] == find_cell(model, of->relation, op->row.key)->id;
    }
    row->there &= !hit;
}

static void take(struct model *model, const struct row_op *op) {
    if (op->kind == ROW_OP_UPSERT) {
        take_upsert(model, op);
        return;
    }
    const struct cell *cell = find_cell(model, op->table, op->row.key);
    if (op->kind == ROW_OP_CHECK) {
        (void)row_cell(model, op->table, op->row);
        model->checks[op->table][cell - model->tables[op->table].cells]++;
        return;
    }
    const struct target *target = &model->targets[op->target];
    const struct occurrence *of = &target->occurrences[op->occurrence];
    if (op->kind == ROW_OP_DELETE) {
        assert_int_equal(of->relation, op->table);
        assert_true(is_deleted(model, target, (size_t)op->occurrence, cell));
    } else {
        assert_true(of->adds_key && is_touched(model, target, cell->place, false));
        assert_int_equal(op->kind == ROW_OP_DELETE_NULL,
                         has_rows(model, target, (size_t)op->occurrence, cell->place));
        model->nulls[op->target][op->occurrence][cell->place]++;
    }
    for_each_shown(model, op->target, cell->place, delete_shown, op);
}

/* Returns how often it paused. */
static size_t run_to_end(struct model *model, struct join *join) {
    enum row_op_kind last = ROW_OP_DELETE;
    const size_t most = roll(model, 2) ? 1 + (size_t)roll(model, 2) : SIZE_MAX;
    size_t looks = most, pauses = 0;
    for (;;) {
        struct row_op op;
        struct err err;
        assert_int_equal(join_next(join, &looks, &op, &err), ERR_NONE);
        if (op.kind == ROW_OP_END) {
            break;
        }
        if (op.kind == ROW_OP_PAUSE) {
            assert_int_equal(looks, 0);
            looks = most;
            pauses++;
            continue;
        }
        assert_true(row_op_deletes(&op) ? row_op_deletes(&(struct row_op){.kind = last})
                                        : op.kind >= last); /* deletes, checks, upserts */
        last = op.kind;
        take(model, &op);
    }
    assert_true(most < SIZE_MAX || pauses == 0);
    return pauses;
}

/* ---- what must come out ---- */

static void forget_stray(struct model *model, int target, int place, const int *at,
                         struct shown *row, const void *ctx) {
    (void)ctx;
    if (row->stray && is_healed(model, &model->targets[target], place, at)) {
        assert_false(row->there);
        row->stray = false;
    }
}

static void expect_equal(struct model *model, int target) {
    for (int place = 0; place < PLACES; place++) {
        for_each_shown(model, target, place, forget_stray, NULL);
    }
    struct shown *have = &model->sink[target].rows[0][0][0][0];
    const struct shown *want = &model->wanted[target].rows[0][0][0][0];
    size_t count = sizeof model->sink[target].rows / sizeof *have;
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(have[i].there, want[i].there || have[i].stray);
        for (size_t o = 0; have[i].there && !have[i].stray && o < OCCURRENCES; o++) {
            assert_int_equal(have[i].versions[o], want[i].versions[o]);
        }
    }
}

/* A row is checked by itself where an upsert may not try it; NULL rows and those with partners
 * exclude each other, once for each place where a core row was changed. */
static void expect_ops(struct model *model) {
    for (int r = 0; r < (int)model->plan.relation_count; r++) {
        for (int i = 0; i < model->tables[r].cell_count; i++) {
            const struct cell *cell = &model->tables[r].cells[i];
            bool checked = !is_core(model, r);
            for (size_t t = 0; t < model->plan.target_count; t++) {
                const struct target *target = &model->targets[t];
                for (size_t o = 0; o < target->core_count; o++) {
                    checked |= target->occurrences[o].relation == r &&
                               (target->sql_filter.ptr || !is_in_result(model, target, o, cell));
                }
            }
            assert_int_equal(model->checks[r][i], cell->changed && cell->after.there && checked);
        }
    }
    for (size_t t = 0; t < model->plan.target_count; t++) {
        const struct target *target = &model->targets[t];
        for (size_t o = 0; o < target->core_count; o++) {
            for (int place = 0; place < PLACES && target->occurrences[o].adds_key; place++) {
                int count = model->nulls[t][o][place];
                if (is_touched(model, target, place, true)) {
                    assert_int_equal(count, 1);
                } else {
                    assert_int_equal(count > 0, is_touched(model, target, place, false));
                }
            }
        }
    }
}

static size_t list_changed(struct model *model, struct changed_row *list, int chunk, int chunks) {
    size_t count = 0;
    int n = 0;
    for (int r = (int)model->plan.relation_count - 1; r >= 0; r--) {
        for (int i = 0; i < model->tables[r].cell_count; i++) {
            struct cell *cell = &model->tables[r].cells[i];
            if (cell->changed && n++ % chunks == chunk) {
                cell->known = cell->after.there ? buf_view(&cell->value) : STR_NONE;
                list[count++] = (struct changed_row){r, buf_view(&cell->key), cell->deleted,
                                                     roll(model, 2) ? &cell->known : NULL};
            }
        }
    }
    return count;
}

static void add_stray(struct model *model, int target) {
    int place = roll(model, PLACES), at[CORES] = {0};
    const struct target *of = &model->targets[target];
    for (size_t o = 0; o < of->core_count; o++) {
        if (model->tables[of->occurrences[o].relation].own) {
            at[o] = roll(model, of->occurrences[o].optional ? ID_NULL + 1 : ID_STRANGE + 1);
        }
    }
    struct shown *row = &model->sink[target].rows[place][at[0]][at[1]][at[2]];
    if (!row->there && !model->wanted[target].rows[place][at[0]][at[1]][at[2]].there) {
        *row = (struct shown){.there = true, .stray = true};
    }
}

/* Rows of the sink that the state does not know are deleted where the rules say so. */
static void test_batches(void **state) {
    (void)state;
    size_t pauses = 0;
    for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
        struct model *model = model_new(seed);
        struct join *join = join_new(&model->plan);
        struct changed_row list[RELATIONS * CELLS];
        for (int t = 0; t < (int)model->plan.target_count; t++) {
            evaluate(model, t, false, &model->sink[t]);
            for (int i = 0; i < 4; i++) {
                add_stray(model, t);
            }
        }
        join_begin(join, reader_of(model), list, list_changed(model, list, 0, 1));
        pauses += run_to_end(model, join);
        for (int t = 0; t < (int)model->plan.target_count; t++) {
            expect_equal(model, t);
        }
        expect_ops(model);
        join_destroy(&join);
        model_free(model);
    }
    assert_true(pauses > ROUNDS / 10);
}

/* A rebuild writes the net effect in chunks, each over the state at the end. */
static void test_chunks(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= ROUNDS / 2; seed++) {
        struct model *model = model_new(seed);
        struct join *join = join_new(&model->plan);
        struct changed_row list[RELATIONS * CELLS];
        for (int t = 0; t < (int)model->plan.target_count; t++) {
            evaluate(model, t, false, &model->sink[t]);
        }
        bool was[RELATIONS][CELLS];
        for (int r = 0; r < RELATIONS; r++) {
            for (int i = 0; i < CELLS; i++) {
                was[r][i] = model->tables[r].cells[i].changed;
            }
        }
        for (int chunk = 0; chunk < 3; chunk++) {
            size_t count = list_changed(model, list, chunk, 3);
            for (int r = 0; r < RELATIONS; r++) { /* the rules are asked about this chunk */
                for (int i = 0; i < CELLS; i++) {
                    model->tables[r].cells[i].changed = false;
                }
            }
            for (size_t i = 0; i < count; i++) {
                find_cell(model, list[i].table, list[i].key)->changed = true;
            }
            for (size_t t = 0; t < TARGETS; t++) {
                struct shown *rows = &model->sink[t].rows[0][0][0][0];
                for (size_t i = 0; i < sizeof model->sink[t].rows / sizeof *rows; i++) {
                    rows[i].upserts = 0;
                }
            }
            join_begin(join, reader_of(model), list, count);
            (void)run_to_end(model, join);
            for (int r = 0; r < RELATIONS; r++) {
                for (int i = 0; i < CELLS; i++) {
                    model->tables[r].cells[i].changed = was[r][i];
                }
            }
        }
        for (int t = 0; t < (int)model->plan.target_count; t++) {
            expect_equal(model, t);
        }
        join_destroy(&join);
        model_free(model);
    }
}

static void test_loads(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= ROUNDS / 2; seed++) {
        struct model *model = model_new(seed);
        struct join *join = join_new(&model->plan);
        for (int t = 0; t < (int)model->plan.target_count; t++) {
            join_begin_all(join, reader_of(model), t);
            (void)run_to_end(model, join);
            expect_equal(model, t);
        }
        join_destroy(&join);
        model_free(model);
    }
}

/* Rows that an initial load may not try. */
static void test_what_a_load_tries(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= ROUNDS / 2; seed++) {
        struct model *model = model_new(seed);
        struct join *join = join_new(&model->plan);
        join_begin_questions(join, reader_of(model));
        for (int r = 0; r < (int)model->plan.relation_count; r++) {
            const struct cell *cell = &model->tables[r].cells[0];
            bool written = false, wanted = is_core(model, r);
            for (size_t t = 0; t < model->plan.target_count; t++) {
                const struct target *target = &model->targets[t];
                for (size_t o = 0; o < target->core_count; o++) {
                    if (target->occurrences[o].relation == r) {
                        wanted &= !target->sql_filter.ptr && is_in_result(model, target, o, cell);
                    }
                }
            }
            struct row_ref row = {buf_view(&cell->key), buf_view(&cell->value)};
            struct err err;
            assert_int_equal(join_is_written(join, r, row, &written, &err), ERR_NONE);
            assert_true(!cell->after.there || written == wanted);
        }
        join_destroy(&join);
        model_free(model);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batches),
        cmocka_unit_test(test_chunks),
        cmocka_unit_test(test_loads),
        cmocka_unit_test(test_what_a_load_tries),
    };
    return cmocka_run_group_tests_name("lookups", tests, NULL, NULL);
}
