/* Schemas that a seed draws. */
#include "schema_draw.h"

#include <assert.h>

/* What the product can keep; a new kind of table is one line. */
static const struct schema_kind kinds[] = {
    {PART_ALL, 0},                  /* one row under each join key */
    {PART_NONE, 1},                 /* rows that move between join keys */
    {PART_NONE, 2}, {PART_ALL, 1},  /* numbered under their join key */
    {PART_ALL, 2},  {PART_SOME, 0}, /* only with several join columns; else as PART_ALL */
    {PART_SOME, 1},
};

#define OWN_MAX        2
#define REFERENCES_MAX 8
#define ROWS_UNDER_ONE                                                                             \
    24 /* sink rows under one join key, where every table has all its rows there */

static const struct names {
    const char *table, *joins[SCHEMA_JOINS_MAX], *own[OWN_MAX], *value, *references[REFERENCES_MAX];
} names[SCHEMA_TABLES_MAX] = {
#define NAMES(t)                                                                                   \
    {                                                                                              \
        t, {t "_j0", t "_j1", t "_j2"}, {t "_o0", t "_o1"}, t "_v", {                              \
            t "_r0", t "_r1", t "_r2", t "_r3", t "_r4", t "_r5", t "_r6", t "_r7"                 \
        }                                                                                          \
    }
    NAMES("a"), NAMES("b"), NAMES("c"), NAMES("d"), NAMES("k"), NAMES("l"), NAMES("m"), NAMES("n"),
#undef NAMES
};
static const char *const node_names[SCHEMA_LOOKUPS_MAX] = {"w", "x", "y", "z"};

struct schema_target *schema_draw_target(struct schema_draw *draw, const char *name) {
    draw->target = &draw->schema->targets[draw->schema->target_count++];
    *draw->target = (struct schema_target){.name = name, .tables = draw->schema->tables};
    return draw->target;
}

/* ---- core tables ---- */

/* The first is an integer: FLAW_KEY needs one. */
void schema_draw_joins(struct schema_draw *draw, const struct schema_knobs *knobs, int joins,
                       int most) {
    struct rng *rng = draw->rng;
    draw->joins = 1 + rng_below(rng, joins);
    draw->room = ROWS_UNDER_ONE;
    int count = 1;
    for (int c = draw->joins - 1; c >= 0; c--) {
        draw->types[c] =
            (enum schema_type)rng_below(rng, c == 0 ? SCHEMA_INTEGER + 1 : SCHEMA_UUID + 1);
        draw->values[c] = c == 0 ? schema_pick(rng, knobs->joins) : 1 + rng_below(rng, 2);
        while (draw->values[c] > 1 && count * draw->values[c] > most) {
            draw->values[c]--;
        }
        count *= draw->values[c];
    }
}

static bool in_primary(const struct schema_draw *draw, enum schema_part part, int column) {
    bool some = draw->joins == 1 || column == 0 || (column == 1 && draw->joins > 2);
    return part == PART_ALL || (part == PART_SOME && some);
}

void schema_draw_shared(struct schema_draw *draw, int table, bool optional) {
    struct schema_target *target = draw->target;
    target->cores[target->core_count++] =
        (struct schema_core){.table = table, .optional = optional};
}

void schema_draw_core(struct schema_draw *draw, const struct schema_kind *kind, int rows,
                      bool optional) {
    struct rng *rng = draw->rng;
    const struct names *named = &names[draw->schema->table_count];
    struct schema_table *table = &draw->schema->tables[draw->schema->table_count];
    schema_draw_shared(draw, draw->schema->table_count++, optional);
    rows = rows < draw->room ? rows : draw->room;
    draw->room /= kind->own > 0 ? rows : 1;
    *table = (struct schema_table){.name = named->table, .weight = 1 + rng_below(rng, 5)};
    struct schema_column *column = table->columns;
    for (int c = 0; c < draw->joins; c++) {
        bool primary = in_primary(draw, kind->joins, c);
        *column++ = (struct schema_column){.name = named->joins[c],
                                           .role = SCHEMA_JOIN,
                                           .type = draw->types[c],
                                           .primary = primary,
                                           .nullable = !primary && rng_chance(rng, 0.7),
                                           .values = draw->values[c]};
    }
    for (int c = 0; c < kind->own; c++) {
        int values = kind->own == 1 ? rows : c == 0 ? 1 + (rows > 1) : (rows + 1) / 2;
        *column++ =
            (struct schema_column){.name = named->own[c],
                                   .role = SCHEMA_OWN,
                                   .type = (enum schema_type)rng_below(rng, SCHEMA_UUID + 1),
                                   .primary = true,
                                   .values = values};
    }
}

