/* sources.h: where settings come from, as one list of name and value.
 *
 * What:    JSON text, environment variables and --set arguments, not yet looked into.
 * Owns:    entries live in the list's arena.
 * Errors:  ERR_CONFIG; a message never repeats a value, nor text of the file (it may be a secret).
 * Limits:  those of config.h.
 */
#ifndef CONFIG_SOURCES_H
#define CONFIG_SOURCES_H

#include "base/arena.h"
#include "base/err.h"

#include <stddef.h>

struct config_entry {
    struct config_entry *next;
    const char *name;     /* as in the table, joined by dots; not yet known to exist */
    const char *value;    /* may be "" */
    const char *origin;   /* for messages: "config.json line 3" */
    const char *variable; /* the environment variable's name, else NULL */
};

struct config_entries {
    struct arena *arena;
    struct config_entry *first, *last; /* rising precedence */
    size_t count;
};

/* Appends what a JSON text says; file is for messages. The only function that sees foreign bytes:
 * it can be fuzzed alone. */
enum err_kind config_entries_json(struct config_entries *entries, struct str json, const char *file,
                                  struct err *reterr) MUST_CHECK;
/* The same for a file. */
enum err_kind config_entries_file(struct config_entries *entries, const char *file,
                                  struct err *reterr) MUST_CHECK;
/* SYNC_* of a NULL-terminated environment; other variables are passed over. */
enum err_kind config_entries_environ(struct config_entries *entries, char *const *variables,
                                     struct err *reterr) MUST_CHECK;
/* name=value each. */
enum err_kind config_entries_sets(struct config_entries *entries, const char *const *sets,
                                  size_t count, struct err *reterr) MUST_CHECK;

#endif
