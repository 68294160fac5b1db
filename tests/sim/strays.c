/* Sink rows that the state does not know: what the rules emit must take them away. */
#include "world.h"

#include <stdlib.h>

static int table_of(const struct schema_target *target, int occurrence) {
    return schema_occurrence(target, occurrence);
}

/* A row of the core occurrence under the join key, or NULL: the nth, counted round. */
static const struct source_row *row_under(const struct world *world,
                                          const struct schema_target *target, int occurrence,
                                          cells_t join, int nth) {
    const struct source_table *rows = world_source(world, table_of(target, occurrence));
    for (int i = 0; i < rows->count; i++) {
        const struct source_row *row = &rows->rows[(nth + i) % rows->count];
        if ((row->cells & target->join) == join) {
            return row;
        }
    }
    return NULL;
}

/* The lookup row of a node below a core row, or NULL. */
static const struct source_row *
looked_up(const struct world *world, const struct schema_target *target,
          const struct source_row *core,
          const struct schema_node *node) { /* NOLINT(misc-no-recursion): up to a core table */
    int above = node->parent - target->core_count;
    const struct source_row *parent =
        above < 0 ? core : looked_up(world, target, core, &target->nodes[above]);
    if (!parent) {
        return NULL;
    }
    cells_t refers =
        schema_referred(target, node, parent->cells | world_references(world, parent->version));
    return refers ? source_find(world, node->table, refers) : NULL;
}

/* The row has all lookup rows that it is joined with INNER. */
static bool is_alive(const struct world *world, const struct schema_target *target, int occurrence,
                     const struct source_row *row) {
    bool alive = true;
    for (int n = 0; n < target->node_count; n++) {
        const struct schema_node *node = &target->nodes[n];
        alive &= node->optional || node->root != occurrence || looked_up(world, target, row, node);
    }
    return alive;
}

static bool has_row(const struct world *world, const struct schema_target *target, int occurrence,
                    cells_t join) {
    const struct source_table *rows = world_source(world, table_of(target, occurrence));
    bool has = target->cores[occurrence].optional;
    for (int i = 0; i < rows->count; i++) {
        const struct source_row *row = &rows->rows[i];
        has |= (row->cells & target->join) == join && is_alive(world, target, occurrence, row);
    }
    return has;
}

/* Every other core occurrence has a row under the join key. */
static bool has_partners(const struct world *world, const struct schema_target *target,
                         int occurrence, cells_t join) {
    bool all = true;
    for (int o = 0; o < target->core_count; o++) {
        all &= o == occurrence || has_row(world, target, o, join);
    }
    return all;
}

/* A node that hangs INNER on the core occurrence by a column of its own, or NULL. */
static const struct schema_node *inner_node(const struct schema_target *target, int occurrence) {
    const struct schema_table *of = schema_table_of(target, occurrence);
    for (int n = 0; n < target->node_count; n++) {
        const struct schema_node *node = &target->nodes[n];
        if (node->parent == occurrence && !node->optional && node->columns[0] >= of->key_count) {
            return node;
        }
    }
    return NULL;
}

/* The row is shown no more: it goes, its lookup row goes, or it refers to one that never was. */
static void hide(struct world *world, const struct schema_target *target, int occurrence,
                 cells_t cells, int version) {
    const int table = table_of(target, occurrence);
    const struct schema_node *node = inner_node(target, occurrence);
    const struct source_row *row = source_find(world, table, cells);
    double x = rng_unit(&world->rng);
    if (node && x < 0.3) {
        source_delete(world, node->table, looked_up(world, target, row, node)->cells);
    } else if (node && x < 0.6) {
        int column = node->columns[0];
        cells_t absent = cell_of(column, world->schema.tables[table].columns[column].values + 1);
        world->references[abs(version)] &= ~cell_of(column, 15);
        world->references[abs(version)] |= absent;
        source_put(world, table, cells, version);
    } else {
        source_delete(world, table, cells);
        if (rng_chance(&world->rng, 0.5)) { /* inserted again, it heals what is there */
            source_put(world, table, cells, version);
        }
    }
}

/* A change of a row of the occurrence that must take away every sink row that shows it; 0: there is
 * none under this join key. */