/* A row with NULL in its join key is in no state: where SQL would show it, there is none. */
static void keep_placed(struct schema *schema, const struct schema_target *target) {
    bool shows = target->core_count == 1;
    for (int o = 0; o < target->core_count; o++) {
        shows |= target->cores[o].optional;
    }
    for (int o = 0; o < target->core_count && shows; o++) {
        struct schema_table *table = &schema->tables[target->cores[o].table];
        for (int c = 0; c < SCHEMA_COLUMNS_MAX && !target->cores[o].optional; c++) {
            table->columns[c].nullable &= table->columns[c].role != SCHEMA_JOIN;
        }
    }
}

/* ---- lookups ---- */

int schema_draw_lookup(struct schema_draw *draw, int key_columns, int rows) {
    int t = draw->schema->table_count++;
    struct schema_table *table = &draw->schema->tables[t];
    *table = (struct schema_table){
        .name = names[t].table, .weight = 1 + rng_below(draw->rng, 4), .lookup = true};
    for (int c = 0; c < key_columns; c++) {
        int types = c == 0 ? SCHEMA_INTEGER + 1 : SCHEMA_UUID + 1;
        table->columns[c] =
            (struct schema_column){.name = names[t].own[c],
                                   .role = SCHEMA_OWN,
                                   .type = (enum schema_type)rng_below(draw->rng, types),
                                   .primary = true,
                                   .values = c == 0 ? rows : 2};
    }
    return t;
}

/* Both roles have the same columns: a lookup's key is of its own. */
static void copy_columns(struct schema *schema, int table) {
    const struct schema_table *from = &schema->tables[table];
    if (from->twin == 0) {
        return;
    }
    struct schema_table *to = &schema->tables[from->twin - 1];
    const struct schema_table *core = from->lookup ? to : from;
    enum schema_role roles[SCHEMA_COLUMNS_MAX];
    for (int c = 0; c < SCHEMA_COLUMNS_MAX; c++) {
        bool join = core->columns[c].role == SCHEMA_JOIN;
        roles[c] = !join ? from->columns[c].role : to->lookup ? SCHEMA_OWN : SCHEMA_JOIN;
    }
    memcpy(to->columns, from->columns, sizeof to->columns);
    for (int c = 0; c < SCHEMA_COLUMNS_MAX; c++) {
        to->columns[c].role = roles[c];
    }
}

int schema_draw_twin(struct schema_draw *draw) {
    struct schema *schema = draw->schema;
    const int core = schema->table_count - 1, lookup = schema->table_count++;
    struct schema_table *table = &schema->tables[core];
    schema->tables[lookup] = (struct schema_table){
        .name = table->name, .weight = table->weight, .lookup = true, .twin = core + 1};
    table->filtered = true;
    table->twin = lookup + 1;
    table->weight = 0; /* its rows are the lookup's */
    copy_columns(schema, core);
    return lookup;
}

static int column_end(const struct schema_table *table) {
    int end = 0;
    while (table->columns[end].role != SCHEMA_NONE) {
        end++;
        assert(end < SCHEMA_COLUMNS_MAX);
    }
    return end;
}

static int join_end(const struct schema_table *table) {
    int end = 0;
    while (table->columns[end].role == SCHEMA_JOIN) {
        end++;
    }
    return end;
}

static int key_end(const struct schema_table *table) {
    int end = 0;
    while (table->columns[end].role == SCHEMA_JOIN || table->columns[end].role == SCHEMA_OWN) {
        end++;
    }
    return end;
}

/* A column of the parent that can hold the lookup's key column; a new one, if need be. Of join
 * columns one at most, if there are several: joined on all of them, it were a core table. */
