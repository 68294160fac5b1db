/* identifier.h: names as SQL has them. Private to view/.
 *
 * What:    quotes a name where SQL needs it; finds the name that was probably meant.
 * Limits:  IDENTIFIER_MAX: the parser has cut longer ones before they come here.
 */
#ifndef VIEW_IDENTIFIER_H
#define VIEW_IDENTIFIER_H

#include "base/buf.h"
#include "plan/plan.h"

/* Appends name as an SQL identifier, in quotes unless it is plain lower case and no key word. */
void identifier_append(struct buf *out, struct str name);
/* In quotes, each quote in it doubled, and a NUL. */
#define IDENTIFIER_TEXT_MAX (2 * IDENTIFIER_MAX + 3)
/* The same into the caller's buffer, for messages. Returns out. */
const char *identifier_text(char out[IDENTIFIER_TEXT_MAX], struct str name);

/* Remembers the candidate nearest to a name by edit distance; all-zero but for .name to begin. */
struct nearest {
    struct str name, best;
    size_t distance;
};
void nearest_try(struct nearest *nearest, struct str candidate);
/* The nearest one; absent if nothing is near. */
struct str nearest_found(const struct nearest *nearest);

/* Whether two names are one when upper and lower case (of ASCII) are not told apart. */
bool identifier_same_folded(struct str a, struct str b);

#endif
