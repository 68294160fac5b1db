#include "plan/difference.h"

#include "base/buf.h"

#include <stdio.h>

struct line {
    struct str subject, value, whole;
};

static bool next_line(struct str text, size_t *at, struct line *ret) {
    if (*at >= text.len) {
        return false;
    }
    const char *start = text.ptr + *at;
    const char *end = memchr(start, '\n', text.len - *at);
    size_t len = end ? (size_t)(end - start) : text.len - *at;
    *at += len + 1;
    const char *colon = memmem(start, len, ": ", 2);
    size_t subject = colon ? (size_t)(colon - start) : len;
    *ret = (struct line){.subject = {start, subject}, .value = STR(""), .whole = {start, len}};
    if (colon) {
        ret->value = (struct str){colon + 2, len - subject - 2};
    }
    return true;
}

static bool find(struct str text, struct str subject, struct line *ret) {
    size_t at = 0;
    while (next_line(text, &at, ret)) {
        if (str_equal(ret->subject, subject)) {
            return true;
        }
    }
    return false;
}

/* Whole ones only: the rest is counted. */
static void add(char *out, size_t size, const struct buf *text) {
    size_t used = strlen(out);
    const char *before = used > 0 ? "; " : "";
    if (used + strlen(before) + text->len < size) {
        (void)snprintf(out + used, size - used, "%s%.*s", before, (int)text->len, text->ptr);
    }
}

size_t definition_difference(struct str before, struct str now, char *out, size_t size) {
    size_t count = 0, at = 0;
    struct line line, other;
    struct buf text = {0};
    out[0] = '\0';
    while (next_line(now, &at, &line)) {
        bool was_there = find(before, line.subject, &other);
        if (was_there && str_equal(line.whole, other.whole)) {
            continue;
        }
        count++;
        buf_reset(&text);
        buf_str(&text, line.subject);
        if (was_there) {
            buf_printf(&text, " was " STR_FMT ", is now " STR_FMT, STR_ARG(other.value),
                       STR_ARG(line.value));
        } else {
            buf_printf(&text, " is new: " STR_FMT, STR_ARG(line.value));
        }
        add(out, size, &text);
    }
    for (at = 0; next_line(before, &at, &line);) {
        if (!find(now, line.subject, &other)) {
            count++;
            buf_reset(&text);
            buf_printf(&text, STR_FMT " is gone: it was " STR_FMT, STR_ARG(line.subject),
                       STR_ARG(line.value));
            add(out, size, &text);
        }
    }
    buf_clear(&text);
    return count;
}
