/* A job's results: one for each task, with the progress row that was read. */
#include "sink/pg_internal.h"

void results_begin(struct sink *sink) {
    size_t size = (sink->tasks.count + 1) * sizeof(struct sink_result);
    struct sink_result *results = arena_alloc(&sink->results, size);
    memset(results, 0, size);
    for (size_t i = 0; i < sink->tasks.count; i++) {
        results[i].task = sink->tasks.items[i];
    }
    sink->tasks.results = results;
}

struct sink_result *result_of(struct sink *sink, int32_t task) {
    for (size_t i = 0; i < sink->tasks.count; i++) {
        if (sink->tasks.results[i].task == task) {
            return &sink->tasks.results[i];
        }
    }
    return NULL;
}

/* Rows of older versions have none. */
static void read_anchors(const struct plan *plan, struct str value, struct progress *progress) {
    int64_t numbers[2 * RELATIONS_MAX];
    size_t count = 0;
    if (!value.ptr || !array_read_int64(value, numbers, (size_t)2 * RELATIONS_MAX, &count) ||
        count != 2 * plan->relation_count) {
        return;
    }
    for (size_t t = 0; t < plan->relation_count; t++) {
        progress->anchors[t] = (struct log_anchor){numbers[2 * t], numbers[2 * t + 1]};
    }
}

bool read_progress(const struct plan *plan, const PGresult *result, int row,
                   struct progress *ret_progress) {
    struct progress progress = {.exists = !PQgetisnull(result, row, 1)};
    if (progress.exists) {
        struct str owner = result_value(result, row, 3);
        size_t count = 0;
        progress.seq = read_be64(PQgetvalue(result, row, 1));
        if (!array_read_int64(result_value(result, row, 2), progress.offsets, RELATIONS_MAX,
                              &count) ||
            (count != 0 && count != plan->relation_count) || owner.len > OWNER_LEN) {
            return false;
        }
        progress.has_offsets = count > 0;
        memcpy(progress.owner, owner.ptr, owner.len);
        read_anchors(plan, result_value(result, row, 4), &progress);
        progress.generation = read_be64(PQgetvalue(result, row, 5));
    }
    *ret_progress = progress;
    return true;
}

/* A row of another layout: that of a member whose plan has other views. */
static bool read_others(const PGresult *result, int row, struct progress *ret_progress) {
    struct str owner = result_value(result, row, 3);
    if (PQgetisnull(result, row, 1) || owner.len > OWNER_LEN) {
        return false;
    }
    *ret_progress = (struct progress){.exists = true, .seq = read_be64(PQgetvalue(result, row, 1))};
    memcpy(ret_progress->owner, owner.ptr, owner.len);
    return true;
}

void results_progress(struct sink *sink, const PGresult *result, bool stored) {
    for (int i = 0; i < PQntuples(result); i++) {
        struct sink_result *of = result_of(sink, read_be32(PQgetvalue(result, i, 0)));
        bool read = of && read_progress(sink->plan, result, i, &of->newest);
        if (of && !read && sink->job == &newest_job) {
            read = read_others(result, i, &of->newest);
        }
        if (!read) {
            (void)err_set(&sink->why, ERR_HALT,
                          "sync_progress holds a row of " STR_FMT " that this view can't have "
                          "written: its offsets are not one for each table",
                          STR_ARG(sink->plan->name));
        } else if (stored) {
            of->other_table = table_is_other(sink, &of->newest);
        }
    }
}

void results_end(struct sink *sink, enum sink_event_kind kind) {
    struct sink_event event = {
        .kind = kind, .results = sink->tasks.results, .result_count = sink->tasks.count};
    if (sink->why.kind != ERR_NONE) {
        event = (struct sink_event){.kind = sink->table.unfit ? SINK_UNFIT : SINK_HALT,
                                    .err = sink->why};
    }
    job_end(sink, &event);
}
