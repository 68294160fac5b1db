/* Plays with a plot: what faults at random would meet too seldom. */
#include "pipeline/layout.h"
#include "world.h"

#include <stdlib.h>

#define CACHES_ROUNDS 60  /* until every cache that rests is committed */
#define REST_ROUNDS   150 /* nothing in flight for so long: whoever can go on has */

void world_lose_caches(struct world *world, double share) {
    for (int i = 0; i < world->members; i++) {
        node_restart(world->nodes[i]);
    }
    for (int32_t p = 0; p < world->partitions; p++) {
        bool lost = rng_chance(&world->rng, share);
        for (int host = 0; host < HOSTS_MAX && lost; host++) {
            memory_disk_restore(world->disks[host], p, NULL);
        }
    }
}

void world_settle(struct world *world) {
    int rest = 0;
    world->faults = false;
    connector_step(world, INT64_MAX);
    for (int i = 0; i < world->members; i++) {
        node_pause(world->nodes[i], false);
        memory_disk_fail(world->disks[node_host(world->nodes[i])], 0, ERR_NONE);
        sim_consume_learn(node_consume(world->nodes[i]), false);
    }
    for (int i = 0; i < 20 * REST_ROUNDS && rest < REST_ROUNDS && !world->failure[0]; i++) {
        int64_t before = world->job_count;
        world_rounds(world, 1);
        rest = world->job_count == before ? rest + 1 : 0;
    }
}

/* New records take the place of those from `from` on, and more: only the record that the progress
 * remembers tells. */
static void refill(struct world *world, struct topic_log *log, int64_t from, int64_t old_count) {
    log->count = old_count;
    for (int64_t i = from; i < old_count; i++) {
        struct entry *entry = &log->entries[i];
        *entry = log->entries[rng_below(&world->rng, (int)old_count)];
        entry->ts_ms = world->now_us / 1000;
        entry->kept = true;
    }
}

/* Every task that reads the partition remembers a record of it at or behind an offset. */
static bool is_anchored(const struct world *world, int table, int32_t partition, int64_t offset) {
    bool anchored = true;
    for (int32_t p = 0; p < world->partitions; p++) {
        const struct log_anchor *anchor = &world->sink.progress[p].anchors[table];
        anchored &= world_partition(world, table, p) != partition ||
                    (offset <= anchor->offset && anchor->timestamp_ms > 0);
    }
    return anchored;
}

/* Cuts off the end of some logs, and fills some of them again; which tasks can see that by their
 * offsets, or by the last record applied. */
static void remake_logs(struct world *world, bool *ret_remade) {
    for (int t = 0; t < world->schema.table_count; t++) {
        for (int32_t p = 0; p < world_partitions(world, t); p++) {
            struct topic_log *log = &world->log[t][p];
            if (log->count > 0 && rng_chance(&world->rng, 0.5)) {
                int64_t old_count = log->count;
                log->count = rng_below(&world->rng, (int)log->count);
                for (int32_t task = 0; task < world->partitions; task++) {
                    ret_remade[task] |= world_partition(world, t, task) == p &&
                                        log->count < world->sink.progress[task].offsets[t];
                }
                world_trace(world, "REMADE %s[%d] ends at %lld", world->schema.tables[t].name, p,
                            (long long)log->count);
                if (is_anchored(world, t, p, log->count) && rng_chance(&world->rng, 0.6)) {
                    refill(world, log, log->count, old_count);
                    world_trace(world, "  and filled again");
                }
            }
        }
    }
}

/* The connector sends the last records of the other topics' logs again: work for a task whose
 * remade log is not known yet. */
static void repeat_others(struct world *world, const int64_t (*counts)[PARTITIONS_MAX],
                          const bool *remade) {
    for (int32_t p = 0; p < world->partitions; p++) {
        for (int t = 0; t < world->schema.table_count && remade[p]; t++) {
            int32_t partition = world_partition(world, t, p);
            struct topic_log *log = &world->log[t][partition];
            bool cut =
                log->count < counts[t][partition] || /* or filled again */
                (log->count > 0 && log->entries[log->count - 1].ts_ms == world->now_us / 1000);
            for (int i = 0; i < 3 && !cut && log->count > 0; i++) {
                log_repeat(world, t, partition);
            }
        }
    }
}

