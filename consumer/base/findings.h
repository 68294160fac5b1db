/* findings.h: what a look at the source database found, one line each.
 *
 * What:    the differences between the SQL files and the database, with how serious each is and
 *          what to do about it.
 * Limits:  FINDINGS_MAX; further ones are only counted.
 */
#ifndef BASE_FINDINGS_H
#define BASE_FINDINGS_H

#include <stdbool.h>
#include <stddef.h>

#define FINDINGS_MAX     24
#define FINDING_TEXT_MAX 640

/* What it is about; a metric's label values. */
enum finding_kind {
    FINDING_TABLE,       /* missing, or not an ordinary table */
    FINDING_REPLACED,    /* another table has the name, or no table had it for a while */
    FINDING_EMPTIED,     /* TRUNCATE, or rewritten */
    FINDING_IDENTITY,    /* REPLICA IDENTITY is not FULL */
    FINDING_COLUMNS,     /* columns, types, keys */
    FINDING_PUBLICATION, /* what the publication holds */
    FINDING_SLOT,        /* the replication slot */
    FINDING_SERVER,      /* the server's settings */
    FINDING_TRIGGER,     /* no trigger rejects TRUNCATE */
    FINDING_AWAY,        /* the database does not answer */
    FINDING_KINDS,
};

enum finding_weight {
    FINDING_NOTE, /* logged once; nothing is lost by it alone */
    FINDING_RED,  /* must be fixed; after that nothing is missing */
    FINDING_LOSS, /* changes meanwhile are lost, or may be: fixing it does not bring them back */
    FINDING_HALT, /* the same, and records lack what the tasks need */
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
    size_t more; /* beyond FINDINGS_MAX */
};

void findings_add(struct findings *findings, enum finding_kind kind, enum finding_weight weight,
                  const char *format, ...) __attribute__((format(printf, 4, 5)));
/* "table", "replaced", ...: static storage. */
const char *finding_kind_name(enum finding_kind kind);
/* Whether one of this weight or more is there. */
bool findings_any(const struct findings *findings, enum finding_weight weight);

#endif
