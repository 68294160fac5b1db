/* show.h: a plan in a line of the log.
 *
 * Owns:    nothing: the texts are in the arena.
 */
#ifndef CLI_SHOW_H
#define CLI_SHOW_H

#include "base/arena.h"
#include "plan/plan.h"

/* `a,b`: its views. */
const char *show_views(const struct plan *plan, struct arena *arena);
/* `"public.a core (k,x); public.b lookup (id,y)"`: a value of logfmt. */
const char *show_tables(const struct plan *plan, struct arena *arena);

#endif
