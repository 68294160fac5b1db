/* definition.h: a view in lines of text, and how two such texts differ.
 *
 * What:    what the fingerprint is made of, "subject: value" a line, for people: it is kept beside
 *          the progress, so that a later view can be compared with the one that filled the table.
 * Owns:    the text lives in the arena.
 * Threads: any.
 */
#ifndef VIEW_DEFINITION_H
#define VIEW_DEFINITION_H

#include "base/arena.h"
#include "view/view.h"

struct str definition_text(struct arena *arena, const struct view *view);
/* The differences, "subject was A, is now B; ...", as far as they fit into out; returns how many
 * there are. */
size_t definition_difference(struct str before, struct str now, char *out, size_t size);

#endif
