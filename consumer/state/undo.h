/* undo.h: what rows were before they were changed, to put them back.
 *
 * What:    a stack of (space, key, stored bytes before) in one buffer.
 * Owns:    copies of what is pushed.
 * Errors:  out of memory ends the process (buf.h).
 * Limits:  none of its own: a batch bounds it.
 */
#ifndef STATE_UNDO_H
#define STATE_UNDO_H

#include "base/buf.h"

struct undo {
    struct buf bytes;
};

/* An all-zero struct undo is valid and empty. */
void undo_clear(struct undo *undo);
/* before.ptr NULL: there was nothing. Copies both. */
void undo_push(struct undo *undo, int space, struct str key, struct str before);
/* Takes the newest entry off; false: none is left. The views live until the next push or clear. */
bool undo_pop(struct undo *undo, int *ret_space, struct str *ret_key, struct str *ret_before);
/* Forgets all entries; gives a large buffer back. */
void undo_reset(struct undo *undo);

#endif
