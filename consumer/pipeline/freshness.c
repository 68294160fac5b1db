#include "pipeline/freshness.h"

#include "pipeline/internal.h"
#include "pipeline/member.h"

#define GRACE_MS 5000 /* a heartbeat may come that much later than its interval */

static int64_t wall_ms(const struct member_options *o) {
    return clock_wall_ms(&o->clock);
}

void freshness_committed(struct task *task) {
    const struct work *work = &task->work;
    struct freshness *freshness = &task->freshness;
    int64_t oldest_ms = work->oldest_ts_us / 1000;
    if (oldest_ms > freshness->shown_ms) {
        freshness->shown_ms = oldest_ms;
    }
    if (work->newest_ts_us > freshness->newest_us) {
        freshness->newest_us = work->newest_ts_us;
    }
}

/* By whoever has come less far, where a topic is read for two relations. */
static int64_t applied_of(const struct member_options *o, const struct task *task, size_t feed) {
    int64_t applied = INT64_MAX;
    for (size_t t = 0; t < o->plan->relation_count; t++) {
        int64_t to = plan_feed(o->plan, t) == feed ? task_applied_to(task, t) : INT64_MAX;
        applied = to < applied ? to : applied;
    }
    return applied;
}

int64_t freshness_lag(const struct member_options *o, const struct task *task) {
    int64_t lag = 0;
    for (size_t t = 0; t < o->plan->relation_count; t++) {
        if (o->plan->relations[t].filtered) { /* counted with the lookup of its topic */
            continue;
        }
        int64_t end = task_log_end(o, task, t);
        if (end < 0) {
            return -1;
        }
        int64_t applied = applied_of(o, task, t);
        lag += end > applied ? end - applied : 0;
    }
    return lag;
}

static bool has_applied_all(const struct member_options *o, const struct task *task) {
    return task->phase == TASK_LIVE && task->to_fill == 0 && freshness_lag(o, task) == 0;
}

/* Until when the connector is known to have sent everything; 0: not known. */
static int64_t sent_until_ms(const struct member_options *o, int64_t now) {
    int64_t heartbeat = o->consume_ops->heartbeat_ms(o->consume);
    if (heartbeat == 0) {
        return o->heartbeat_max_age_ms > 0 ? 0 : now;
    }
    return now - heartbeat <= o->heartbeat_interval_ms + GRACE_MS ? now : heartbeat;
}

static void set_age(struct metrics *metrics, enum metric metric, size_t at, int64_t now_us,
                    int64_t then_us) {
    if (then_us > 0) {
        metrics_set(metrics, metric, at, now_us > then_us ? now_us - then_us : 0);
    } else {
        metrics_unset(metrics, metric, at);
    }
}

void freshness_step(struct member *m) {
    struct metrics *metrics = m->o.metrics;
    const int64_t now = wall_ms(&m->o), now_us = now * 1000;
    int64_t shown_ms = sent_until_ms(&m->o, now);
    bool any = false;
    for (int32_t p = 0; p < m->partition_count; p++) {
        struct task *task = m->tasks[p];
        if (!task) {
            metrics_unset(metrics, METRIC_TASK_FRESHNESS, (size_t)p);
            metrics_unset(metrics, METRIC_TASK_CHANGE_AGE, (size_t)p);
            continue;
        }
        struct freshness *freshness = &task->freshness;
        if (has_applied_all(&m->o, task)) {
            freshness->shown_ms = now;
        }
        set_age(metrics, METRIC_TASK_FRESHNESS, (size_t)p, now_us, freshness->shown_ms * 1000);
        set_age(metrics, METRIC_TASK_CHANGE_AGE, (size_t)p, now_us, freshness->newest_us);
        any = true;
        shown_ms = freshness->shown_ms < shown_ms ? freshness->shown_ms : shown_ms;
    }
    if (!any) {
        m->heartbeats_since_ms = 0;
    } else if (m->heartbeats_since_ms == 0) {
        m->heartbeats_since_ms = now;
    }
    set_age(metrics, METRIC_FRESHNESS, 0, now_us, any ? shown_ms * 1000 : 0);
}

/* A member that has just begun to read gives the connector, which may be starting too, time for its
 * first one. */
void freshness_add_reason(const struct member *m, struct health_report *report) {
    int64_t heartbeat = m->o.consume_ops->heartbeat_ms(m->o.consume);
    int64_t since = heartbeat > m->heartbeats_since_ms ? heartbeat : m->heartbeats_since_ms;
    if (heartbeat == 0 || m->o.heartbeat_max_age_ms == 0 || m->heartbeats_since_ms == 0) {
        return;
    }
    int64_t age = wall_ms(&m->o) - since;
    if (age > m->o.heartbeat_max_age_ms && SAFEGUARD("a connector that is silent is not ready")) {
        health_report_add(report,
                          "the connector has sent no heartbeat for %lld s: it has failed or is "
                          "stopped, its slot is "
                          "lost, or the OLTP database does not answer",
                          (long long)(age / 1000));
    }
}
