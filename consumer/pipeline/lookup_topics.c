#include "pipeline/lookup_topics.h"

#define WAIT_FIRST_MS INT64_C(1000)
#define WAIT_MAX_MS   INT64_C(60000)

void lookup_topics_begin(struct member *m) {
    for (size_t t = m->core_count; t < m->plan->relation_count; t++) {
        m->lookups[t] = (struct lookup_topic){.gone = m->lookups[t].gone};
    }
    for (int32_t p = 0; p < m->partition_count; p++) {
        m->going_back[p] =
            (struct going_back){.backoff = backoff_init(WAIT_FIRST_MS, WAIT_MAX_MS, 0)};
    }
}

/* A task that has been given to us since knows its anchors, and has compared none. */
static void compare_again(struct task *task) {
    if (task->positioned && SAFEGUARD("a lookup topic that was gone is compared again")) {
        verdict_reacquire(&task->verdict, REACQUIRED_TOPIC, "a lookup topic is gone");
    }
}

const char *lookup_topics_name(const struct member *m, int table) {
    const struct relation *relation = &m->plan->relations[table];
    return relation->filtered ? m->plan->tasks_topic.ptr : relation->topic.ptr;
}

void lookup_topics_gone(struct member *m, int table) {
    bool read = (size_t)table >= m->core_count;
    log_line(m->o.log, LOG_WARN, "pipeline", "topic_gone",
             "topic=%s hint=\"%s; see Halt messages in docs/operations.md\"",
             lookup_topics_name(m, table),
             read ? "every task will compare its log before it writes more"
                  : "no task runs without it: plan --apply-topics creates it");
    m->lookups[table].gone = true;
    for (int32_t p = 0; p < m->partition_count; p++) {
        if (m->tasks[p] && read) {
            compare_again(m->tasks[p]);
        }
    }
}

void lookup_topics_back(struct member *m, int table) {
    log_line(m->o.log, LOG_INFO, "pipeline", "topic_back", "topic=%s",
             lookup_topics_name(m, table));
    m->lookups[table].gone = false;
    member_needs_assign(m); /* so that it is read at once */
}

bool lookup_topics_proven(const struct member *m, const struct task *task) {
    bool proven = true;
    for (size_t t = m->parted_count; t < m->plan->relation_count; t++) {
        proven &= task->anchors_to_check[t].timestamp_ms == 0;
    }
    return proven || !SAFEGUARD("a task whose lookup topics are not known is not ready");
}

/* Reading for the task from where it is would take the topic back. */
static bool takes_back(const struct member *m, const struct task *task, size_t t) {
    return m->lookups[t].read && (!task->assigned || task->cut[t]) &&
           member_reads_from(m, task, t) < m->lookups[t].next;
}

/* Others get what comes of the topic now: they would have to wait. */
static bool others_read(const struct member *m, const struct task *task, size_t t) {
    for (int32_t p = 0; p < m->partition_count; p++) {
        const struct task *other = m->tasks[p];
        if (other != task && task_reads(other) &&
            !(other->cut[t] && SAFEGUARD("who reads nothing waits for nobody"))) {
            return true;
        }
    }
    return false;
}

static bool must_wait(const struct member *m, const struct task *task) {
    bool held_up = false;
    if (now_ms(m) >= m->going_back[task->number].at_ms) {
        return false;
    }
    for (size_t t = m->core_count; t < m->plan->relation_count; t++) {
        held_up |= takes_back(m, task, t) && others_read(m, task, t);
    }
    return held_up && SAFEGUARD("who takes others back waits longer each time");
}

bool lookup_topics_admit(const struct member *m, const struct task *task) {
    return task->assigned || !must_wait(m, task);
}

/* Something passed by that there is room for now. */
static bool wants_back(const struct member *m, const struct task *task) {
    bool wants = false;
    for (size_t t = m->core_count; t < m->plan->relation_count; t++) {
        wants |= task->cut[t] && !task->paused[t];
    }
    return wants;
}

