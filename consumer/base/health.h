/* health.h: passes the member's health from its main thread to those that ask.
 *
 * What:    a heartbeat at each turn of the member's loop, and a report: ready, or why not.
 * Owns:    its copy of the report.
 * Threads: one writes (beat, publish) and never waits; any may read.
 * Units:   milliseconds of the monotonic clock.
 * Errors:  none; a NULL struct health ignores everything.
 * Limits:  a report is cut at HEALTH_TEXT_MAX bytes.
 */
#ifndef BASE_HEALTH_H
#define BASE_HEALTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEALTH_TEXT_MAX 8192

struct health_report {
    bool ready;
    bool cut;   /* not all reasons fitted */
    size_t len; /* of text */
    /* Why not: one reason per line, each with its newline, then a NUL; empty if ready. */
    char text[HEALTH_TEXT_MAX];
};

/* Empties the report: ready, until a reason is added. */
void health_report_begin(struct health_report *report);
/* Adds a line, with control bytes replaced by blanks. The first that does not fit is replaced by a
 * line that says so. */
void health_report_add(struct health_report *report, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

struct health;

/* Not ready, "starting", until the first report. */
struct health *health_new(void);
/* Accepts NULL and a pointer to NULL. */
void health_destroy(struct health **health);

/* The loop is running. */
void health_beat(struct health *health, int64_t now_ms);
/* The last beat; -1: none yet. */
int64_t health_last_beat_ms(const struct health *health);
/* False: somebody is reading just now; publish it again soon. */
bool health_publish(struct health *health, const struct health_report *report);
void health_read(struct health *health, struct health_report *ret_report);

#endif
