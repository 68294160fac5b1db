/* origin.h: what the watch on the source database found.
 */
#ifndef PIPELINE_ORIGIN_H
#define PIPELINE_ORIGIN_H

#include "base/board.h"
#include "base/health.h"

struct member;

/* origin.c's memory. */
struct origin {
    struct board_news *news;  /* as last taken; all-zero: none yet */
    struct board_news *spare; /* the next is written into */
    int64_t at_ms;            /* the next look at the board */
};

void origin_init(struct member *m);
void origin_clear(struct member *m);
/* Takes its news: says, counts, and halts the tasks where they must not go on. */
void origin_step(struct member *m);
/* Forgets them, and has it look again. */
void origin_resume(struct member *m);
/* Whether anything is found for which the member is not ready. */
bool origin_is_red(const struct member *m);
void origin_add_reasons(const struct member *m, struct health_report *report);

#endif
