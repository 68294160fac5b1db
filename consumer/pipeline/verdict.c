#include "pipeline/verdict.h"

#include <stdio.h>

void verdict_fail(struct verdict *verdict, const struct err *err) {
    if (!verdict_stands(verdict)) {
        verdict->kind = VERDICT_FAILED;
        verdict->err = *err;
    }
}

void verdict_halt(struct verdict *verdict, const struct err *err) {
    if (!verdict_stands(verdict)) {
        verdict->kind = VERDICT_HALT;
        verdict->err = *err;
    }
}

void verdict_reacquire(struct verdict *verdict, enum reacquired reason, const char *why) {
    if (!verdict_stands(verdict)) {
        verdict->kind = VERDICT_REACQUIRE;
        verdict->reason = reason;
        verdict->discard = DISCARD_NONE;
        (void)snprintf(verdict->why, sizeof verdict->why, "%s", why);
    }
}

void verdict_distrust(struct verdict *verdict, enum cache_discard why) {
    if (!verdict_stands(verdict)) {
        verdict_reacquire(verdict, REACQUIRED_CACHE, "its cache can't be trusted");
        verdict->discard = why;
    }
}

void verdict_read_again(struct verdict *verdict, enum cache_discard why) {
    if (!verdict_stands(verdict)) {
        verdict->kind = VERDICT_READ_AGAIN;
        verdict->discard = why;
    }
}
