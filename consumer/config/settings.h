/* settings.h: the one table of settings.
 *
 * What:    what can be set: the parser, --help and docs/configuration.md all read this table.
 * Owns:    nothing: static storage.
 * Threads: read-only.
 * Units:   beside each row.
 */
#ifndef CONFIG_SETTINGS_H
#define CONFIG_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum config_type {
    CONFIG_TEXT,    /* const char *; min and max are bytes */
    CONFIG_WORD,    /* the same, of letters, digits, dots, underscores, hyphens */
    CONFIG_INTEGER, /* int64_t between min and max */
    CONFIG_BOOL,    /* bool */
    CONFIG_CHOICE,  /* an enum whose values are the indexes of choices */
    CONFIG_PASSED,  /* a shipped default of a pass-through group: no field, not looked into */
};

struct config_setting {
    const char *name;
    enum config_type type;
    bool secret;
    size_t offset;              /* of the field in struct config */
    int64_t min, max;           /* see type */
    const char *unit;           /* of an integer; NULL: none */
    const char *const *choices; /* NULL-terminated */
    const char *initial;        /* the default; NULL: unset */
    const char *help;           /* one line */
};

/* Settings whose names begin with prefix go to somebody else. */
struct config_group {
    const char *prefix;       /* "kafka." */
    const char *for_whom;     /* who understands and checks them */
    const char *letters;      /* what a name may hold after prefix; NULL: anything printable */
    size_t offset;            /* of its struct config_pairs in struct config */
    const char *introduction; /* for the documents */
};

/* A name that may not be set, or only to some values, and why. */
struct config_fixed {
    const char *name; /* with `*` at its end: every name that begins so */
    const char *reason;
    const char *const *values; /* NULL-terminated, what it may be set to; NULL: nothing */
};

/* Each ends with an all-zero row. */
extern const struct config_setting config_settings[];
extern const struct config_group config_groups[];
extern const struct config_fixed config_fixed[]; /* fixed.c */

#endif