int64_t world_halts(const struct world *world, int32_t task) {
    int64_t halts = 0;
    for (int i = 0; i < world->members; i++) {
        halts += node_halts(world->nodes[i], task);
    }
    return halts;
}

/* Every row of the task that is there in a is there in b, as it is. */
static bool rows_equal(const struct world *world, const struct sink_content *a,
                       const struct sink_content *b, int32_t task) {
    for (size_t i = 0; i < a->row_count; i++) {
        const struct sink_row *row = &a->rows[i];
        bool found = !row->there || sim_sink_task(world, row->target, row->key) != task;
        for (size_t k = 0; k < b->row_count && !found; k++) {
            found = b->rows[k].key == row->key && b->rows[k].target == row->target &&
                    b->rows[k].there &&
                    memcmp(b->rows[k].versions, row->versions, sizeof row->versions) == 0;
        }
        if (!found) {
            return false;
        }
    }
    return true;
}

void world_check_untouched(struct world *world, const struct sink_content *before, int32_t task) {
    for (int t = 0; t < world->schema.table_count; t++) {
        if (world->sink.progress[task].offsets[t] != before->progress[task].offsets[t]) {
            world_fail(world, "the offsets of task %d moved, though it must have halted", task);
        }
    }
    if (!rows_equal(world, before, &world->sink, task) ||
        !rows_equal(world, &world->sink, before, task)) {
        world_fail(world, "rows of task %d changed, though it must have halted", task);
    }
    if (world_halts(world, task) == 0) {
        world_fail(world, "task %d goes on, though it must have halted", task);
    }
}

void play_remade(struct world *world) {
    world_steps(world, world_pick(world, world->knobs.steps));
    world_drain(world);
    if (world->failure[0]) {
        return;
    }
    bool remade[PARTITIONS_MAX] = {false};
    int64_t counts[SCHEMA_TABLES_MAX][PARTITIONS_MAX];
    for (int t = 0; t < world->schema.table_count; t++) {
        for (int32_t p = 0; p < world->partitions; p++) {
            counts[t][p] = world->log[t][p].count;
        }
    }
    world_lose_caches(world, 0.6);
    world->now_us += 1000000; /* no record is of now */
    world->rewritten = true;
    remake_logs(world, remade);
    repeat_others(world, counts, remade);
    struct sink_content before;
    sink_content_copy(&before, &world->sink);
    world_settle(world);
    for (int32_t p = 0; p < world->partitions && !world->failure[0]; p++) {
        if (remade[p]) {
            world_check_untouched(world, &before, p);
        }
    }
    sink_content_clear(&before);
    world->misrouted_task = 0; /* nothing more to be learned from the caches */
}

/* The cache that the task's member will open stands where the sink does: it needs nothing from
 * below. */
static bool cache_stands(const struct world *world, int32_t task) {
    struct kv_factory factory =
        memory_disk_factory(world->disks[node_host(world->nodes[world->assignment[task]])]);
    const struct schema_view *view = world_edition(world);
    const struct state_layout layout = layout_of(&view->plan);
    struct state *state = NULL;
    struct state_meta meta;
    struct err err;
    if (state_open(&factory, task, "", str_from(view->identity), &layout, &state, &meta, &err) !=
        ERR_NONE) {
        return false;
    }
    bool stands = !meta.empty && !meta.incomplete;
    for (int t = 0; t < world->schema.table_count; t++) {
        stands &= meta.offsets[t] >= world->sink.progress[task].offsets[t];
    }
    state_close(&state);
    return stands;
}

/* Records that are applied are deleted, up to what is still to come: nothing is lost, and nobody
 * may halt. */
void play_trimmed(struct world *world) {
    world_steps(world, world_pick(world, world->knobs.steps));
    world_drain(world);
    world_rounds(world, CACHES_ROUNDS);
    for (int i = 0; i < world->members; i++) {
        node_restart(world->nodes[i]);
    }
    bool all_stand = true;
    for (int32_t p = 0; p < world->partitions && !world->failure[0]; p++) {
        bool stands = cache_stands(world, p);
        all_stand &= stands;
        for (int t = 0; t < world->schema.table_count && stands; t++) {
            if (world->schema.tables[t].lookup) {
                continue;
            }
            world->log[t][p].start = world->sink.progress[p].offsets[t];
            world_trace(world, "TRIMMED %s[%d] begins at %lld", world->schema.tables[t].name, p,
                        (long long)world->log[t][p].start);
        }
    }
    for (int t = 0; t < world->schema.table_count && all_stand; t++) {
        if (world->schema.tables[t].lookup) {
            world->log[t][0].start = world->log[t][0].count; /* at rest: every task is there */
        }
    }
    for (int i = 0; i < 5; i++) {
        source_step(world);
    }
    world_drain(world);
    if (!world->failure[0]) {
        oracle_final(world, "trimmed");
    }
    world->misrouted_task = 0; /* the caches' records are gone */
}

