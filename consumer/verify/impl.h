/* impl.h: a verification under way. Private to verify/.
 *
 * What:    shape.c finds out how both sides are to be read, query.c writes the queries.
 *          reading.c compares rows, for all.c and sample.c. settle.c looks again at what differs,
 *          path.c knows how far changes have come, known.c what the service has recorded, judge.c
 *          tells of what stays. pace.c has the time.
 */
#ifndef VERIFY_IMPL_H
#define VERIFY_IMPL_H

#include "base/arena.h"
#include "base/buf.h"
#include "verify/again.h"
#include "verify/merge.h"
#include "verify/session.h"

enum side {
    SOURCE,
    SINK,
    SIDES,
};

/* A refused row, or a record that was set aside, as the OLAP database has it. */
struct known_entry {
    int relation;   /* -1: a refused row */
    struct str key; /* as sync_refused or sync_dead_letter has it */
    struct str why;
};

struct known {
    struct known_entry *items; /* by (relation, key) */
    size_t count, cap;
    struct arena arena;
};

struct verify {
    const struct plan *plan;
    const struct target *target;
    const struct verify_options *options;
    struct verify_result *result;
    struct arena arena;
    struct order order;
    /* By target.key_outputs: what conditions call a key, and its type. */
    struct str *names[SIDES], *types;
    struct str
        *casts;  /* by outputs, to the table's type, where the view's is another; else absent */
    bool placed; /* the task of a row can be told */
    struct session stream[SIDES], look[SIDES];
    struct differences pending;
    struct known known;
    struct str excluded; /* a condition: rows that expressions fail for; absent: none */
    struct again_path path;
    int64_t probe_ms;   /* when the source's log was at probe */
    char probe[32];     /* "": not asked yet */
    bool slot_is_there; /* and can be seen */
    int64_t started_ms, shown_ms;
    struct verify_progress progress;
};

/* ---- pace.c ---- */

int64_t verify_now(void);
/* Until then, or told to stop. */
MUST_CHECK enum err_kind verify_sleep(const struct verify *verify, int64_t ms, struct err *reterr);
/* Tells of the progress, now and then. */
void verify_progress(struct verify *verify);

/* ---- shape.c ---- */

MUST_CHECK enum err_kind shape_read(struct verify *verify, struct err *reterr);
/* The task that has the row; -1: not known. */
int32_t row_task(const struct verify *verify, const struct str *row);

/* ---- query.c ---- */

void query_identifier(struct buf *out, struct str name);
void query_literal(struct buf *out, struct str value); /* NULL for ptr NULL */
/* COPY of the rows for which the condition (by side; absent: none) is true. */
void query_copy(struct buf *out, const struct verify *verify, enum side side, struct str condition);
/* The same as a query that can be described. */
void query_text(struct buf *out, const struct verify *verify, enum side side, struct str condition);
/* Conditions, for either side: rows whose first `parts` keys are those of the rows (by outputs),
 * all of which have NULLs in the same places ... */
void query_keys(struct buf *out, const struct verify *verify, enum side side, size_t parts,
                const struct str *const *rows, size_t count);
/* ... and rows from a row on, in their order. */
void query_from(struct buf *out, const struct verify *verify, enum side side,
                const struct str *row);
/* Appends " AND " between conditions. */
void query_and(struct buf *out);
/* options->keys. */
void query_given(struct buf *out, const struct verify *verify, enum side side);

/* ---- reading.c ---- */

#define READ_STEP 1000 /* rows between two looks at the clock */

/* Begins to read both sides, before a row of either is taken, so that they run side by side. */
MUST_CHECK enum err_kind reading_begin(struct verify *verify, struct session *sessions,
                                       const struct buf conditions[SIDES], struct err *reterr);
struct merge reading_merge(struct verify *verify, struct session *sessions,
                           struct differences *found);
/* The stream's sessions anew. */
MUST_CHECK enum err_kind reading_renew(struct verify *verify, struct err *reterr);
/* Adds what the merge has compared since to the result. */
void reading_count(struct verify *verify, struct merge *merge);
/* Compares the rows of these conditions by a pair of sessions; adds to found. */
MUST_CHECK enum err_kind read_some(struct verify *verify, struct session *sessions,
                                   const struct buf conditions[SIDES], struct differences *found,
                                   bool counts, struct err *reterr);

/* ---- all.c ---- */

/* Compares all rows, or those of options->keys and options->task. */
MUST_CHECK enum err_kind read_all(struct verify *verify, struct err *reterr);

/* ---- sample.c ---- */

/* Compares keys by chance until the time is over. */
MUST_CHECK enum err_kind read_sample(struct verify *verify, struct err *reterr);

/* ---- settle.c ---- */

/* Looks again at what is pending until nothing is, and tells of what stays. */
MUST_CHECK enum err_kind settle(struct verify *verify, struct err *reterr);

/* ---- path.c ---- */

MUST_CHECK enum err_kind path_look(struct verify *verify, struct err *reterr);
/* Appends where it stands; nothing, where that is not known. */
void path_show(struct verify *verify, struct buf *out);

/* ---- known.c ---- */

MUST_CHECK enum err_kind known_read(struct verify *verify, struct err *reterr);
/* The condition that leaves rows out which an expression fails for, or may fail for: refused ones,
 * and those of dead letters. Absent: nothing is known. */
struct str known_condition(struct verify *verify, bool letters, uint64_t *ret_count);
/* The entry that explains a difference; NULL: there is none. */
MUST_CHECK enum err_kind known_find(struct verify *verify, const struct difference *difference,
                                    const struct known_entry **ret_entry, struct err *reterr);

/* ---- judge.c ---- */

/* late: changes may still be on their way. */
MUST_CHECK enum err_kind judge(struct verify *verify, const struct difference *difference,
                               bool late, struct err *reterr);

#endif
