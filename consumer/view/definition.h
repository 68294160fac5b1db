/* definition.h: a view in lines of text.
 *
 * What:    what the fingerprint is made of, "subject: value" a line, for people: it is kept beside
 *          the progress, so that a later view can be compared with the one that filled the table.
 * Owns:    the text lives in the arena.
 * Threads: any.
 */
#ifndef VIEW_DEFINITION_H
#define VIEW_DEFINITION_H

#include "base/arena.h"
#include "plan/plan.h"

struct str definition_text(struct arena *arena, const struct plan *plan,
                           const struct target *target);

#endif
