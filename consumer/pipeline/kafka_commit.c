/* Kafka is told how far the tasks are: a courtesy, for tools that show the lag. Of lookup topics
 * the group knows nothing; a topic that only shares out the tasks has no records. */
#include "pipeline/kafka_commit.h"

#define KAFKA_COMMIT_MS 1000

void kafka_commit_step(struct member *m) {
    int64_t now = now_ms(m);
    if (!m->kafka_commit_due || now < m->kafka_commit_at_ms) {
        return;
    }
    m->kafka_commit_due = false;
    m->kafka_commit_at_ms = now + KAFKA_COMMIT_MS;
    struct arena *arena = &m->scratch;
    arena_reset(arena);
    size_t count = 0, tables = member_group_topics(m);
    struct topic_position *positions =
        arena_alloc(arena, (size_t)m->partition_count * tables * sizeof *positions);
    for (int32_t p = 0; p < m->partition_count; p++) {
        const struct task *task = member_task(m, p);
        if (task && task->phase == TASK_LIVE) {
            for (size_t t = 0; t < tables; t++) {
                int64_t offset = t < m->parted_count ? task->progress.offsets[t] : 0;
                positions[count++] = (struct topic_position){(int)t, p, offset};
            }
        }
    }
    if (count > 0) {
        m->o.consume_ops->commit(m->o.consume, positions, count);
    }
}
