/* arrival.h: a record that has come, on its way into the tasks.
 *
 * What:    of a core topic it is for one task, of a lookup topic for all; where the table has two
 *          roles, for both of them, each with an arrival. It is decoded once for a role, and its
 *          bytes are held once.
 * Owns:    nothing: bytes decoded for all tasks live until the next record.
 */
#ifndef PIPELINE_ARRIVAL_H
#define PIPELINE_ARRIVAL_H

#include "pipeline/internal.h"

struct arrival {
    const struct record *record;
    /* of a lookup topic: how many may hold it, a task in each role of the table; 0: of a core topic
     */
    size_t readers;
    /* of a lookup topic, for all roles of its table; NULL in it: nobody holds it yet */
    struct shared_record **shared;
    bool counted, reported; /* in the metrics: once, whoever takes it */
    /* of a lookup topic: what came of decoding it */
    bool decoded;
    enum err_kind kind;
    struct change change;
    struct err err;
};

static inline void arrival_begin(struct arrival *arrival, const struct record *record,
                                 size_t readers, struct shared_record **shared) {
    arrival->record = record;
    arrival->readers = readers;
    arrival->shared = shared;
    arrival->counted = arrival->reported = arrival->decoded = false;
}

/* As decode. arena: where bytes of a core topic's record go; those of others stay only until the
 * next record. A filtered relation's record of another task's row says nothing: it has no key. */
MUST_CHECK enum err_kind arrival_decode(struct member *m, const struct task *task,
                                        struct arrival *arrival, struct arena *arena,
                                        struct change *ret_change, struct err *reterr);

/* It was decoded to this, by the task or for it. */
void arrival_report(struct member *m, struct task *task, struct arrival *arrival,
                    const struct change *change);

#endif
