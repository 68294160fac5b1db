/* Plans: the one that the project ships, and those that a seed draws. */
#include "schema.h"

#include <assert.h>
#include <string.h>

/* ---- what follows ---- */

static void finish_table(struct schema *schema, int t) {
    struct schema_table *table = &schema->tables[t];
    for (int c = 0; c < SCHEMA_COLUMNS_MAX && table->columns[c].role != SCHEMA_NONE; c++) {
        const struct schema_column *column = &table->columns[c];
        table->column_count++;
        table->key_count += column->role != SCHEMA_VALUE;
        table->primary |= column->primary ? cell_of(c, 15) : 0;
    }
}

static int output_of(const struct schema *schema, int table, int column) {
    int at = 0;
    while (schema->outputs[at].table != table || schema->outputs[at].column != column) {
        at++;
        assert(at < schema->output_count);
    }
    return at;
}

/* The first output that shows a join column of any table: they are the first of each. */
static int join_output(const struct schema *schema, int column) {
    int at = 0;
    while (schema->outputs[at].column != column) {
        at++;
        assert(at < schema->output_count);
    }
    return at;
}

static void finish(struct schema *schema) {
    while (schema->tables[0].columns[schema->join_count].role == SCHEMA_JOIN) {
        schema->join |= cell_of(schema->join_count++, 15);
    }
    for (int c = 0; c < schema->join_count; c++) {
        schema->key_outputs[schema->key_count++] = join_output(schema, c);
    }
    for (int t = 0; t < schema->table_count; t++) {
        struct schema_table *table = &schema->tables[t];
        finish_table(schema, t);
        for (int c = 0; c < table->key_count; c++) {
            table->shown[c] = c;
            if (c >= schema->join_count) {
                table->shown[c] = schema->key_count;
                schema->key_outputs[schema->key_count++] = output_of(schema, t, c);
            }
        }
        schema->unique |= table->primary != 0 && (table->primary & schema->join) == 0;
        assert(schema_primary_count(table) <= SCHEMA_ROWS_MAX);
    }
    assert(schema->key_count <= 16);
}

/* ---- the named case ---- */

void schema_shipped(struct schema *schema, struct rng *rng, const struct schema_knobs *knobs) {
    int joins = schema_pick(rng, knobs->joins), rows = schema_pick(rng, knobs->rows);
    *schema = (struct schema){
        .name = "student_contact",
        .tables = {{"student",
                    3,
                    {{"student_id", SCHEMA_JOIN, SCHEMA_BIGINT, true, false, joins},
                     {"name", SCHEMA_VALUE, SCHEMA_TEXT}}},
                   {"contact",
                    5,
                    {{"student_id", SCHEMA_JOIN, SCHEMA_BIGINT, false, true, joins},
                     {"contact_id", SCHEMA_OWN, SCHEMA_BIGINT, true, false, rows},
                     {"contact_number", SCHEMA_VALUE, SCHEMA_TEXT}}}},
        .table_count = 2,
        .equals = {{{0, 0}, {1, 0}}},
        .equal_count = 1,
        .outputs = {{0, 0}, {1, 1}, {0, 1}, {1, 2}},
        .output_count = 4,
    };
    finish(schema);
}

/* ---- what a seed draws ---- */

/* How much of the join key is in a table's primary key, and how many columns it has beside it. What
 * the product can keep; a new kind of table is one line. */
enum part { PART_NONE, PART_SOME, PART_ALL };
static const struct kind {
    enum part joins;
    int own;
} kinds[] = {
    {PART_ALL, 0},                  /* one row under each join key */
    {PART_NONE, 1},                 /* rows that move between join keys */
    {PART_NONE, 2}, {PART_ALL, 1},  /* numbered under their join key */
    {PART_ALL, 2},  {PART_SOME, 0}, /* only with several join columns; else as PART_ALL */
    {PART_SOME, 1},
};

#define JOINS_MAX 3
#define OWN_MAX   2
#define ROWS_UNDER_ONE                                                                             \
    24 /* sink rows under one join key, where every table has all its rows there */

