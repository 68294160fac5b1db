/* The OLAP database as members see it: jobs that are executed at random times, atomically, in any
 * order; the answer may be lost, the sender may be gone. The fence and the statements are
 * PostgreSQL's part and done here; what is sent is the pipeline's. */
#include "sim_sink_impl.h"

#include <stdlib.h>

static struct job *job_new(struct sink *sink, enum sim_job kind) {
    struct job *job = calloc(1, sizeof *job);
    if (!job) {
        abort();
    }
    job->kind = kind;
    job->member = sink->member;
    job->session = sink->session;
    job->sink = sink;
    job->view = sink->view;
    job->began = *node_began(sink->world->nodes[sink->member]);
    job->born = node_born(sink->world->nodes[sink->member]);
    job->next = sink->world->jobs;
    sink->world->jobs = job;
    sink->job = job;
    return job;
}

static void job_free(struct world *world, struct job *job) {
    for (struct job **at = &world->jobs; *at; at = &(*at)->next) {
        if (*at == job) {
            *at = job->next;
            break;
        }
    }
    for (size_t i = 0; i < job->part_count; i++) {
        free(job->parts[i].ops);
        free(job->parts[i].dead_letters);
        free(job->parts[i].cleared);
    }
    free(job);
}

struct sink *sim_sink_new(struct world *world, int member, int session,
                          const struct schema_view *view) {
    struct sink *sink = calloc(1, sizeof *sink);
    if (!sink) {
        abort();
    }
    sink->world = world;
    sink->member = member;
    sink->session = session;
    sink->view = view;
    return sink;
}

/* The connection is gone: what was sent is still executed some time, or never. */
void sim_sink_cut(struct sink *sink, bool keep) {
    if (sink->job) {
        sink->job->sink = NULL;
        if (keep) {
            while (!sim_sink_read(sink->world, sink->job)) {
            }
        } else {
            job_free(sink->world, sink->job);
        }
        sink->job = NULL;
    }
    if (sink->connected) {
        sink->connected = false;
        sink->lost_due = true;
        sink->event_due = false;
        world_trace(sink->world, "CUT member %d", sink->member);
    }
}

void sim_sink_destroy(struct sink **sink, bool keep) {
    if (*sink) {
        sim_sink_cut(*sink, keep);
        free((*sink)->results);
        free((*sink)->dead_letters);
        free((*sink)->dead_letter_bytes);
        free((*sink)->refusals);
        free((*sink)->entries);
        arena_clear(&(*sink)->keys);
        free(*sink);
        *sink = NULL;
    }
}

void sim_sink_clear(struct world *world) {
    while (world->jobs) {
        job_free(world, world->jobs);
    }
    sink_content_clear(&world->sink);
    for (int i = 0; i < world->snapshot_count; i++) {
        sink_content_clear(&world->snapshots[i]);
    }
}

bool sim_sink_idle(const struct world *world) {
    bool idle = true;
    for (const struct job *job = world->jobs; job; job = job->next) {
        idle &= job->kind == SIM_NEWEST; /* members look once in a while, at rest too */
    }
    return idle;
}

bool sim_sink_writes(const struct sink *sink) {
    return sink->job && sink->job->kind == SIM_COMMIT;
}

bool sim_sink_is_quiet(const struct sink *sink) {
    return sink->connected && !sink->job && !sink->event_due && !sink->lost_due;
}

static bool sim_ready(const struct sink *sink) {
    return sink->connected && !sink->job && !sink->event_due;
}

static void sim_commit(struct sink *sink, const struct txn *txn) {
    struct job *job = job_new(sink, SIM_COMMIT);
    job->txn = txn;
    for (size_t i = 0; i < txn->part_count; i++) {
        job->parts[job->part_count++].task = txn->parts[i]->task;
        if (i > 0 && txn->parts[i]->task <= txn->parts[i - 1]->task) {
            world_fail(sink->world, "the parts of a transaction are not in order");
        }
    }
}

static void ask(struct sink *sink, enum sim_job kind, const int32_t *tasks, size_t count) {
    struct job *job = job_new(sink, kind);
    job->task_count = count;
    for (size_t i = 0; i < count; i++) {
        job->tasks[i] = tasks[i];
    }
}

static void sim_acquire(struct sink *sink, const int32_t *tasks, size_t count, const char *owner) {
    ask(sink, SIM_ACQUIRE, tasks, count);
    memcpy(sink->job->owner, owner, OWNER_LEN + 1);
}

static void sim_newest(struct sink *sink, const int32_t *tasks, size_t count) {
    ask(sink, SIM_NEWEST, tasks, count);
}

static void sim_check(struct sink *sink, int table, const struct row_array *rows) {
    struct job *job = job_new(sink, SIM_CHECK_JOB);
    job->check = rows;
    job->check_table = table;
    job->check_sum = sim_sink_sum(rows);
}

static void sim_poll(struct sink *sink, struct sink_event *ret_event) {
    struct world *world = sink->world;
    *ret_event = (struct sink_event){.kind = SINK_NOTHING};
    if (sink->lost_due) {
        sink->lost_due = false;
        ret_event->kind = SINK_LOST;
        (void)err_set(&ret_event->err, ERR_RETRY, "cut");
    } else if (!sink->connected &&
               (!world_faulty(world, sink->member) || rng_chance(&world->rng, 0.3))) {
        sink->connected = true;
        ret_event->kind = SINK_CONNECTED;
    } else if (sink->event_due) {
        sink->event_due = false;
        *ret_event = sink->event;
        ret_event->results = sink->results;
    }
}

static void sim_wait(const struct sink *sink, int *ret_fd, short *ret_events,
                     int64_t *ret_deadline_ms) {
    (void)sink;
    *ret_fd = -1;
    *ret_events = 0;
    *ret_deadline_ms = -1;
}

/* The job was executed: its sender learns so, or loses the connection and learns nothing. */
void sim_sink_answer(struct world *world, struct job *job, struct sink_event *event) {
    struct sink *sink = job->sink;
    if (sink) {
        sink->job = NULL;
        if (world_faulty(world, job->member) && rng_chance(&world->rng, 0.12)) {
            world_trace(world, "  the answer is lost");
            sim_sink_cut(sink, false);
        } else {
            sink->event = *event;
            sink->event_due = true;
        }
    }
    job_free(world, job);
}

/* A backend that holds a lock for too long is terminated by who waits for it. */
void sim_sink_terminate_holders(struct world *world, const struct job *waiter) {
    struct job *next;
    for (struct job *job = world->jobs; job; job = next) {
        next = job->next;
        bool holds = false;
        for (size_t i = 0; job->kind == SIM_COMMIT && i < job->part_count; i++) {
            for (size_t k = 0; k < waiter->task_count; k++) {
                holds |= job->parts[i].task == waiter->tasks[k];
            }
        }
        if (holds) {
            if (job->sink) {
                sim_sink_cut(job->sink, false);
            } else {
                job_free(world, job);
            }
            next = world->jobs; /* the list has changed */
        }
    }
}

const struct sink_ops sim_sink_ops = {
    .ready = sim_ready,
    .commit = sim_commit,
    .acquire = sim_acquire,
    .newest = sim_newest,
    .check = sim_check,
    .poll = sim_poll,
    .wait = sim_wait,
};
