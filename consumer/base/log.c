#include "base/log.h"

#include "base/clock.h"
#include "base/log_json.h"
#include "base/utf8.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

/* The newline included; below PIPE_BUF, so that a pipe keeps lines whole too. */
#define LINE_BYTES 4095

struct line {
    char text[LINE_BYTES]; /* printf's NUL is where the newline will be */
    size_t len;
};

static const char *level_name(enum log_level level) {
    switch (level) {
    case LOG_DEBUG:
        return "debug";
    case LOG_INFO:
        return "info";
    case LOG_WARN:
        return "warn";
    case LOG_ERROR:
        return "error";
    }
    return "unknown";
}

static bool is_continuation(char c) {
    return ((unsigned char)c & 0xc0U) == 0x80;
}

/* The length of the UTF-8 character that s begins with; 0: it begins with none. */
static size_t utf8_len(struct str s) {
    uint32_t code = 0;
    return utf8_decode(s.ptr, s.ptr + s.len, &code);
}

/* vsnprintf has appended to the line and returned len. Cuts what does not fit before the newline,
 * between two characters. */
static void line_grow(struct line *line, int len) {
    if (len < 0) {
        return;
    }
    if ((size_t)len < LINE_BYTES - line->len) {
        line->len += (size_t)len;
        return;
    }
    size_t end = LINE_BYTES - 1;
    size_t start = end;
    while (start > line->len && end - start < 4 && is_continuation(line->text[start - 1])) {
        start--;
    }
    if (start > line->len && (unsigned char)line->text[start - 1] >= 0xc0) {
        start--;
        if (utf8_len((struct str){line->text + start, end - start}) == 0) {
            end = start; /* drop half a character */
        }
    }
    line->len = end;
}

__attribute__((format(printf, 2, 3))) static void line_printf(struct line *line, const char *format,
                                                              ...) {
    va_list args;
    va_start(args, format);
    line_grow(line, vsnprintf(line->text + line->len, LINE_BYTES - line->len, format, args));
    va_end(args);
}

static void line_head(struct line *line, const struct log *log, enum log_level level,
                      const char *component, const char *event) {
    struct clock clock = clock_real();
    int64_t now_ms = clock_wall_ms(&clock);
    time_t seconds = (time_t)(now_ms / 1000);
    struct tm t = {0};
    (void)gmtime_r(&seconds, &t);
    char member[sizeof log->member * 6 + 3];
    line->len = 0;
    line_printf(line,
                "ts=%04d-%02d-%02dT%02d:%02d:%02d.%03dZ level=%s member=%s component=%s event=%s",
                t.tm_year + 1900, t.tm_mon + 1, t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec,
                (int)(now_ms % 1000), level_name(level),
                log_quote(member, sizeof member, str_from(log->member)), component, event);
}

static void line_write(struct line *line, const struct log *log, enum log_level level) {
    for (size_t i = 0; i < line->len; i++) {
        if ((unsigned char)line->text[i] < 0x20) {
            line->text[i] = ' '; /* a value that should have been quoted: still one line */
        }
    }
    if (level >= LOG_WARN) {
        recent_add(log->recent, (struct str){line->text, line->len});
    }
    if (log->format == LOG_FORMAT_JSON) {
        char object[LINE_BYTES];
        line->len = log_json(object, sizeof object, (struct str){line->text, line->len});
        memcpy(line->text, object, line->len);
    }
    line->text[line->len++] = '\n';
    ssize_t written = 0;
    do {
        written = write(log->fd, line->text, line->len);
    } while (written < 0 && errno == EINTR);
}

void log_line(const struct log *log, enum log_level level, const char *component, const char *event,
              const char *format, ...) {
    if (!log_enabled(log, level)) {
        return;
    }
    int saved_errno = errno;
    struct line line;
    line_head(&line, log, level, component, event);
    if (format[0] != '\0') {
        line_printf(&line, " ");
        va_list args;
        va_start(args, format);
        line_grow(&line, vsnprintf(line.text + line.len, LINE_BYTES - line.len, format, args));
        va_end(args);
    }
    line_write(&line, log, level);
    errno = saved_errno;
}

void log_err_hint(const struct log *log, enum log_level level, const char *component,
                  const char *event, const struct err *err, const char *hint) {
    if (!log_enabled(log, level)) {
        return;
    }
    int saved_errno = errno;
    struct line line;
    line_head(&line, log, level, component, event);
    line_printf(&line, " err=%s", err_kind_name(err->kind));
    char quoted[sizeof err->message * 6 + 3];
    if (err->sqlstate[0] != '\0') {
        line_printf(&line, " sqlstate=%s", err->sqlstate);
    }
    if (err->topic[0] != '\0') {
        line_printf(&line, " topic=%s", log_quote(quoted, sizeof quoted, str_from(err->topic)));
    }
    if (err->partition >= 0) {
        line_printf(&line, " partition=%" PRId32, err->partition);
    }
    if (err->offset >= 0) {
        line_printf(&line, " offset=%" PRId64, err->offset);
    }
    line_printf(&line, " message=%s", log_quote(quoted, sizeof quoted, str_from(err->message)));
    if (hint) {
        line_printf(&line, " hint=%s", log_quote(quoted, sizeof quoted, str_from(hint)));
    }
    line_write(&line, log, level);
    errno = saved_errno;
}

void log_err(const struct log *log, enum log_level level, const char *component, const char *event,
             const struct err *err) {
    log_err_hint(log, level, component, event, err, NULL);
}

static bool is_plain(struct str s) {
    if (s.len == 0) {
        return false;
    }
    for (size_t i = 0; i < s.len;) {
        size_t len = utf8_len((struct str){s.ptr + i, s.len - i});
        unsigned char c = (unsigned char)s.ptr[i];
        if (len == 0 || c <= ' ' || c == 0x7f || c == '"' || c == '=' || c == '\\') {
            return false;
        }
        i += len;
    }
    return true;
}

/* Writes the character of len bytes (0: not UTF-8) at p as it is between quotes; returns how many
 * bytes it wrote. */
static size_t escape(char out[8], const char *p, size_t len) {
    unsigned char c = (unsigned char)*p;
    int written = 0;
    if (c == '"' || c == '\\') {
        written = snprintf(out, 8, "\\%c", c);
    } else if (c == '\n') {
        written = snprintf(out, 8, "\\n");
    } else if (len == 0 || c < ' ' || c == 0x7f) {
        written = snprintf(out, 8, "\\x%02x", c);
    } else {
        written = snprintf(out, 8, "%.*s", (int)len, p);
    }
    return (size_t)written;
}

const char *log_quote(char *out, size_t size, struct str s) {
    if (size < sizeof "null") {
        if (size > 0) {
            out[0] = '\0';
        }
        return out;
    }
    if (!s.ptr) {
        memcpy(out, "null", sizeof "null");
        return out;
    }
    if (s.len < size && is_plain(s)) {
        memcpy(out, s.ptr, s.len);
        out[s.len] = '\0';
        return out;
    }
    size_t used = 0;
    out[used++] = '"';
    for (size_t i = 0; i < s.len;) {
        char piece[8];
        size_t len = utf8_len((struct str){s.ptr + i, s.len - i});
        size_t piece_len = escape(piece, s.ptr + i, len);
        if (used + piece_len + sizeof "\"" > size) {
            break;
        }
        memcpy(out + used, piece, piece_len);
        used += piece_len;
        i += len ? len : 1;
    }
    out[used++] = '"';
    out[used] = '\0';
    return out;
}
