/* latency.h: when each change of one run was due, committed, read from Kafka, visible in the sink.
 *
 * Owns:    nothing; the arrays are main's.
 * Threads: each array is written by one thread, once an element; read after the threads have ended.
 * Units:   nanoseconds of CLOCK_MONOTONIC; 0: has not happened.
 * Errors:  none; what a bench can't do without ends it with a message.
 * Limits:  pairs of statements, of one student and one contact or as they are given, with the ids
 *          base, base + 1, ...
 */
#ifndef BENCH_LATENCY_H
#define BENCH_LATENCY_H

#include <stdatomic.h>
#include <stdint.h>

struct samples {
    int64_t base, count;             /* contact ids base .. base + count - 1 */
    int64_t *due, *committed, *read; /* of the contact's insert */
    _Atomic int64_t *visible;
    _Atomic int64_t seen; /* how many are visible */
    atomic_bool stopping;
};

struct load {
    const char *conninfo;
    double rate; /* statements a second: a student's and a contact's insert are two */
    const char *first, *second; /* the two statements; $1 is the id */
    int connections;
};

int64_t now_ns(void);
_Noreturn void give_up(const char *what, const char *why);

/* Makes all changes, each when it is due whatever became of those before it. */
void run_load(const struct load *load, struct samples *samples);

#endif
