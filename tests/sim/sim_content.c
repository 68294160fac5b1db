/* What is in the OLAP database: rows, and how it goes back in time. */
#include "sim_sink_impl.h"

#include <stdlib.h>

static void *copy_of(const void *items, size_t count, size_t size) {
    void *copy = calloc(count + 1, size);
    if (!copy) {
        abort();
    }
    if (count > 0) {
        memcpy(copy, items, count * size);
    }
    return copy;
}

void sink_content_copy(struct sink_content *to, const struct sink_content *from) {
    *to = *from;
    to->dead_letters =
        copy_of(from->dead_letters, from->dead_letter_count, sizeof *from->dead_letters);
    to->rows = copy_of(from->rows, from->row_count, sizeof *from->rows);
    to->row_cap = from->row_count;
}

void sink_content_clear(struct sink_content *content) {
    free(content->dead_letters);
    free(content->rows);
    *content = (struct sink_content){0};
}

/* ---- rows ---- */

struct sink_row *sim_sink_row(const struct world *world, int target, cells_t key) {
    for (size_t i = 0; i < world->sink.row_count; i++) {
        if (world->sink.rows[i].key == key && world->sink.rows[i].target == target) {
            return &world->sink.rows[i];
        }
    }
    return NULL;
}

struct sink_row *sim_sink_add_row(struct world *world, int target, cells_t key) {
    struct sink_content *sink = &world->sink;
    struct sink_row *row = sim_sink_row(world, target, key);
    if (row) {
        return row;
    }
    if (sink->row_count == sink->row_cap) {
        sink->row_cap = sink->row_cap ? sink->row_cap * 2 : 16;
        sink->rows = reallocarray(sink->rows, sink->row_cap, sizeof *sink->rows);
        if (!sink->rows) {
            abort();
        }
    }
    row = &sink->rows[sink->row_count++];
    *row = (struct sink_row){.target = target, .key = key};
    return row;
}

int32_t sim_sink_task(const struct world *world, int target, cells_t key) {
    return schema_partition(schema_table_of(world_target(world, target), 0), key,
                            world->partitions);
}

void sim_sink_drop_row(struct world *world, struct sink_row *row) {
    row->there = false;
    if (!row->refused) {
        *row = world->sink.rows[--world->sink.row_count];
    }
}

/* ---- back in time ---- */

void sim_sink_remember(struct world *world) {
    if (world->knobs.restore <= 0) {
        return;
    }
    if (world->snapshot_count == SNAPSHOTS_MAX) {
        sink_content_clear(&world->snapshots[0]);
        memmove(world->snapshots, world->snapshots + 1,
                (SNAPSHOTS_MAX - 1) * sizeof *world->snapshots);
        world->snapshot_count--;
    }
    sink_content_copy(&world->snapshots[world->snapshot_count++], &world->sink);
}

void sim_sink_restore(struct world *world, int commits) {
    if (commits > world->snapshot_count) {
        commits = world->snapshot_count;
    }
    if (commits == 0) {
        return;
    }
    sink_content_clear(&world->sink);
    world->sink = world->snapshots[world->snapshot_count - commits];
    for (int i = world->snapshot_count - commits + 1; i < world->snapshot_count; i++) {
        sink_content_clear(&world->snapshots[i]);
    }
    world->snapshot_count -= commits;
    world_trace(world, "RESTORE the sink goes back by %d commits", commits);
    while (world->jobs) { /* it was restarted: nothing in flight survives */
        struct sink_event event = {.kind = SINK_NOTHING};
        if (world->jobs->sink) {
            sim_sink_cut(world->jobs->sink, false);
        } else {
            sim_sink_answer(world, world->jobs, &event);
        }
    }
    for (int i = 0; i < world->members; i++) {
        for (int s = 0; world->nodes[i] && s < node_sessions(world->nodes[i]); s++) {
            sim_sink_cut(node_sink(world->nodes[i], s), false);
        }
    }
}
