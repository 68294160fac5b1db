/* safeguard.h: names the checks that protect the data, so that tests can take them out.
 *
 * What:    SAFEGUARD("what it ensures") is true, and SAFEGUARD_SQL("...", "sql") is the SQL. Only
 *          the build for mutations (cmake -DMUTATIONS=ON) uses the names: it takes a safeguard out
 *          by its name, and tests/sim/mutations.py expects a test to fail without it. So the
 *          sources say at each of these places what it is for, and a test proves that each is
 *          needed.
 * Threads: any.
 * Limits:  the environment of such a build has SAFEGUARDS_OUT: names, '|' between them; or the name
 *          of one SAFEGUARD_SQL, which is replaced by the SQL in SAFEGUARD_INSTEAD.
 */
#ifndef BASE_SAFEGUARD_H
#define BASE_SAFEGUARD_H

#include <stdbool.h>

#ifndef MUTATIONS

#define SAFEGUARD(name)          true
#define SAFEGUARD_SQL(name, sql) sql

/* sql without the safeguards that are taken out; called where SQL is sent. */
static inline const char *safeguard_sql(const char *sql) {
    return sql;
}

#else

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline bool safeguard_stands(const char *name) {
    const char *out = getenv("SAFEGUARDS_OUT");
    size_t len = strlen(name);
    for (const char *at = out; at && *at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL) {
        if (strncmp(at, name, len) == 0 && (at[len] == '|' || at[len] == '\0')) {
            return false;
        }
    }
    return true;
}

/* Some are evaluated for each record, so each remembers the answer. */
#define SAFEGUARD(name)                                                                            \
    (__extension__({                                                                               \
        static _Atomic signed char answer = -1;                                                    \
        if (answer < 0) {                                                                          \
            answer = safeguard_stands(name);                                                       \
        }                                                                                          \
        answer != 0;                                                                               \
    }))
/* Enclosed in two SQL comments, for safeguard_sql. */
#define SAFEGUARD_SQL(name, sql) "/*<" name ">*/" sql "/*</" name ">*/"

/* Static storage, until the next call. */
static inline const char *safeguard_sql(const char *sql) {
    static char texts[2][1 << 20];
    const char *out = getenv("SAFEGUARDS_OUT"), *instead = getenv("SAFEGUARD_INSTEAD"), *begin;
    char open[200], close[200];
    (void)snprintf(open, sizeof open, "/*<%s>*/", out ? out : "");
    (void)snprintf(close, sizeof close, "/*</%s>*/", out ? out : "");
    for (int i = 0; (begin = strstr(sql, open)); i = !i) {
        const char *end = strstr(begin, close) + strlen(close);
        (void)snprintf(texts[i], sizeof texts[i], "%.*s%s%s", (int)(begin - sql), sql,
                       instead ? instead : "", end);
        sql = texts[i];
    }
    return sql;
}

#endif

#endif
