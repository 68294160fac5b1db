#include "sink/split.h"

#include <ctype.h>

static bool at_text(const char *at, const char *end, const char *text) {
    size_t len = strlen(text);
    return (size_t)(end - at) >= len && memcmp(at, text, len) == 0;
}

/* Behind the closing text; end: there is none. */
static const char *behind(const char *at, const char *end, struct str closing) {
    const char *found = memmem(at, (size_t)(end - at), closing.ptr, closing.len);
    return found ? found + closing.len : end;
}

static bool is_word(char c) {
    return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

/* '...', and E'...' with backslashes; "...". A doubled quote begins the next one. */
static const char *behind_quoted(const char *at, const char *end, bool backslashes) {
    const char quote = *at++;
    while (at < end && *at != quote) {
        at += backslashes && *at == '\\' && at + 1 < end ? 2 : 1;
    }
    return at < end ? at + 1 : end;
}

/* $$...$$ and $tag$...$tag$; at itself, if it is a parameter or part of a name. */
static const char *behind_dollars(const char *at, const char *end) {
    const char *tag = at + 1;
    while (tag < end && is_word(*tag)) {
        tag++;
    }
    bool quotes = tag < end && *tag == '$' && !isdigit((unsigned char)at[1]);
    return quotes ? behind(tag + 1, end, (struct str){at, (size_t)(tag + 1 - at)}) : at;
}

static const char *behind_comment(const char *at, const char *end) {
    int depth = 0;
    do {
        if (at_text(at, end, "/*") || at_text(at, end, "*/")) {
            depth += *at == '/' ? 1 : -1;
            at++;
        }
        at++;
    } while (depth > 0 && at < end);
    return at < end ? at : end;
}

/* Behind what begins at `at` and may hold a `;`; at itself, if there is nothing of the kind. */
static const char *behind_opaque(const char *begin, const char *at, const char *end) {
    bool in_word = at > begin && is_word(at[-1]);
    if (*at == '\'' || *at == '"') {
        bool backslashes = *at == '\'' && at > begin && (at[-1] == 'E' || at[-1] == 'e') &&
                           !(at - 1 > begin && is_word(at[-2]));
        return behind_quoted(at, end, backslashes);
    }
    if (*at == '$' && !in_word) {
        return behind_dollars(at, end);
    }
    if (at_text(at, end, "--")) {
        return behind(at, end, STR("\n"));
    }
    return at_text(at, end, "/*") ? behind_comment(at, end) : at;
}

static struct str trimmed(const char *begin, const char *end) {
    while (begin < end && isspace((unsigned char)*begin)) {
        begin++;
    }
    while (end > begin && isspace((unsigned char)end[-1])) {
        end--;
    }
    return (struct str){begin, (size_t)(end - begin)};
}

struct str statement_next(struct str *sql) {
    const char *end = sql->ptr + sql->len;
    while (sql->len > 0) {
        const char *begin = sql->ptr, *at = begin;
        while (at < end && *at != ';') {
            const char *next = behind_opaque(begin, at, end);
            at = next == at ? at + 1 : next;
        }
        struct str statement = trimmed(begin, at);
        sql->ptr = at < end ? at + 1 : end;
        sql->len = (size_t)(end - sql->ptr);
        if (statement.len > 0) {
            return statement;
        }
    }
    return STR_NONE;
}
