/* Which tables have all their rows, and whose plan the progress is of. */
#include "sim_sink_impl.h"

#include "base/safeguard.h"

#include <assert.h>

/* ---- the tables that are there ---- */

bool sim_sink_is_empty(const struct world *world, int target) {
    for (size_t i = 0; i < world->sink.row_count; i++) {
        if (world->sink.rows[i].target == target && world->sink.rows[i].there) {
            return false;
        }
    }
    return true;
}

/* What sync_refused says stays. */
void sim_sink_lose_rows(struct world *world, int target) {
    for (size_t i = world->sink.row_count; i-- > 0;) {
        if (world->sink.rows[i].target == target) {
            sim_sink_drop_row(world, &world->sink.rows[i]);
        }
    }
    world->sink.tables[target].table = ++world->table_count;
    world_trace(world, "TABLE LOST: table %d of %s is there, empty",
                world->sink.tables[target].table, world->schema.targets[target].name);
}

bool sim_sink_is_unfit(const struct world *world, int target) {
    const struct sink_content *sink = &world->sink;
    return sink->plan && schema_view_has(sink->plan, target) && sink->tables[target].unkept &&
           !sim_sink_is_empty(world, target);
}

bool sim_sink_register_tables(struct world *world, struct sink_event *event) {
    struct sink_content *sink = &world->sink;
    for (int i = 0; i < world->schema.target_count; i++) {
        struct sink_table *table = &sink->tables[i];
        if (sim_sink_is_unfit(world, i)) {
            event->kind = SINK_UNFIT;
            return false;
        }
        if (sink->plan && schema_view_has(sink->plan, i) &&
            (table->unkept || table->table != table->registered)) {
            table->unkept = false;
            table->registered = table->table;
            table->generation++;
            sink->generation++;
        }
    }
    return true;
}

bool sim_sink_is_other(const struct world *world, const struct schema_view *view,
                       const struct progress *progress) {
    bool other = progress->generation != world->sink.generation;
    for (int i = 0; i < world->schema.target_count; i++) {
        const struct sink_table *table = &world->sink.tables[i];
        other |= schema_view_has(view, i) && table->table != table->registered;
    }
    return other;
}

/* ---- marks ---- */

unsigned sim_sink_to_fill(const struct world *world, const struct schema_view *view, int32_t task) {
    unsigned lacking = 0;
    for (int i = 0; i < world->schema.target_count; i++) {
        const struct sink_table *table = &world->sink.tables[i];
        bool lacks =
            table->filled[task] != table->generation &&
            (table->filled[task] == 0 || SAFEGUARD("sim: a mark counts for its own table"));
        lacking |= schema_view_has(view, i) && lacks ? 1U << i : 0;
    }
    return lacking;
}

void sim_sink_mark(struct world *world, const struct sim_part *part) {
    for (int i = 0; i < world->schema.target_count; i++) {
        struct sink_table *table = &world->sink.tables[i];
        if (part->filled >> i & 1) {
            table->filled[part->task] = table->generation;
            world_trace(world, "  FILLED %s", world->schema.targets[i].name);
        }
    }
}

bool sim_sink_table_known(const struct world *world, int32_t task) {
    const struct schema_view *wanted = world_edition(world);
    return world->sink.plan && world->sink.plan->chosen == wanted->chosen &&
           !sim_sink_is_other(world, wanted, &world->sink.progress[task]) &&
           sim_sink_to_fill(world, wanted, task) == 0;
}

/* ---- the plan ---- */

/* Versions are kept in the columns that the former views use. */
static bool keeps_versions(const struct sink_content *sink) {
    for (size_t i = 0; i < sink->dead_letter_count; i++) {
        if (sink->dead_letters[i].kept.ptr) {
            return true;
        }
    }
    return false;
}

static void drop_refused(struct world *world, int target) {
    for (size_t i = world->sink.row_count; i-- > 0;) {
        struct sink_row *row = &world->sink.rows[i];
        if (row->target == target && row->refused) {
            row->refused = false;
            if (!row->there) {
                sim_sink_drop_row(world, row);
            }
        }
    }
}

/* A target that stays joins the table. */
static bool is_kept(const struct world *world, unsigned staying, int table) {
    bool kept = false;
    for (int i = 0; i < world->schema.target_count; i++) {
        const struct schema_target *target = &world->schema.targets[i];
        for (int o = 0; o < target->occurrence_count && staying >> i & 1; o++) {
            kept |= schema_occurrence(target, o) == table;
        }
    }
    return kept;
}

/* Offsets stay with the topics that are read as before; of others nothing was read. All tasks have
 * another owner. One target has no marks: a task without its own has no progress then. */
static void convert_progress(struct world *world, const struct job *job, int32_t task) {
    struct progress *newest = &world->sink.progress[task];
    const unsigned staying = world->sink.plan->chosen & job->view->chosen;
    if (!newest->exists) {
        return;
    }
    for (int t = 0; t < world->schema.table_count; t++) {
        if (!is_kept(world, staying, t)) {
            newest->offsets[t] = 0;
            newest->anchors[t] = (struct log_anchor){0};
        }
    }
    newest->seq++;
    newest->generation = world->sink.generation;
    memcpy(newest->owner, job->owner, sizeof newest->owner);
    if (job->view->plan.target_count == 1 && newest->has_offsets &&
        sim_sink_to_fill(world, job->view, task) != 0) {
        newest->generation = -1;
        world->sink.tables[job->view->numbers[0]].unkept = true;
    }
}

/* Their records are read again, and are ahead of the offsets until then. */
static void drop_dead_letters(struct world *world, unsigned staying) {
    struct sink_content *sink = &world->sink;
    size_t count = 0;
    for (size_t i = 0; i < sink->dead_letter_count; i++) {
        if (is_kept(world, staying, sink->dead_letters[i].table) ||
            !SAFEGUARD("sim: dead letters of what is read anew go")) {
            sink->dead_letters[count++] = sink->dead_letters[i];
        }
    }
    sink->dead_letter_count = count;
}

/* What is taken out is kept no more, and what is added must be empty. */
static void convert_targets(struct world *world, unsigned from, unsigned to) {
    for (int i = 0; i < world->schema.target_count; i++) {
        if ((from ^ to) >> i & 1) {
            drop_refused(world, i);
            world->sink.tables[i].unkept = SAFEGUARD("sim: a table counts where its plan kept it");
        }
    }
}

bool sim_sink_convert(struct world *world, const struct job *job, struct sink_event *event) {
    struct sink_content *sink = &world->sink;
    const struct schema_view *from = sink->plan, *to = job->view;
    if (!from) {
        sink->plan = to;
        return true;
    }
    if (from->chosen == to->chosen) {
        return true;
    }
    if (job->began != sink->conversions || keeps_versions(sink)) {
        event->kind = SINK_HALT; /* somebody with another plan came later, for one */
        return false;
    }
    world_trace(world, "CONVERTED by member %d: targets %x, before: %x", job->member, to->chosen,
                from->chosen);
    for (int32_t p = 0; p < world->partitions; p++) {
        convert_progress(world, job, p);
    }
    convert_targets(world, from->chosen, to->chosen);
    drop_dead_letters(world, from->chosen & to->chosen);
    sink->plan = to;
    sink->conversions++;
    if (job->born == node_born(world->nodes[job->member])) {
        *node_began(world->nodes[job->member]) = sink->conversions;
    }
    return true;
}
