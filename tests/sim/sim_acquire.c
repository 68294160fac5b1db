/* Acquisitions, and what the newest rows are: progress by the tables of the asker's plan. */
#include "sim_sink_impl.h"

#include "base/safeguard.h"

#include <stdlib.h>

/* Of a plan with one target, what was filled before its table was lost counts as nothing: all is
 * loaded again. Where there are several, the others go on, and the marks tell. */
static bool forget_other_table(const struct world *world, const struct job *job,
                               struct progress *newest) {
    bool other = newest->generation != world->sink.generation;
    bool had = newest->has_offsets && other;
    if (other && job->view->plan.target_count == 1 &&
        SAFEGUARD("sim: progress counts for its own table")) {
        *newest = (struct progress){.exists = newest->exists, .seq = newest->seq};
    }
    newest->generation = world->sink.generation;
    return had;
}

/* Whether its progress was of another table. */
static bool acquire_task(struct world *world, const struct job *job, int32_t task) {
    struct progress *newest = &world->sink.progress[task];
    bool other = forget_other_table(world, job, newest);
    newest->seq = newest->exists ? newest->seq + 1 : 1;
    newest->exists = true;
    memcpy(newest->owner, job->owner, sizeof newest->owner);
    if (SAFEGUARD("sim: dead letters of works that never ended are swept")) {
        sim_sink_sweep_dead_letters(world, task);
    }
    world->cache_users[node_host(world->nodes[job->member])][task] |= 1U << job->member;
    world->acquired[task].born = job->born;
    memcpy(world->acquired[task].owner, job->owner, sizeof job->owner);
    for (int t = 0; t < world->schema.table_count; t++) {
        world->sink.ends[task][t] = world_log(world, t, task)->count;
    }
    world_trace(world, "ACQUIRE member %d task %d seq %lld owner %.4s, to fill: %x", job->member,
                task, (long long)newest->seq, newest->owner,
                sim_sink_to_fill(world, job->view, task));
    return other;
}

/* The task's entries of sync_refused; count: of all tasks before it. */
static void fill_refused(const struct world *world, struct sink *sink, size_t *count,
                         struct sink_result *result) {
    result->refused = sink->entries + *count;
    for (size_t i = 0; i < world->sink.row_count; i++) {
        const struct sink_row *row = &world->sink.rows[i];
        if (row->refused && schema_view_has(sink->view, row->target) &&
            sim_sink_task(world, row->target, row->key) == result->task) {
            sink->entries[(*count)++] = sim_sink_key(sink, row->target, row->key);
            result->refused_count++;
        }
    }
}

/* By the tables of the asker's plan. */
static struct progress show_progress(const struct schema_view *view, const struct progress *from) {
    struct progress to = *from;
    for (size_t t = 0; t < view->plan.relation_count; t++) {
        to.offsets[t] = from->offsets[view->tables[t]];
        to.anchors[t] = from->anchors[view->tables[t]];
    }
    return to;
}

static target_set show_targets(const struct schema_view *view, unsigned targets) {
    target_set shown = 0;
    for (size_t i = 0; i < view->plan.target_count; i++) {
        shown |= (target_set)(targets >> view->numbers[i] & 1) << i;
    }
    return shown;
}

/* Room for the answer about as many tasks. */
static void begin_results(const struct world *world, struct sink *sink, size_t task_count) {
    const size_t stored = world->sink.dead_letter_count;
    free(sink->results);
    free(sink->dead_letters);
    free(sink->dead_letter_bytes);
    free(sink->entries);
    sink->entries = calloc(world->sink.row_count + 1, sizeof *sink->entries);
    sink->dead_letter_bytes = calloc(stored + 1, sizeof *sink->dead_letter_bytes);
    sink->results = calloc(task_count + 1, sizeof *sink->results);
    sink->dead_letters = calloc(task_count * stored + 1, sizeof *sink->dead_letters);
    if (!sink->results || !sink->dead_letters || !sink->dead_letter_bytes || !sink->entries) {
        abort();
    }
    if (stored > 0) {
        memcpy(sink->dead_letter_bytes, world->sink.dead_letters,
               stored * sizeof *sink->dead_letter_bytes);
    }
}

static void fill_results(struct world *world, const struct job *job, const bool *other) {
    struct sink *sink = job->sink;
    const size_t stored = world->sink.dead_letter_count;
    size_t refused_count = 0;
    begin_results(world, sink, job->task_count);
    for (size_t i = 0; i < job->task_count; i++) {
        const struct progress *newest = &world->sink.progress[job->tasks[i]];
        struct sink_result *result = &sink->results[i];
        *result = (struct sink_result){.task = job->tasks[i],
                                       .newest = show_progress(sink->view, newest),
                                       .dead_letters = sink->dead_letters + i * stored};
        if (job->kind == SIM_ACQUIRE) {
            result->other_table = other[i];
            result->to_fill =
                newest->has_offsets
                    ? show_targets(sink->view, sim_sink_to_fill(world, sink->view, result->task))
                    : 0;
            sim_sink_fill_dead_letters(sink, stored, result);
            fill_refused(world, sink, &refused_count, result);
        } else {
            result->other_table =
                result->newest.exists && result->newest.generation != world->sink.generation;
        }
    }
}

void sim_sink_answer_tasks(struct world *world, struct job *job, struct sink_event *event) {
    bool other[PARTITIONS_MAX] = {false};
    if (job->kind == SIM_ACQUIRE) {
        sim_sink_remember(world);
        if (!sim_sink_convert(world, job, event)) {
            return;
        }
    }
    if (!sim_sink_register_tables(world, event)) {
        return;
    }
    for (size_t i = 0; i < job->task_count && job->kind == SIM_ACQUIRE; i++) {
        other[i] = acquire_task(world, job, job->tasks[i]);
    }
    event->kind = job->kind == SIM_ACQUIRE ? SINK_ACQUIRED : SINK_NEWEST;
    if (job->sink) {
        fill_results(world, job, other);
        event->result_count = job->task_count;
    }
}

bool sim_sink_knows_ready(const struct world *world, const struct node *node, int32_t task) {
    const struct progress *newest = &world->sink.progress[task];
    const struct schema_view *view = node_view(node);
    return world->acquired[task].born == node_born(node) &&
           strcmp(world->acquired[task].owner, newest->owner) == 0 && world->sink.plan &&
           world->sink.plan->chosen == view->chosen && !sim_sink_is_other(world, view, newest);
}