static const struct names {
    const char *table, *joins[JOINS_MAX], *own[OWN_MAX], *value;
} names[SCHEMA_TABLES_MAX] = {
    {"a", {"a_j0", "a_j1", "a_j2"}, {"a_o0", "a_o1"}, "a_v"},
    {"b", {"b_j0", "b_j1", "b_j2"}, {"b_o0", "b_o1"}, "b_v"},
    {"c", {"c_j0", "c_j1", "c_j2"}, {"c_o0", "c_o1"}, "c_v"},
    {"d", {"d_j0", "d_j1", "d_j2"}, {"d_o0", "d_o1"}, "d_v"},
};

/* The join columns' types and values are those of all tables. */
struct draw {
    struct rng *rng;
    int joins;
    enum schema_type types[JOINS_MAX];
    int values[JOINS_MAX];
};

/* The first is an integer: FLAW_KEY needs one. At most so many join keys: rows must meet. */
static void draw_joins(struct draw *draw, const struct schema_knobs *knobs, int most) {
    struct rng *rng = draw->rng;
    draw->joins = 1 + rng_below(rng, JOINS_MAX);
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

static bool in_primary(const struct draw *draw, enum part part, int column) {
    bool some = draw->joins == 1 || column == 0 || (column == 1 && draw->joins > 2);
    return part == PART_ALL || (part == PART_SOME && some);
}

static void draw_table(struct draw *draw, const struct kind *kind, const struct names *named,
                       int rows, struct schema_table *table) {
    struct rng *rng = draw->rng;
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
    *column =
        (struct schema_column){.name = named->value, .role = SCHEMA_VALUE, .type = SCHEMA_TEXT};
}

/* FROM a JOIN b ON a.. = b.. JOIN c ON (a or b).. = c..: whichever table before it. */
static void draw_equals(struct schema *schema, const struct draw *draw) {
    for (int t = 1; t < schema->table_count; t++) {
        for (int c = 0; c < draw->joins; c++) {
            struct schema_place left = {rng_below(draw->rng, t), c}, right = {t, c};
            schema->equals[schema->equal_count++] = (struct schema_equal){left, right};
        }
    }
}

/* Each join column of some table, now and then of another one, too, and all else, in any order. */
static void draw_outputs(struct schema *schema, const struct draw *draw) {
    for (int c = 0; c < draw->joins; c++) {
        int shown = rng_below(draw->rng, schema->table_count);
        for (int t = 0; t < schema->table_count; t++) {
            if (t == shown || rng_chance(draw->rng, 0.1)) {
                schema->outputs[schema->output_count++] = (struct schema_place){t, c};
            }
        }
    }
    for (int t = 0; t < schema->table_count; t++) {
        for (int c = draw->joins; schema->tables[t].columns[c].role != SCHEMA_NONE; c++) {
            schema->outputs[schema->output_count++] = (struct schema_place){t, c};
        }
    }
    for (int i = schema->output_count - 1; i > 0; i--) {
        int other = rng_below(draw->rng, i + 1);
        struct schema_place moved = schema->outputs[i];
        schema->outputs[i] = schema->outputs[other];
        schema->outputs[other] = moved;
    }
}

void schema_random(struct schema *schema, struct rng *rng, const struct schema_knobs *knobs) {
    static const int most_joins[SCHEMA_TABLES_MAX + 1] = {[2] = 6, [3] = 4, [4] = 2};
    double x = rng_unit(rng);
    *schema = (struct schema){.name = "joined", .table_count = x < 0.45 ? 2 : x < 0.8 ? 3 : 4};
    struct draw draw = {.rng = rng};
    draw_joins(&draw, knobs, most_joins[schema->table_count]);
    int room = ROWS_UNDER_ONE;
    for (int t = 0; t < schema->table_count; t++) {
        const struct kind *kind = &kinds[rng_below(rng, sizeof kinds / sizeof *kinds)];
        int rows = kind->joins == PART_NONE ? schema_pick(rng, knobs->rows) : 1 + rng_below(rng, 3);
        rows = rows < room ? rows : room;
        room /= kind->own > 0 ? rows : 1;
        draw_table(&draw, kind, &names[t], rows, &schema->tables[t]);
    }
    draw_equals(schema, &draw);
    draw_outputs(schema, &draw);
    finish(schema);
}