static int reference_column(struct schema_draw *draw, int parent, int lookup, int c, bool anew) {
    struct schema_table *table = &draw->schema->tables[parent];
    const struct schema_column *key = &draw->schema->tables[lookup].columns[c];
    const int name = table->lookup && table->twin > 0 ? table->twin - 1 : parent;
    int end = column_end(table);
    assert(end > 0);
    int start = rng_below(draw->rng, end);
    for (int i = 0; i < end && !anew; i++) {
        int at = (start + i) % end;
        bool itself = parent == lookup && at == c;
        bool places = table->columns[at].role == SCHEMA_JOIN && (join_end(table) == 1 || c > 0);
        if (table->columns[at].type == key->type && !itself && !places) {
            return at;
        }
    }
    table->columns[end] =
        (struct schema_column){.name = names[name].references[end - key_end(table)],
                               .role = SCHEMA_REFERENCE,
                               .type = key->type,
                               .nullable = rng_chance(draw->rng, 0.8),
                               .values = key->values};
    copy_columns(draw->schema, parent);
    return end;
}

void schema_draw_node(struct schema_draw *draw, int table, int parent, bool optional, bool anew) {
    struct schema_target *target = draw->target;
    struct schema_node *node = &target->nodes[target->node_count];
    *node = (struct schema_node){.name = node_names[target->node_count],
                                 .table = table,
                                 .parent = parent,
                                 .optional = optional || schema_is_optional(target, parent)};
    int count = key_end(&draw->schema->tables[table]);
    for (int c = 0; c < count; c++) {
        bool again = false;
        do {
            node->columns[c] =
                reference_column(draw, schema_occurrence(target, parent), table, c, anew || again);
            again = c > 0 && node->columns[c] == node->columns[0];
        } while (again);
    }
    target->node_count++;
}

/* ---- the view ---- */

/* FROM a JOIN b ON a.. = b.. JOIN c ON (a or b).. = c..: whichever preserved table before it. */
static void draw_equals(struct schema_draw *draw) {
    struct schema_target *target = draw->target;
    for (int o = 1; o < target->core_count; o++) {
        for (int c = 0; c < join_end(schema_table_of(target, 0)); c++) {
            int left = rng_below(draw->rng, o);
            while (target->cores[left].optional) {
                left--;
            }
            target->equals[target->equal_count++] = (struct schema_equal){{left, c}, {o, c}};
        }
    }
}

static void add_output(struct schema_target *target, int occurrence, int column) {
    assert(target->output_count < SCHEMA_OUTPUTS_MAX);
    target->outputs[target->output_count++] = (struct schema_place){occurrence, column};
}

/* An occurrence's columns but for the join columns. */
static void draw_columns(struct schema_draw *draw, int o) {
    struct schema_target *target = draw->target;
    const struct schema_table *table = schema_table_of(target, o);
    for (int c = join_end(table); table->columns[c].role != SCHEMA_NONE; c++) {
        enum schema_role role = table->columns[c].role;
        bool must = role == SCHEMA_VALUE || (!table->lookup && role == SCHEMA_OWN);
        bool may = !target->hides[o] || role == SCHEMA_OWN;
        if (may && (must || rng_chance(draw->rng, 0.15))) {
            add_output(target, o, c);
        }
    }
}

/* Each join column of some preserved table, now and then of another one, too; all primary keys of
 * core tables and all versions, and some of the rest; in any order. */
static void draw_outputs(struct schema_draw *draw) {
    struct schema_target *target = draw->target;
    for (int c = 0; c < join_end(schema_table_of(target, 0)); c++) {
        int shown = rng_below(draw->rng, target->core_count);
        while (target->cores[shown].optional) {
            shown--;
        }
        for (int o = 0; o < target->core_count; o++) {
            if (o == shown || rng_chance(draw->rng, 0.1)) {
                add_output(target, o, c);
            }
        }
    }
    for (int o = 0; o < target->core_count + target->node_count; o++) {
        draw_columns(draw, o);
    }
    for (int i = target->output_count - 1; i > 0; i--) {
        int other = rng_below(draw->rng, i + 1);
        struct schema_place moved = target->outputs[i];
        target->outputs[i] = target->outputs[other];
        target->outputs[other] = moved;
    }
}

