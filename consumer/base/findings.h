/* findings.h: what a look at the source database found, one line each.
 *
 * What:    differences between what the SQL files say and what is there, with how much each weighs
 *          and what to do about it.
 * Limits:  FINDINGS_MAX; further ones are only counted.
 */
#ifndef BASE_FINDINGS_H
#define BASE_FINDINGS_H

#include <stdbool.h>
#include <stddef.h>

#define FINDINGS_MAX     24
#define FINDING_TEXT_MAX 640

/* What it is about; metrics' words. */
enum finding_kind {
    FINDING_TABLE,       /* missing, or not an ordinary table */
    FINDING_REPLACED,    /* another table took the name, or the name was away for a while */
    FINDING_EMPTIED,     /* TRUNCATE, or written anew */
    FINDING_IDENTITY,    /* REPLICA IDENTITY is not FULL */
    FINDING_COLUMNS,     /* columns, types, keys */
    FINDING_PUBLICATION, /* what the publication holds */
    FINDING_SLOT,        /* the replication slot */
    FINDING_SERVER,      /* the server's settings */
    FINDING_TRIGGER,     /* nothing refuses TRUNCATE */
    FINDING_AWAY,        /* nobody can tell: the database does not answer */
    FINDING_KINDS,
};

enum finding_weight {
    FINDING_NOTE, /* said once; nothing is lost by it alone */
    FINDING_RED,  /* must be mended; then all is well */
    FINDING_LOSS, /* what changes meanwhile is lost, or may be: mending it does not bring it back */
    FINDING_HALT, /* the same, and records no longer tell what the tasks need */
};

struct finding {
    enum finding_kind kind;
    enum finding_weight weight;
    bool passes;                 /* history.c's: the text is no longer true once it is over */
    char text[FINDING_TEXT_MAX]; /* what is wrong and what to do */
};

struct findings {
    struct finding items[FINDINGS_MAX];
    size_t count;
    size_t more; /* for which there was no room */
};

void findings_add(struct findings *findings, enum finding_kind kind, enum finding_weight weight,
                  const char *format, ...) __attribute__((format(printf, 4, 5)));
/* "table", "replaced", ...: static storage. */
const char *finding_kind_name(enum finding_kind kind);
/* Whether one of this weight or more is there. */
bool findings_any(const struct findings *findings, enum finding_weight weight);

#endif
