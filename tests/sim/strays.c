/* Sink rows that the state does not know: what the rules emit must take them away. */
#include "world.h"

#include <stdlib.h>

/* A row of the table under the join key, or NULL: the nth, counted round. */
static const struct source_row *row_under(const struct world *world, int table, cells_t join,
                                          int nth) {
    const struct source_table *rows = &world->source[table];
    for (int i = 0; i < rows->count; i++) {
        const struct source_row *row = &rows->rows[(nth + i) % rows->count];
        if ((row->cells & world->schema.join) == join) {
            return row;
        }
    }
    return NULL;
}

/* The lookup row of a node below a core row, or NULL. */
static const struct source_row *
looked_up(const struct world *world, const struct source_row *core,
          const struct schema_node *node) { /* NOLINT(misc-no-recursion): up to a core table */
    int above = node->parent - world->schema.core_count;
    const struct source_row *parent =
        above < 0 ? core : looked_up(world, core, &world->schema.nodes[above]);
    if (!parent) {
        return NULL;
    }
    cells_t refers = schema_referred(&world->schema, node,
                                     parent->cells | world_references(world, parent->version));
    return refers ? source_find(world, node->table, refers) : NULL;
}

/* The row has all lookup rows that it is joined with INNER. */
static bool is_alive(const struct world *world, int table, const struct source_row *row) {
    bool alive = true;
    for (int n = 0; n < world->schema.node_count; n++) {
        const struct schema_node *node = &world->schema.nodes[n];
        alive &= node->optional || node->root != table || looked_up(world, row, node);
    }
    return alive;
}

static bool has_row(const struct world *world, int table, cells_t join) {
    bool has = world->schema.tables[table].optional;
    for (int i = 0; i < world->source[table].count; i++) {
        const struct source_row *row = &world->source[table].rows[i];
        has |= (row->cells & world->schema.join) == join && is_alive(world, table, row);
    }
    return has;
}

/* Every other core table has a row under the join key. */
static bool has_partners(const struct world *world, int table, cells_t join) {
    bool all = true;
    for (int t = 0; t < world->schema.core_count; t++) {
        all &= t == table || has_row(world, t, join);
    }
    return all;
}

/* A node that hangs INNER on the table by a column of its own, or NULL. */
static const struct schema_node *inner_node(const struct world *world, int table) {
    const struct schema_table *of = &world->schema.tables[table];
    for (int n = 0; n < world->schema.node_count; n++) {
        const struct schema_node *node = &world->schema.nodes[n];
        if (node->parent == table && !node->optional && node->columns[0] >= of->key_count) {
            return node;
        }
    }
    return NULL;
}

/* The row is shown no more: it goes, its lookup row goes, or it refers to one that never was. */
static void hide(struct world *world, int table, cells_t cells, int version) {
    const struct schema_node *node = inner_node(world, table);
    const struct source_row *row = source_find(world, table, cells);
    double x = rng_unit(&world->rng);
    if (node && x < 0.3) {
        source_delete(world, node->table, looked_up(world, row, node)->cells);
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

/* A change of a row of the table that must take away every sink row that shows it; 0: there is none
 * under this join key. */
static cells_t heal(struct world *world, int table, cells_t join) {
    bool partners = has_partners(world, table, join);
    const struct schema_table *of = &world->schema.tables[table];
    const struct source_row *found = row_under(world, table, join, rng_below(&world->rng, 9));
    cells_t cells = found ? found->cells : 0;
    int version = source_new_version(world, table);
    if (found && partners && is_alive(world, table, found)) {
        if (of->optional && !of->adds_key) {
            return 0; /* the row without it is the same sink row: that is written, not deleted */
        }
        hide(world, table, cells, version);
    } else if (found) {
        source_put(world, table, cells, version);
        if (partners && is_alive(world, table, source_find(world, table, cells))) {
            return 0; /* it refers to what is there, now: it is shown */
        }
    } else if (!partners) {
        cells = schema_primary(of, rng_below(&world->rng, schema_primary_count(of)));
        cells = (cells & ~world->schema.join) | join;
        if (source_find(world, table, cells)) {
            return 0;
        }
        source_put(world, table, cells, version);
    }
    return cells;
}

/* A sink row that shows this row of the table, and of the others none that the source ever had;
 * 0: the others have nothing to show but the join key, and the row is to be there. */
static cells_t stray_key(const struct world *world, int table, cells_t cells) {
    cells_t all = ~(cells_t)0 >> (64 - 4 * world->schema.key_count);
    cells_t others = all & ~schema_sink_mask(&world->schema, table);
    const struct source_row *row = source_find(world, table, cells);
    bool shown = row && is_alive(world, table, row) &&
                 has_partners(world, table, cells & world->schema.join);
    bool only_row = others == 0 && (shown || world->schema.tables[table].optional);
    return only_row ? 0 : schema_sink_key(&world->schema, table, cells) | others;
}

static void add_stray(struct world *world, cells_t key) {
    struct sink_row *row = sim_sink_add_row(world, key);
    row->there = true;
    for (int o = 0; o < world->schema.occurrence_count; o++) {
        row->versions[o] = 1;
    }
    world_trace(world, "STRAY row %s", schema_show_sink(&world->schema, key));
}

/* Some optional table with a key of its own, but not this one; -1: there is none. */
static int some_optional(struct world *world, int table) {
    int first = rng_below(&world->rng, world->schema.core_count);
    for (int i = 0; i < world->schema.core_count; i++) {
        int t = (first + i) % world->schema.core_count;
        if (t != table && world->schema.tables[t].adds_key) {
            return t;
        }
    }
    return -1;
}

/* A sink row without a partner in an optional table that has rows there, or with one where it has
 * none: any change of the join key's rows must take it away. */
static void contradict(struct world *world, int table, cells_t join) {
    const struct source_row *row = row_under(world, table, join, rng_below(&world->rng, 9));
    int optional = some_optional(world, table);
    if (!row || optional < 0) {
        return;
    }
    source_put(world, table, row->cells, source_new_version(world, table));
    cells_t own = schema_own_mask(&world->schema, optional);
    cells_t all = ~(cells_t)0 >> (64 - 4 * world->schema.key_count);
    cells_t key = schema_sink_key(&world->schema, table, row->cells) |
                  (all & ~schema_sink_mask(&world->schema, table));
    add_stray(world, row_under(world, optional, join, 0) ? key & ~own : key);
}

void world_add_strays(struct world *world) {
    world->stray_now = true;
    for (int i = 0; i < schema_join_count(&world->schema) && !world->failure[0]; i++) {
        if (i == 0 || world->schema.node_count > 0) {
            world_drain(world); /* a lookup row that goes concerns other join keys, too */
        }
        int table = rng_below(&world->rng, world->schema.core_count);
        cells_t join = schema_join(&world->schema, i);
        if (world->schema.has_optional && rng_chance(&world->rng, 0.4)) {
            contradict(world, table, join);
            continue;
        }
        cells_t cells = heal(world, table, join);
        cells_t key = cells ? stray_key(world, table, cells) : 0;
        if (key) {
            add_stray(world, key);
        }
    }
}
