/* board.h: what the watch on the source database sees, from its thread to the pipeline.
 *
 * What:    the last look's findings and figures; the acknowledgement of what was found before.
 * Owns:    its copy, and a file descriptor.
 * Threads: one posts, one takes and acknowledges. Taking never waits.
 * Units:   bytes of the source's log.
 * Limits:  those of findings.h.
 */
#ifndef BASE_BOARD_H
#define BASE_BOARD_H

#include "base/findings.h"

#include <stdint.h>

/* One look, or the lack of one. */
struct board_news {
    struct findings findings;
    bool answered;     /* the database told; else slot and lag are the last look's */
    bool slot_read;    /* the connector reads its slot: its first snapshot is over */
    int64_t lag_bytes; /* written by the source, not confirmed by the connector; -1: not known */
    uint32_t looks;    /* that were answered, from 1 on; changes with each */
};

struct board;

struct board *board_new(void);
/* Accepts NULL and a pointer to NULL. */
void board_destroy(struct board **board);

/* ---- who watches ---- */

/* What is posted with this number is dropped once more was acknowledged. */
uint32_t board_round(struct board *board);
/* Copies news. False: it is out of date, look again. */
bool board_post(struct board *board, uint32_t round, const struct board_news *news);
/* Readable after an acknowledgement; board_round makes it unreadable. */
int board_fd(const struct board *board);

/* ---- who acts ---- */

/* False: nothing new, or it is being written just now. */
bool board_take(struct board *board, struct board_news *ret_news);
/* The operator knows what was found: what is over is forgotten, what still is comes again. */
void board_acknowledge(struct board *board);

#endif
