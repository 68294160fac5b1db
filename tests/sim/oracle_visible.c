/* What must be true of every row at any moment, and of rows that are written: its parts are
 * versions that were, those of lookups of the rows that the versions beside them refer to; and none
 * is older than the task's offsets. */
#include "world.h"

#include "base/safeguard.h"

/* One row that is looked at, by offsets of its task: at or behind them its parts must be. */
struct look {
    struct world *world;
    int32_t task;
    const struct sink_row *row;
    const int64_t *offsets;
    const char *what;
};

/* Whether the table's row (0: there is none) was at this version at some prefix of the log that is
 * not shorter than the offsets say. What a dead letter put aside counts as what it keeps, or not at
 * all; of what was compacted away a reader knows nothing. What a rebuild found to be refused is
 * already gone when its dead letter comes, with the last transaction. */
static bool was_at(const struct look *look, int table, cells_t cells, int version) {
    const struct topic_log *log = world_log(look->world, table, look->task);
    for (int64_t i = log->count; i-- > 0;) {
        const struct entry *entry = &log->entries[i];
        if (entry->cells != cells || !entry->names_row) {
            continue;
        }
        const struct stored_dead_letter *dead_letter =
            entry->flaw == FLAW_NONE ? NULL
                                     : sim_sink_dead_letter(look->world, table, look->task, i);
        int then = dead_letter ? oracle_kept_version(dead_letter) : entry->version;
        bool found = entry->flaw != FLAW_NONE && !dead_letter && version == 0;
        if (then == version || found) {
            return true;
        }
        if (i < look->offsets[table] && !dead_letter && entry->kept && entry->version >= 0) {
            return false;
        }
    }
    return version == 0;
}

static const struct schema_target *target_of(const struct look *look) {
    return world_target(look->world, look->row->target);
}

static void fail(const struct look *look, int occurrence, const char *how) {
    const struct schema_target *target = target_of(look);
    world_fail(look->world, "O2: the row %s that %s holds v%d of %s (%d.): %s",
               schema_show_sink(target, look->row->key), look->what,
               look->row->versions[occurrence], schema_table_of(target, occurrence)->name,
               occurrence + 1, how);
}

static void check_version(const struct look *look, int occurrence, cells_t cells) {
    int table = schema_occurrence(target_of(look), occurrence);
    int version = look->row->versions[occurrence];
    if (version == SCHEMA_HIDDEN) {
        return;
    }
    if (version != 0 && !history_has(look->world, table, cells, version)) {
        fail(look, occurrence, "never true");
    } else if (!was_at(look, table, cells, version) && !look->world->rewritten) {
        fail(look, occurrence, "older than the offsets");
    }
}

/* No row of the core occurrence under the row's join key was there all the time. */
static void check_none(const struct look *look, int occurrence) {
    const struct schema_target *target = target_of(look);
    const struct topic_log *log =
        world_log(look->world, schema_occurrence(target, occurrence), look->task);
    for (int64_t i = 0; i < log->count; i++) {
        const struct entry *entry = &log->entries[i];
        if (entry->names_row && ((entry->cells ^ look->row->key) & target->join) == 0) {
            check_version(look, occurrence, entry->cells);
        }
    }
}

static void check_lookup(const struct look *look, int o) {
    const struct schema_target *target = target_of(look);
    const struct sink_row *row = look->row;
    const struct schema_node *node = &target->nodes[o - target->core_count];
    cells_t parent =
        row->versions[node->parent] == 0
            ? 0
            : sim_sink_cells(look->world, target, row->key, row->versions, node->parent);
    cells_t refers = parent == 0 ? 0 : schema_referred(target, node, parent);
    if (refers != 0) {
        check_version(look, o, refers);
    } else if (row->versions[o] != 0) {
        fail(look, o, "though nothing refers to it");
    }
}

static void check_row(const struct look *look) {
    const struct schema_target *target = target_of(look);
    const struct sink_row *row = look->row;
    for (int o = 0; o < target->occurrence_count; o++) {
        bool core = o < target->core_count;
        if (row->versions[o] == 0 && !schema_is_optional(target, o)) {
            fail(look, o, "NULL, though it is joined INNER");
        } else if (!core) {
            check_lookup(look, o);
        } else if (row->versions[o] == 0) {
            if ((row->key & schema_own_mask(target, o)) != 0) {
                fail(look, o, "NULL under a key");
            }
            check_none(look, o);
        } else {
            check_version(look, o, schema_row(target, o, row->key));
        }
    }
    if (!schema_passes(target, row->versions)) {
        fail(look, 0, "WHERE does not let it pass");
    }
}

void oracle_written(struct world *world, int32_t task, const struct sink_row *row,
                    const int64_t *offsets) {
    struct look look = {world, task, row, offsets, "is written"};
    check_row(&look);
}

/* A row without a partner never stands beside one with a partner of the same rows. */
static void check_alone(struct world *world, const struct sink_row *row, int occurrence) {
    const struct schema_target *target = world_target(world, row->target);
    cells_t others = target->join;
    for (int o = 0; o < target->core_count; o++) {
        others |= target->cores[o].optional ? 0 : schema_sink_mask(target, o);
    }
    for (size_t i = 0; i < world->sink.row_count; i++) {
        const struct sink_row *other = &world->sink.rows[i];
        if (other->there && other->target == row->target &&
            ((other->key ^ row->key) & others) == 0 && other->versions[occurrence] != 0) {
            world_fail(world, "O9: the row %s stands beside one with a partner in %s",
                       schema_show_sink(target, row->key),
                       schema_table_of(target, occurrence)->name);
        }
    }
}

bool oracle_is_past(const struct world *world, int32_t task, const struct progress *progress) {
    bool past = progress->has_offsets;
    for (int t = 0; t < world->schema.table_count; t++) {
        bool read = world->sink.plan && world->sink.plan->relations[t] >= 0;
        past &= !read || progress->offsets[t] >= world->aims[task][t];
    }
    return past;
}

void oracle_visible(struct world *world, int32_t task) {
    static const int64_t none[SCHEMA_TABLES_MAX];
    const struct progress *progress = &world->sink.progress[task];
    bool past = oracle_is_past(world, task, progress);
    for (size_t i = 0; i < world->sink.row_count && !world->stray_now; i++) {
        const struct sink_row *row = &world->sink.rows[i];
        const struct schema_target *target = world_target(world, row->target);
        bool kept = world->sink.plan && schema_view_has(world->sink.plan, row->target);
        if (!kept || !row->there || sim_sink_task(world, row->target, row->key) != task) {
            continue;
        }
        struct look look = {world, task, row, past ? progress->offsets : none, "stands"};
        check_row(&look);
        for (int o = 0; o < target->core_count; o++) {
            if (target->cores[o].adds_key && row->versions[o] == 0) {
                check_alone(world, row, o);
            }
        }
    }
}

void oracle_ready(struct world *world, const struct node *node) {
    bool quiet = node_ready(node);
    for (int s = 0; s < node_sessions(node) && quiet; s++) {
        quiet = sim_sink_is_quiet(node_sink(node, s));
    }
    for (int32_t p = 0; p < world->partitions && quiet; p++) {
        const struct schema_view *view = node_view(node);
        if (sim_consume_has(node_consume(node), p) && sim_sink_knows_ready(world, node, p) &&
            (!world->sink.progress[p].has_offsets || sim_sink_to_fill(world, view, p) != 0)) {
            world_fail(world, "O10: a member is ready while rows of task %d are missing", p);
        }
    }
}
