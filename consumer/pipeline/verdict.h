/* verdict.h: what a step found out about a task, for member_step to act on.
 *
 * What:    a task that can't go on as it is gets a verdict and is left alone from then on;
 *          apply_verdicts.c takes it apart, or puts another in its place, between two steps.
 *          Besides, tasks come and go with the assignment alone (group.c). The first verdict
 *          stands.
 * Owns:    nothing: copies.
 */
#ifndef PIPELINE_VERDICT_H
#define PIPELINE_VERDICT_H

#include "base/err.h"
#include "base/metrics.h"

#include <stdbool.h>

enum verdict_kind {
    VERDICT_NONE,
    VERDICT_FAILED,     /* its state or its work: the kind of err says what follows */
    VERDICT_HALT,       /* err says why */
    VERDICT_REACQUIRE,  /* somebody else may have written, or its cache is of no use */
    VERDICT_READ_AGAIN, /* its cache is emptied and the log read from its start */
};

/* An all-zero struct verdict is none. */
struct verdict {
    enum verdict_kind kind;
    enum reacquired reason;     /* REACQUIRE; after FENCED again and again the waits grow */
    enum cache_discard discard; /* REACQUIRE: DISCARD_NONE, or why its cache is to be discarded
                                   then; READ_AGAIN: why */
    char why[160];              /* REACQUIRE */
    struct err err;             /* FAILED, HALT */
};

static inline bool verdict_stands(const struct verdict *verdict) {
    return verdict->kind != VERDICT_NONE;
}

void verdict_fail(struct verdict *verdict, const struct err *err);
void verdict_halt(struct verdict *verdict, const struct err *err);
void verdict_reacquire(struct verdict *verdict, enum reacquired reason, const char *why);
/* Acquires it anew and rebuilds its cache. */
void verdict_distrust(struct verdict *verdict, enum cache_discard why);
void verdict_read_again(struct verdict *verdict, enum cache_discard why);

#endif
