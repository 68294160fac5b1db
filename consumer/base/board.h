/* board.h: passes what the source watch found from its thread to the pipeline.
 *
 * What:    the last look's findings and figures; in the other direction, the operator's
 *          acknowledgement of earlier findings.
 * Owns:    its copy, and a file descriptor.
 * Threads: one posts, one takes and acknowledges. Taking never waits.
 * Units:   bytes of the source's log.
 * Limits:  those of findings.h.
 */
#ifndef BASE_BOARD_H
#define BASE_BOARD_H

#include "base/findings.h"

#include <stdint.h>

/* One look, or that there was no answer. */
struct board_news {
    struct findings findings;
    bool answered;     /* the database answered; else slot and lag are the last look's */
    bool slot_read;    /* the connector reads its slot: its first snapshot is over */
    int64_t lag_bytes; /* written by the source, not confirmed by the connector; -1: not known */
    uint32_t looks;    /* that were answered, from 1 on; changes with each */
};

struct board;

struct board *board_new(void);
/* Accepts NULL and a pointer to NULL. */
void board_destroy(struct board **board);

/* ---- for the watch ---- */

/* The number of acknowledgements so far. A post with an older number is dropped. */
uint32_t board_round(struct board *board);
/* Copies news. False: there was an acknowledgement since: look again. */
bool board_post(struct board *board, uint32_t round, const struct board_news *news);
/* A file descriptor that is readable after an acknowledgement, until board_round. */
int board_fd(const struct board *board);

/* ---- for the pipeline ---- */

/* False: nothing new, or it is just being written. */
bool board_take(struct board *board, struct board_news *ret_news);
/* The operator knows the findings: those that are over are forgotten, the others come again. */
void board_acknowledge(struct board *board);

#endif
