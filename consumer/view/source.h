/* source.h: an SQL file, its parse tree, and how a place in it is shown. Private to view/.
 *
 * What:    reads a file, parses it with libpg_query, walks the tree's JSON.
 * Owns:    a struct source owns its text and tree until source_clear.
 * Threads: one at a time: libpg_query redirects stderr while it parses.
 * Units:   places are byte offsets into the text, as the tree's `location` has them.
 * Errors:  ERR_CONFIG with file, line, column; the report adds the line, a caret and what is
 *          supported.
 * Limits:  SOURCE_BYTES_MAX.
 *
 * libpg_query's own memory (some kilobytes) stays until the process ends: in 15-4.0.0 the next
 * parse after pg_query_exit reads what was freed.
 */
#ifndef VIEW_SOURCE_H
#define VIEW_SOURCE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <jansson.h>

#define SOURCE_BYTES_MAX ((size_t)16 * 1024 * 1024)
#define NOWHERE          SIZE_MAX

/* Where a refusal goes: both may be NULL. */
struct report {
    char **ret_text; /* the full text, malloc'ed: the caller of view_load frees it */
    struct err *err;
};

struct source {
    const char *path; /* borrowed */
    struct buf text;
    json_t *tree; /* {"version":..., "stmts":[...]} */
};

/* An all-zero struct source is valid and empty; source_clear after failure too. */
MUST_CHECK enum err_kind source_read(const char *path, struct source *source,
                                     const struct report *report);
void source_clear(struct source *source);
/* Refuses what is at `at` (NOWHERE: the file as a whole); supported: what may stand there, or NULL.
 * Returns ERR_CONFIG. */
enum err_kind source_refuse(const struct source *source, size_t at, const char *supported,
                            const struct report *report, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* The same with whole lines below the caret. */
enum err_kind source_refuse_more(const struct source *source, size_t at, const char *supported,
                                 struct str more, const struct report *report, const char *format,
                                 ...) __attribute__((format(printf, 6, 7)));

/* Appends "view.sql:3:7". */
void source_place(const struct source *source, size_t at, struct buf *out);

/* ---- the tree; every function accepts NULL for a node that is not there ---- */

/* The members of a node {"tag": {...}} of that tag, else NULL. */
json_t *ast_is(json_t *node, const char *tag);
/* The tag of a node {"tag": {...}}; "nothing" without. */
const char *ast_tag(json_t *node);
/* A member that is a string; absent if it isn't there. */
struct str ast_text(json_t *members, const char *name);
bool ast_flag(json_t *members, const char *name);
/* The string of a list of {"String": {"sval": ...}} at index; absent if it isn't there. */
struct str ast_name(json_t *list, size_t index);
/* The first place that node or anything below it has, else NOWHERE. */
size_t ast_place(json_t *node);
/* Its own place alone. */
size_t ast_own_place(json_t *members);
/* The statements' nodes. */
json_t *source_statement(const struct source *source, size_t index);
size_t source_statement_count(const struct source *source);
/* Where the statement begins. */
size_t source_statement_place(const struct source *source, size_t index);

#endif
