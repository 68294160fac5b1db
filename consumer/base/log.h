/* log.h: logfmt lines, or the same as JSON.
 *
 * What:    `ts=... level=... member=... component=... event=... key=value ...`, one line a
 *          write(2).
 * Owns:    nothing: the file descriptor is the caller's.
 * Threads: a struct log may be used from any thread (one write a line; O_APPEND keeps lines whole).
 * Units:   ts is UTC with milliseconds.
 * Errors:  none: that the log can't be written is no reason to stop.
 * Limits:  a line is cut at 4095 bytes. Keys and offsets, never row values (personal data).
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/err.h"
#include "base/recent.h"
#include "base/str.h"

#include <stdarg.h>
#include <stdbool.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_FORMAT_LOGFMT, LOG_FORMAT_JSON /* see log_json.h */ };

struct log {
    int fd;
    enum log_level level; /* lines below it are not written */
    char member[64];      /* shown as member= */
    enum log_format format;
    struct recent *recent; /* gets warnings and errors, too; NULL: nothing does */
};

/* log_line(log, LOG_INFO, "pipeline", "batch", "task=%d records=%zu", ...): format holds further
 * `key=value` pairs separated by one blank, or is "". Values that may hold blanks, quotes or
 * control bytes go through %s of log_quote. */
void log_line(const struct log *log, enum log_level level, const char *component, const char *event,
              const char *format, ...) __attribute__((format(printf, 5, 6)));
/* log_line for a struct err: adds err=KIND, sqlstate/topic/partition/offset where set,
 * message="...". */
void log_err(const struct log *log, enum log_level level, const char *component, const char *event,
             const struct err *err);
/* And hint="..."; NULL: none. */
void log_err_hint(const struct log *log, enum log_level level, const char *component,
                  const char *event, const struct err *err, const char *hint);
/* Writes s as a logfmt value ("..." with escapes where needed) into out; returns out. */
const char *log_quote(char *out, size_t size, struct str s);
static inline bool log_enabled(const struct log *log, enum log_level level) {
    return level >= log->level;
}

#endif
