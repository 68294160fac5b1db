/* model.h: random views with lookups, LEFT JOINs and several targets; random states before and
 * after a batch; what a reader reads of the later one; and their results by nested loops.
 *
 * Owns:    a struct model owns all of its rows' bytes, from model_new to model_free.
 * Limits:  the numbers below.
 */
#ifndef TEST_JOIN_MODEL_H
#define TEST_JOIN_MODEL_H

#include "base/buf.h"
#include "join/join.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define CORES       3
#define LOOKUPS     2 /* relations */
#define RELATIONS   (CORES + LOOKUPS)
#define OCCURRENCES 6 /* of a target: three core ones, three lookups */
#define TARGETS     2
#define PLACES      3 /* values of the join key; also keys of a lookup */
#define IDS         2 /* of a core table's rows under each */
#define CELLS       (PLACES * IDS)
#define ID_STRANGE  2 /* a row that no state knows */
#define ID_NULL     3
#define NO_REF      (-1)

/* Columns: the key (place, id; of a lookup its id), a version, two references. */
static const struct relation_column part = {.name = STR("part"), .key = KEY_BIGINT};
static const struct relation_column version = {.name = STR("version"), .key = KEY_NONE};
static const struct relation_column refers = {.name = STR("refers"), .key = KEY_BIGINT};
static const size_t reference_columns[2][2] = {{2, 3}, {3, 4}}; /* by key_count - 1 */

/* What may be in a table: a row, before and after the batch. */
struct cell {
    int place, id;
    struct version {
        bool there;
        int number, refs[2];
    } before, after;
    bool changed, deleted;
    struct buf key, value; /* of `after` */
    struct str known;      /* value, where the changed row tells it */
};

struct table {
    struct relation_column columns[5];
    struct reference references[2];
    size_t reference_columns[2];
    struct cell cells[CELLS];
    int cell_count;
    bool own; /* has an id beside the place */
};

/* A row of a target: the versions of what it shows, 0: NULL. */
struct shown {
    bool there, stray;
    int versions[OCCURRENCES], upserts;
};

struct result {
    struct shown rows[PLACES][ID_NULL + 1][ID_NULL + 1][ID_NULL + 1];
};

struct model {
    uint64_t seed;
    struct plan plan;
    struct relation relations[RELATIONS];
    struct table tables[RELATIONS];
    struct target targets[TARGETS];
    struct occurrence occurrences[TARGETS][OCCURRENCES];
    struct result sink[TARGETS], wanted[TARGETS];
    int core_count, numbers;
    int checks[RELATIONS][CELLS], nulls[TARGETS][OCCURRENCES][PLACES];
};

static int roll(struct model *model, int sides) {
    model->seed = model->seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (int)((model->seed >> 33) % (unsigned)sides);
}

static bool is_core(const struct model *model, int relation) {
    return relation < model->core_count;
}

/* ---- a random view ---- */

static void make_relation(struct model *model, int r) {
    struct table *table = &model->tables[r];
    const size_t keys = is_core(model, r) && table->own ? 2 : 1;
    for (size_t c = 0; c < keys; c++) {
        table->columns[c] = part;
    }
    table->columns[keys] = version;
    for (size_t i = 0; i < 2; i++) {
        table->columns[keys + 1 + i] = refers;
        table->reference_columns[i] = reference_columns[keys - 1][i];
        table->references[i] = (struct reference){&table->reference_columns[i], 1};
    }
    model->relations[r] = (struct relation){.name = STR("t"),
                                            .role = is_core(model, r) ? ROLE_CORE : ROLE_LOOKUP,
                                            .columns = table->columns,
                                            .column_count = keys + 3,
                                            .key_count = keys,
                                            .placement_count = is_core(model, r),
                                            .references = table->references,
                                            .reference_count = 2};
}

static void make_core(struct model *model, struct target *target, int relation, bool optional) {
    int o = (int)target->occurrence_count++;
    target->core_count++;
    target->occurrences[o] =
        (struct occurrence){.relation = relation,
                            .parent = -1,
                            .reference = -1,
                            .root = o,
                            .optional = optional,
                            .adds_key = optional && model->tables[relation].own};
}

static void make_lookup(struct model *model, struct target *target, int relation) {
    int o = (int)target->occurrence_count++, parent = roll(model, o);
    const struct occurrence *above = &target->occurrences[parent];
    target->occurrences[o] = (struct occurrence){.relation = relation,
                                                 .parent = parent,
                                                 .reference = roll(model, 2),
                                                 .root = above->root,
                                                 .optional = above->optional || roll(model, 2)};
}