void schema_draw_rest(struct schema_draw *draw) {
    struct schema *schema = draw->schema;
    for (int t = 0; t < schema->table_count; t++) {
        struct schema_table *table = &schema->tables[t];
        if (table->lookup && table->twin > 0) {
            continue;
        }
        table->columns[column_end(table)] = (struct schema_column){
            .name = names[t].value, .role = SCHEMA_VALUE, .type = SCHEMA_TEXT};
        copy_columns(schema, t);
    }
    for (int i = 0; i < schema->target_count; i++) {
        draw->target = &schema->targets[i];
        keep_placed(schema, draw->target);
        draw_equals(draw);
        draw_outputs(draw);
    }
    schema_finish(schema);
}

/* ---- what a seed draws ---- */

void schema_draw_cores(struct schema_draw *draw, const struct schema_knobs *knobs, int count,
                       double optional) {
    static const int most_joins[SCHEMA_CORE_MAX + 1] = {[1] = 6, [2] = 6, [3] = 4, [4] = 2};
    schema_draw_joins(draw, knobs, SCHEMA_JOINS_MAX, most_joins[count]);
    for (int t = 0; t < count; t++) {
        const struct schema_kind *kind = &kinds[rng_below(draw->rng, sizeof kinds / sizeof *kinds)];
        int rows = kind->joins == PART_NONE ? schema_pick(draw->rng, knobs->rows)
                                            : 1 + rng_below(draw->rng, 3);
        bool left = optional > 0 && t > 0 && rng_chance(draw->rng, optional);
        schema_draw_core(draw, kind, rows, left);
    }
}

void schema_random(struct schema *schema, struct rng *rng, const struct schema_knobs *knobs) {
    struct schema_draw draw = {.rng = rng, .schema = schema};
    double x = rng_unit(rng);
    *schema = (struct schema){0};
    (void)schema_draw_target(&draw, "joined");
    schema_draw_cores(&draw, knobs, x < 0.15 ? 1 : x < 0.5 ? 2 : x < 0.8 ? 3 : 4, 0);
    schema_draw_rest(&draw);
}

/* The nth lookup table that there is; -1: there are fewer. */
static int nth_lookup(const struct schema *schema, int nth) {
    for (int t = 0; t < schema->table_count; t++) {
        if (schema->tables[t].lookup && nth-- == 0) {
            return t;
        }
    }
    return -1;
}

void schema_draw_nodes(struct schema_draw *draw, int count) {
    struct schema_target *target = draw->target;
    for (int n = 0; n < count; n++) {
        int lookups = 0, table;
        while (nth_lookup(draw->schema, lookups) >= 0) {
            lookups++;
        }
        if (lookups > 0 && rng_chance(draw->rng, 0.35)) {
            table = nth_lookup(draw->schema, rng_below(draw->rng, lookups));
        } else {
            table = schema_draw_lookup(draw, rng_chance(draw->rng, 0.25) ? 2 : 1,
                                       1 + rng_below(draw->rng, 3));
        }
        schema_draw_node(draw, table, rng_below(draw->rng, target->core_count + n),
                         rng_chance(draw->rng, 0.5), rng_chance(draw->rng, 0.8));
    }
}

void schema_random_view(struct schema *schema, struct rng *rng, const struct schema_knobs *knobs) {
    struct schema_draw draw = {.rng = rng, .schema = schema};
    double x = rng_unit(rng);
    *schema = (struct schema){0};
    struct schema_target *target = schema_draw_target(&draw, "joined");
    target->mixed = rng_chance(rng, 0.5);
    target->filtered = rng_chance(rng, 0.25);
    target->computed = rng_chance(rng, 0.15);
    int count = x < 0.3 ? 1 : x < 0.65 ? 2 : x < 0.9 ? 3 : 4;
    schema_draw_cores(&draw, knobs, count, rng_chance(rng, 0.5) ? 0.5 : 0);
    schema_draw_nodes(&draw, rng_below(rng, SCHEMA_LOOKUPS_MAX + 1));
    schema_draw_rest(&draw);
}
