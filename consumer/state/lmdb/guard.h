/* guard.h: which store a crash of this thread would belong to, or a call that never ends.
 *
 * What:    LMDB aborts or faults on a damaged page, or loops for ever. A thread says before each
 *          call into it where the mark goes that its store is damaged; a handler of SIGSEGV,
 *          SIGBUS, SIGFPE and SIGABRT leaves it there and lets the signal have its way. A call that
 *          has taken too much of the processor is ended likewise, by SIGABRT. kill -9, and signals
 *          sent by others, leave none.
 * Owns:    the four signals' handlers and SIGVTALRM's, once installed; a pointer, a counter and a
 *          timer a thread.
 * Threads: any; a call that never ends is seen in threads that have asked for it.
 * Units:   milliseconds of processor time: a slow disk and a stopped process use none.
 * Errors:  ERR_BUG if the handlers or the timer can't be installed.
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
/* From now on a call of this thread that takes more than cpu_ms (and less than twice as much) is
 * ended. After guard_install. Children of fork have to ask for themselves. */
MUST_CHECK enum err_kind guard_watch(int cpu_ms, struct err *reterr);

#endif
