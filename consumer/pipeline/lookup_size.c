#include "pipeline/lookup_size.h"

#include <inttypes.h>

#define MIB (1 << 20)

static void refuse(const struct member_options *o, struct task *task,
                   const struct relation *relation, uint64_t bytes) {
    struct err err;
    double all = (double)bytes * o->plan->partition_count / MIB;
    (void)err_set(&err, ERR_HALT,
                  "lookup table " STR_FMT " takes %" PRIu64 " bytes in the cache of task %" PRId32
                  ", more than lookup.max.bytes (%" PRIu64 "); every task keeps all of it: %" PRId32
                  " tasks %.0f MiB. If all members have the disk for that, raise lookup.max.bytes "
                  "and restart them; else use fewer columns of it, fewer partitions (with new "
                  "topics), or a partition key by which it is no lookup. If it has become smaller "
                  "since: delete state.dir while no member runs",
                  STR_ARG(relation->name), bytes, task->number, o->lookup_max_bytes,
                  o->plan->partition_count, all);
    verdict_halt(&task->verdict, &err);
}

void lookup_size_check(const struct member_options *o, struct task *task) {
    for (size_t t = 0; t < o->plan->relation_count && o->lookup_max_bytes > 0; t++) {
        const struct relation *relation = &o->plan->relations[t];
        uint64_t bytes = 0;
        struct err err;
        if (relation->role != ROLE_LOOKUP) {
            continue;
        }
        if (state_table_bytes(task->state, (int)t, &bytes, &err) != ERR_NONE) {
            verdict_fail(&task->verdict, &err);
            return;
        }
        if (bytes > o->lookup_max_bytes &&
            SAFEGUARD("a lookup that is too large halts its tasks")) {
            refuse(o, task, relation, bytes);
            return;
        }
    }
}
