/* Sink rows that the state does not know: what the rules emit must take them away. */
#include "world.h"

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

/* Every other table has a row under the join key. */
static bool has_partners(const struct world *world, int table, cells_t join) {
    bool all = true;
    for (int t = 0; t < world->schema.table_count; t++) {
        all &= t == table || row_under(world, t, join, 0);
    }
    return all;
}

/* A change of a row of the table that must take away every sink row that shows it; 0: there is none
 * under this join key. */
static cells_t heal(struct world *world, int table, cells_t join) {
    bool partners = has_partners(world, table, join);
    const struct schema_table *of = &world->schema.tables[table];
    const struct source_row *found = row_under(world, table, join, rng_below(&world->rng, 9));
    cells_t cells = found ? found->cells : 0;
    int version = source_new_version(world, table);
    if (found && partners) { /* inserted again, it heals what is there */
        source_delete(world, table, cells);
        if (rng_chance(&world->rng, 0.5)) {
            source_put(world, table, cells, version);
        }
    } else if (found) {
        source_put(world, table, cells, version);
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
 * 0: the others have nothing to show but the join key, and all have a row. */
static cells_t stray_key(const struct world *world, int table, cells_t cells) {
    cells_t all = ~(cells_t)0 >> (64 - 4 * world->schema.key_count);
    cells_t others = all & ~schema_sink_mask(&world->schema, table);
    bool only_row = others == 0 && has_partners(world, table, cells & world->schema.join);
    return only_row ? 0 : schema_sink_key(&world->schema, table, cells) | others;
}

void world_add_strays(struct world *world) {
    world->stray_now = true;
    world_drain(world);
    for (int i = 0; i < schema_join_count(&world->schema) && !world->failure[0]; i++) {
        int table = rng_below(&world->rng, world->schema.table_count);
        cells_t cells = heal(world, table, schema_join(&world->schema, i));
        cells_t key = cells ? stray_key(world, table, cells) : 0;
        if (key) {
            struct sink_row *row = sim_sink_add_row(world, key);
            row->there = true;
            for (int t = 0; t < world->schema.table_count; t++) {
                row->versions[t] = 1;
            }
            world_trace(world, "STRAY row %s", schema_show_sink(&world->schema, key));
        }
    }
}