/* Most rows of a table, in new versions. */
static void put_rows(struct world *world, int table, double bad) {
    const struct schema_table *of = &world->schema.tables[table];
    for (int i = 0; i < schema_primary_count(of); i++) {
        int version = abs(source_new_version(world, table));
        cells_t cells = schema_primary(of, i);
        const struct source_row *found = source_find(world, table, cells);
        cells = found ? found->cells : cells | source_some_join(world, table);
        if (rng_chance(&world->rng, 0.8)) {
            source_put(world, table, cells, rng_chance(&world->rng, bad) ? -version : version);
        }
    }
}

/* Runs until so many more dead letters and then so many more transactions are in. */
static void run_into_rebuild(struct world *world, size_t dead_letters, int rounds) {
    dead_letters += world->sink.dead_letter_count;
    for (int i = 0; i < 400 && world->sink.dead_letter_count < dead_letters && !world->failure[0];
         i++) {
        world_rounds(world, 1);
    }
    world_rounds(world, rounds);
}

void play_hole(struct world *world) {
    for (int t = 0; t < world->schema.table_count; t++) {
        put_rows(world, t, 0);
    }
    world_drain(world);
    world->faults = rng_chance(&world->rng, 0.3);
    for (int deaths = 1 + rng_below(&world->rng, 3); deaths > 0; deaths--) {
        world_lose_caches(world, 0.7);
        for (int t = 0; t < world->schema.table_count; t++) {
            put_rows(world, t, t == 0 ? 0.6 : 0.2);
        }
        connector_step(world, INT64_MAX);
        world_trace(world, "---- refused versions arrive");
        run_into_rebuild(world, 1, rng_below(&world->rng, 12));
    }
    world_lose_caches(world, 0);
    world_drain(world);
    if (!world->failure[0]) {
        oracle_final(world, "at rest");
    }
}

void play_mended(struct world *world) {
    world_steps(world, world_pick(world, world->knobs.steps));
    world_trace(world, "---- no more faults");
    world_settle(world);
    world_trace(world, "---- mended");
    world->mended = true;
    for (int i = 0; i < world->members; i++) {
        node_resume(world->nodes[i]);
    }
    world_drain(world);
    if (!world->failure[0]) {
        oracle_final(world, "mended");
    }
}

void play_trigger(struct world *world) {
    world->trigger_target = world_some_target(world);
    const struct schema_target *target = world_target(world, world->trigger_target);
    world->trigger = schema_join(target, rng_below(&world->rng, schema_join_count(target)));
    world->trigger_halts = rng_chance(&world->rng, 0.5);
    int32_t halted = sim_sink_task(world, world->trigger_target, world->trigger);
    world_steps(world, world_pick(world, world->knobs.steps));
    world_trace(world, "---- no more faults");
    world_settle(world);
    for (int32_t p = 0; p < world->partitions && !world->failure[0]; p++) {
        if (p != halted) {
            oracle_task(world, p, "beside a trigger");
        }
        if (p != halted && world_halts(world, p) > 0) {
            world_fail(world, "task %d halted for what a trigger said of task %d", p, halted);
        }
    }
    for (size_t i = 0; i < world->sink.row_count; i++) {
        const struct sink_row *row = &world->sink.rows[i];
        if (row->there && row->target == world->trigger_target &&
            (row->key & target->join) == world->trigger) {
            world_fail(world, "a row stands that the trigger does not let in");
        }
    }
    if (world->sink.dead_letter_count > 0) {
        world_fail(world, "a record became a dead letter for what a trigger said");
    }
    world_trace(world, "---- the trigger is dropped");
    world->mended = true;
    for (int i = 0; i < world->members; i++) {
        node_resume(world->nodes[i]);
    }
    world_drain(world);
    if (!world->failure[0]) {
        oracle_final(world, "without the trigger");
    }
}
