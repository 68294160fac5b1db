#include "pipeline/internal.h"
#include "pipeline/lookup_topics.h"
#include "pipeline/member.h"
#include "pipeline/origin.h"

static bool task_ready(const struct member *m, const struct task *task) {
    return task->phase == TASK_LIVE && task->conflict_since_ms == 0 &&
           (task->to_fill == 0 || !SAFEGUARD("a task that fills a table is not ready")) &&
           lookup_topics_proven(m, task) &&
           (lookup_topics_wait_ms(m, task) == 0 ||
            !SAFEGUARD("a task that is not read for is not ready"));
}

static bool topics_ready(const struct member *m) {
    bool ready = true;
    for (size_t t = 0; t < m->plan->relation_count; t++) {
        ready &= !m->lookups[t].gone || !SAFEGUARD("without a lookup topic nothing is ready");
    }
    return ready;
}

bool member_ready(const struct member *m) {
    bool ready = m->joined && !m->revoking && !m->stopping && m->incomplete_since_ms == 0;
    ready = ready && !origin_is_red(m) && !m->snapshot.running && topics_ready(m);
    for (size_t i = 0; ready && i < m->o.sink_count; i++) {
        ready = m->sessions[i].connected && !m->sessions[i].must_verify;
    }
    for (int32_t p = 0; ready && p < m->partition_count; p++) {
        ready = !m->tasks[p] || task_ready(m, m->tasks[p]);
    }
    return ready;
}