/* The second target joins some of the first one's tables, in another order. */
static void make_view(struct model *model) {
    model->core_count = 1 + roll(model, CORES);
    const int lookups = roll(model, LOOKUPS + 1);
    const int targets = 1 + (roll(model, 3) == 0);
    for (int r = 0; r < model->core_count + lookups; r++) {
        model->tables[r].own = roll(model, 3) > 0;
        make_relation(model, r);
    }
    for (int t = 0; t < targets; t++) {
        struct target *target = &model->targets[t];
        target->occurrences = model->occurrences[t];
        target->sql_filter = roll(model, 5) == 0 ? STR("filter") : STR_NONE;
        int cores = t == 0 ? model->core_count : 1 + roll(model, model->core_count);
        for (int i = 0; i < cores; i++) {
            make_core(model, target, t == 0 ? i : cores - 1 - i, i > 0 && roll(model, 2));
        }
        int more = lookups == 0 ? 0 : roll(model, 4 - lookups);
        for (int i = 0; i < (t == 0 ? lookups + more : more); i++) {
            int relation = t == 0 && i < lookups ? i : roll(model, lookups);
            make_lookup(model, target, model->core_count + relation);
        }
    }
    model->plan = (struct plan){.relations = model->relations,
                                .relation_count = (size_t)(model->core_count + lookups),
                                .targets = model->targets,
                                .target_count = (size_t)targets};
}

/* ---- random rows ---- */

static void encode(struct model *model, int r, struct cell *cell) {
    const struct table *table = &model->tables[r];
    char text[5][16];
    struct str values[5];
    size_t n = 0;
    (void)snprintf(text[n++], sizeof text[0], "%d", cell->place);
    if (is_core(model, r) && table->own) {
        (void)snprintf(text[n++], sizeof text[0], "%d", cell->id);
    }
    (void)snprintf(text[n++], sizeof text[0], "%d", cell->after.number);
    for (int i = 0; i < 2; i++) {
        (void)snprintf(text[n++], sizeof text[0], "%d", cell->after.refs[i]);
    }
    for (size_t i = 0; i < n; i++) {
        values[i] = str_from(text[i]);
    }
    for (size_t i = 0; i < 2; i++) {
        values[n - 2 + i] = cell->after.refs[i] == NO_REF ? STR_NONE : values[n - 2 + i];
    }
    assert_int_equal(row_key_encode(&model->relations[r], values, &cell->key, NULL), ERR_NONE);
    row_value_encode(&model->relations[r], values, &cell->value);
}

/* References lead to lookups' rows that are there, that aren't, and nowhere. */
static struct version make_version(struct model *model, int there_in_three) {
    struct version made = {.there = roll(model, 3) < there_in_three, .number = ++model->numbers};
    for (int i = 0; i < 2; i++) {
        made.refs[i] = roll(model, PLACES + 1) - 1;
    }
    return made;
}

static void make_rows(struct model *model) {
    for (int r = 0; r < (int)model->plan.relation_count; r++) {
        struct table *table = &model->tables[r];
        int ids = is_core(model, r) && table->own ? IDS : 1;
        for (int i = 0; i < PLACES * ids; i++) {
            struct cell *cell = &table->cells[table->cell_count++];
            cell->place = i / ids;
            cell->id = i % ids;
            cell->before = cell->after = make_version(model, 2);
            cell->changed = roll(model, 4) == 0;
            if (cell->changed && roll(model, 4) > 0) { /* else it comes again as it was */
                cell->after = make_version(model, roll(model, 3));
            }
            cell->deleted = cell->changed && (!cell->after.there || roll(model, 3) == 0);
            encode(model, r, cell);
        }
    }
}

static void model_clear(struct model *model) {
    for (size_t r = 0; r < RELATIONS; r++) {
        for (size_t i = 0; i < CELLS; i++) {
            buf_clear(&model->tables[r].cells[i].key);
            buf_clear(&model->tables[r].cells[i].value);
        }
    }
}

/* ---- what the join reads ---- */

static struct cell *find_cell(struct model *model, int r, struct str key) {
    for (int i = 0; i < model->tables[r].cell_count; i++) {
        if (str_equal(buf_view(&model->tables[r].cells[i].key), key)) {
            return &model->tables[r].cells[i];
        }
    }
    fail_msg("a key that no row has");
    return NULL;
}

static enum err_kind model_get(void *ctx, int r, struct str key, struct str *ret_value,
                               struct err *reterr) {
    (void)reterr;
    struct model *model = ctx;
    *ret_value = STR_NONE;
    for (int i = 0; i < model->tables[r].cell_count; i++) {
        const struct cell *cell = &model->tables[r].cells[i];
        if (cell->after.there && str_equal(buf_view(&cell->key), key)) {
            *ret_value = buf_view(&cell->value);
        }
    }
    return ERR_NONE;
}

static enum err_kind model_next(void *ctx, int r, struct str prefix, struct str after,
                                struct str *ret_key, struct str *ret_value, struct err *reterr) {
    (void)reterr;
    struct model *model = ctx;
    *ret_key = STR_NONE;
    for (int i = 0; i < model->tables[r].cell_count; i++) {
        const struct cell *cell = &model->tables[r].cells[i];
        struct str key = buf_view(&cell->key);
        if (cell->after.there && str_starts(key, prefix) &&
            (!after.ptr || str_compare(key, after) > 0)) {
            *ret_key = key;
            *ret_value = buf_view(&cell->value);
            return ERR_NONE;
        }
    }
    return ERR_NONE;
}

