/* snapshot.h: whether the connector's first snapshot is still coming.
 */
#ifndef PIPELINE_SNAPSHOT_H
#define PIPELINE_SNAPSHOT_H

#include "base/health.h"
#include "decode/decode.h"

struct member;

/* snapshot.c's memory: the connector's first snapshot, as its records tell. */
struct snapshot {
    bool running;
    bool ended;    /* its end is known: what was read until then is still to be applied */
    int64_t ts_us; /* of its newest record, in the source */
    int64_t
        end_ts_us; /* of the newest record that ends one, whether or not it was running; -1: none */
    int64_t wall_ms; /* ... when it was written to Kafka */
    uint32_t looks;  /* of the watch, before it began */
    int64_t
        *targets;  /* by task and table: applied up to here, it is over; -1: it is not waited for */
    int64_t at_ms; /* the next look */
};

void snapshot_init(struct member *m);
void snapshot_clear(struct member *m);
void snapshot_note(struct member *m, const struct record *record, const struct change *change);
void snapshot_step(struct member *m);
/* The operator knows better (SIGHUP). */
void snapshot_forget(struct member *m);
void snapshot_add_reason(const struct member *m, struct health_report *report);

#endif