int64_t lookup_topics_wait_ms(const struct member *m, const struct task *task) {
    bool waits = task->positioned && (!task->assigned || wants_back(m, task)) && must_wait(m, task);
    return waits ? m->going_back[task->number].at_ms - now_ms(m) : 0;
}

void lookup_topics_watch(struct member *m) {
    if (m->core_count == m->plan->relation_count || m->needs_assign) {
        return;
    }
    for (int32_t p = 0; p < m->partition_count; p++) {
        const struct task *task = m->tasks[p];
        if (task && task->positioned && (!task->assigned || wants_back(m, task)) &&
            !must_wait(m, task)) {
            member_needs_assign(m);
            return;
        }
    }
}

/* What the task passed by is not read again yet. */
static bool stays_cut(const struct member *m, const struct task *task, size_t t) {
    return task->cut[t] && (task->paused[t] || must_wait(m, task));
}

/* Where to read the topic from, for those that have room, or for all; INT64_MAX: for nobody. */
static int64_t smallest(const struct member *m, const bool *reads, size_t t, bool all) {
    int64_t position = INT64_MAX;
    for (int32_t p = 0; p < m->partition_count; p++) {
        const struct task *task = m->tasks[p];
        if (!reads[p] || (!all && stays_cut(m, task, t))) {
            continue;
        }
        int64_t from = member_reads_from(m, task, t);
        position = from < position ? from : position;
    }
    return position;
}

/* Others wait while a topic is read again for the task. */
static bool holds_up_others(const struct member *m, const struct task *task) {
    bool holds_up = false;
    for (size_t t = m->core_count; t < m->plan->relation_count; t++) {
        bool again = !stays_cut(m, task, t) ||
                     !SAFEGUARD("only those are charged that something goes back for");
        holds_up |= again && takes_back(m, task, t) && others_read(m, task, t);
    }
    return holds_up;
}

size_t lookup_topics_add(struct member *m, const bool *reads, struct topic_position *positions) {
    size_t count = 0;
    for (int32_t p = 0; p < m->partition_count; p++) {
        m->going_back[p].due = reads[p] && holds_up_others(m, m->tasks[p]);
    }
    for (size_t t = m->core_count; t < m->plan->relation_count; t++) {
        struct lookup_topic *lookup = &m->lookups[t];
        int64_t from = smallest(m, reads, t, false);
        if (from == INT64_MAX) { /* none has room: it is paused until one has */
            from = smallest(m, reads, t, true);
        }
        if (lookup->read && from < lookup->next &&
            !SAFEGUARD("lookups are read again for who needs them")) {
            from = lookup->next;
        }
        lookup->wanted = from;
        if (from < INT64_MAX) {
            positions[count++] = (struct topic_position){(int)t, 0, from};
        }
    }
    return count;
}

static void charge(struct member *m, int32_t task) {
    struct going_back *back = &m->going_back[task];
    int64_t now = now_ms(m);
    if (now - back->last_ms > 2 * WAIT_MAX_MS) {
        backoff_reset(&back->backoff);
    }
    back->last_ms = now;
    back->at_ms = now + backoff_next_ms(&back->backoff);
    log_line(m->o.log, LOG_INFO, "pipeline", "goes_back", "task=%d wait_ms=%lld", task,
             (long long)(back->at_ms - now));
}

void lookup_topics_assigned(struct member *m, const bool *reads) {
    for (size_t t = m->core_count; t < m->plan->relation_count; t++) {
        struct lookup_topic *lookup = &m->lookups[t];
        lookup->read = lookup->wanted < INT64_MAX;
        lookup->next = lookup->wanted;
        lookup->paused = false;
        for (int32_t p = 0; p < m->partition_count; p++) {
            struct task *task = m->tasks[p];
            if (reads[p] && task->cut[t] && lookup->next <= member_reads_from(m, task, t)) {
                task->cut[t] = false;
            }
        }
    }
    for (int32_t p = 0; p < m->partition_count; p++) {
        if (m->going_back[p].due) {
            charge(m, p);
        }
    }
}