static enum err_kind model_next_referrer(void *ctx, int r, int reference, struct str referred,
                                         struct str after, struct str *ret_key,
                                         struct err *reterr) {
    (void)reterr;
    struct model *model = ctx;
    *ret_key = STR_NONE;
    assert_int_equal(referred.len, 8);
    for (int i = 0; i < model->tables[r].cell_count; i++) {
        const struct cell *cell = &model->tables[r].cells[i];
        struct str key = buf_view(&cell->key);
        if (cell->after.there && cell->after.refs[reference] == referred.ptr[7] &&
            (!after.ptr || str_compare(key, after) > 0)) {
            *ret_key = key;
            return ERR_NONE;
        }
    }
    return ERR_NONE;
}

static struct row_reader reader_of(struct model *model) {
    return (struct row_reader){model, model_get, model_next, model_next_referrer};
}

/* ---- nested loops ---- */

/* Rows of a target under a place: cells of core occurrences and lookups, NULL where there is none.
 */
struct tuple {
    int place;
    const struct cell *cells[OCCURRENCES];
};

static const struct version *version_of(const struct cell *cell, bool new) {
    return new ? &cell->after : &cell->before;
}

static struct shown *shown_at(struct result *result, const struct target *target,
                              const struct model *model, const struct tuple *tuple) {
    int at[CORES] = {0};
    for (size_t o = 0; o < target->core_count; o++) {
        bool own = model->tables[target->occurrences[o].relation].own;
        at[o] = !own ? 0 : tuple->cells[o] ? tuple->cells[o]->id : ID_NULL;
    }
    return &result->rows[tuple->place][at[0]][at[1]][at[2]];
}

/* The lookups below what is in the tuple. False: an INNER one is missing. asked: by occurrence, the
 * cell that its reference names, there or not. */
static bool look_below(const struct model *model, const struct target *target, bool new,
                       struct tuple *tuple, const struct cell **asked) {
    bool alive = true;
    for (size_t o = target->core_count; o < target->occurrence_count; o++) {
        const struct occurrence *of = &target->occurrences[o];
        const struct cell *parent = tuple->cells[of->parent];
        int ref = parent ? version_of(parent, new)->refs[of->reference] : NO_REF;
        asked[o] = ref == NO_REF ? NULL : &model->tables[of->relation].cells[ref];
        tuple->cells[o] = asked[o] && version_of(asked[o], new)->there ? asked[o] : NULL;
        alive &= tuple->cells[o] || of->optional;
    }
    return alive;
}

static void show(const struct model *model, const struct target *target, bool new,
                 struct tuple *tuple, struct result *result) {
    const struct cell *asked[OCCURRENCES] = {0};
    if (!look_below(model, target, new, tuple, asked)) {
        return;
    }
    struct shown *row = shown_at(result, target, model, tuple);
    assert_false(row->there);
    *row = (struct shown){.there = true};
    for (size_t o = 0; o < target->occurrence_count; o++) {
        row->versions[o] = tuple->cells[o] ? version_of(tuple->cells[o], new)->number : 0;
    }
}

static void loop(const struct model *model, const struct target *target, bool new, size_t o,
                 struct tuple *tuple, struct result *result) {
    if (o == target->core_count) {
        show(model, target, new, tuple, result);
        return;
    }
    const struct table *table = &model->tables[target->occurrences[o].relation];
    bool any = false;
    for (int i = 0; i < table->cell_count; i++) {
        const struct cell *cell = &table->cells[i];
        if (cell->place == tuple->place && version_of(cell, new)->there) {
            any = true;
            tuple->cells[o] = cell;
            loop(model, target, new, o + 1, tuple, result);
        }
    }
    if (!any && target->occurrences[o].optional) {
        tuple->cells[o] = NULL;
        loop(model, target, new, o + 1, tuple, result);
    }
}

static void evaluate(const struct model *model, int target, bool new, struct result *result) {
    for (int place = 0; place < PLACES; place++) {
        struct tuple tuple = {.place = place};
        loop(model, &model->targets[target], new, 0, &tuple, result);
    }
}

static struct model *model_new(uint64_t seed) {
    struct model *model = calloc(1, sizeof *model);
    assert_non_null(model);
    model->seed = seed * 0x9e3779b97f4a7c15ULL;
    make_view(model);
    make_rows(model);
    for (int t = 0; t < (int)model->plan.target_count; t++) {
        evaluate(model, t, true, &model->wanted[t]);
    }
    return model;
}

static void model_free(struct model *model) {
    model_clear(model);
    free(model);
}

#endif
