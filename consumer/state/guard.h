/* guard.h: which store a crash of this thread would belong to.
 *
 * What:    LMDB aborts or faults on a damaged page. A thread says before each call into it where
 *          the mark goes that its store is damaged; a handler of SIGSEGV, SIGBUS and SIGABRT leaves
 *          it there and lets the signal have its way. kill -9, and signals sent by others, leave
 *          none.
 * Owns:    the three signals' handlers, once installed; one pointer a thread.
 * Threads: any.
 * Units:   none.
 * Errors:  ERR_BUG if the handlers can't be installed.
 * Limits:  none.
 */
#ifndef STATE_GUARD_H
#define STATE_GUARD_H

#include "base/err.h"

/* mark_path is borrowed until guard_leave; the file is made there if the thread crashes. */
void guard_enter(const char *mark_path);
void guard_leave(void);
/* Makes the mark now. Async-signal-safe. */
void guard_mark(const char *mark_path);
MUST_CHECK enum err_kind guard_install(struct err *reterr);

#endif