static cells_t heal(struct world *world, const struct schema_target *target, int occurrence,
                    cells_t join) {
    const int table = table_of(target, occurrence);
    bool partners = has_partners(world, target, occurrence, join);
    const struct schema_table *of = &world->schema.tables[table];
    const struct source_row *found =
        row_under(world, target, occurrence, join, rng_below(&world->rng, 9));
    cells_t cells = found ? found->cells : 0;
    int version = source_new_version(world, table);
    if (found && partners && is_alive(world, target, occurrence, found)) {
        if (target->cores[occurrence].optional && !target->cores[occurrence].adds_key) {
            return 0; /* the row without it is the same sink row: that is written, not deleted */
        }
        hide(world, target, occurrence, cells, version);
    } else if (found) {
        source_put(world, table, cells, version);
        if (partners && is_alive(world, target, occurrence, source_find(world, table, cells))) {
            return 0; /* it refers to what is there, now: it is shown */
        }
    } else if (!partners) {
        cells = schema_primary(of, rng_below(&world->rng, schema_primary_count(of)));
        cells = (cells & ~target->join) | join;
        if (source_find(world, table, cells)) {
            return 0;
        }
        source_put(world, table, cells, version);
    }
    return cells;
}

static cells_t all_of_key(const struct schema_target *target) {
    return ~(cells_t)0 >> (64 - 4 * target->key_count);
}

/* A sink row that shows this row of the occurrence, and of the others none that the source ever
 * had; 0: the others have nothing to show but the join key, and the row is to be there. */
static cells_t stray_key(const struct world *world, const struct schema_target *target,
                         int occurrence, cells_t cells) {
    cells_t others = all_of_key(target) & ~schema_sink_mask(target, occurrence);
    const struct source_row *row = source_find(world, table_of(target, occurrence), cells);
    bool shown = row && is_alive(world, target, occurrence, row) &&
                 has_partners(world, target, occurrence, cells & target->join);
    bool only_row = others == 0 && (shown || target->cores[occurrence].optional);
    return only_row ? 0 : schema_sink_key(target, occurrence, cells) | others;
}

static void add_stray(struct world *world, const struct schema_target *target, cells_t key) {
    struct sink_row *row = sim_sink_add_row(world, target->number, key);
    row->there = true;
    for (int o = 0; o < target->occurrence_count; o++) {
        row->versions[o] = 1;
    }
    world_trace(world, "STRAY row %s", schema_show_sink(target, key));
}

/* Some optional occurrence with a key of its own, but not this one; -1: there is none. */
static int some_optional(struct world *world, const struct schema_target *target, int occurrence) {
    int first = rng_below(&world->rng, target->core_count);
    for (int i = 0; i < target->core_count; i++) {
        int o = (first + i) % target->core_count;
        if (o != occurrence && target->cores[o].adds_key) {
            return o;
        }
    }
    return -1;
}

/* A sink row without a partner in an optional table that has rows there, or with one where it has
 * none: any change of the join key's rows must take it away. */
static void contradict(struct world *world, const struct schema_target *target, int occurrence,
                       cells_t join) {
    const struct source_row *row =
        row_under(world, target, occurrence, join, rng_below(&world->rng, 9));
    int optional = some_optional(world, target, occurrence);
    if (!row || optional < 0) {
        return;
    }
    const int table = table_of(target, occurrence);
    source_put(world, table, row->cells, source_new_version(world, table));
    cells_t own = schema_own_mask(target, optional);
    cells_t key = schema_sink_key(target, occurrence, row->cells) |
                  (all_of_key(target) & ~schema_sink_mask(target, occurrence));
    add_stray(world, target, row_under(world, target, optional, join, 0) ? key & ~own : key);
}

static void add_strays(struct world *world, const struct schema_target *target) {
    for (int i = 0; i < schema_join_count(target) && !world->failure[0]; i++) {
        if (i == 0 || world->schema.has_lookups) {
            world_drain(world); /* a lookup row that goes concerns other join keys, too */
        }
        int occurrence = rng_below(&world->rng, target->core_count);
        cells_t join = schema_join(target, i);
        if (target->has_optional && rng_chance(&world->rng, 0.4)) {
            contradict(world, target, occurrence, join);
            continue;
        }
        cells_t cells = heal(world, target, occurrence, join);
        cells_t key = cells ? stray_key(world, target, occurrence, cells) : 0;
        if (key) {
            add_stray(world, target, key);
        }
    }
}

void world_add_strays(struct world *world) {
    world->stray_now = true;
    for (int i = 0; i < world->schema.target_count; i++) {
        add_strays(world, world_target(world, i));
    }
}
