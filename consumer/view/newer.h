/* newer.h: syntax that the parser here is too old for. Private to view/.
 *
 * What:    libpg_query is the parser of one major version of PostgreSQL. Where it fails, some of
 *          what later ones have is recognised by the words before that place.
 * Owns:    nothing.
 */
#ifndef VIEW_NEWER_H
#define VIEW_NEWER_H

#include "base/str.h"

#include <stddef.h>

struct newer {
    const char *what; /* "NOT ENFORCED"; NULL: it is none that is known */
    int version;      /* the first one that has it */
};

/* What stands where the parser failed: at byte `at` of an SQL text. */
struct newer newer_syntax(struct str text, size_t at);

#endif
