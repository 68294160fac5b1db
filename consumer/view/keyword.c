#include "view/keyword.h"

#include <ctype.h>
#include <strings.h>

/* The scanner: text and how far it is. */
struct scan {
    struct str text;
    size_t at;
};

static char peek(const struct scan *scan, size_t ahead) {
    if (scan->at + ahead >= scan->text.len) {
        return '\0';
    }
    return scan->text.ptr[scan->at + ahead];
}

static bool is_word(char c) {
    return isalnum((unsigned char)c) || c == '_' || c == '$' || (unsigned char)c >= 0x80;
}

/* Past the closing quote; a doubled one is part of the text. */
static void skip_quoted(struct scan *scan, char quote, bool backslashes) {
    scan->at++;
    while (scan->at < scan->text.len) {
        char c = peek(scan, 0);
        if ((backslashes && c == '\\') || (c == quote && peek(scan, 1) == quote)) {
            scan->at += 2;
        } else if (c == quote) {
            scan->at++;
            return;
        } else {
            scan->at++;
        }
    }
}

/* $tag$ ... $tag$; false: this dollar begins no such string. */
static bool skip_dollars(struct scan *scan) {
    size_t len = 1;
    while (is_word(peek(scan, len)) && peek(scan, len) != '$') {
        len++;
    }
    if (peek(scan, len) != '$') {
        return false;
    }
    struct str tag = {scan->text.ptr + scan->at, len + 1};
    scan->at += tag.len;
    while (scan->at + tag.len <= scan->text.len &&
           memcmp(scan->text.ptr + scan->at, tag.ptr, tag.len) != 0) {
        scan->at++;
    }
    scan->at += tag.len;
    return true;
}

static void skip_block_comment(struct scan *scan) {
    int depth = 0;
    do {
        bool opens = peek(scan, 0) == '/' && peek(scan, 1) == '*';
        bool closes = peek(scan, 0) == '*' && peek(scan, 1) == '/';
        depth += opens ? 1 : closes ? -1 : 0;
        scan->at += opens || closes ? 2 : 1;
    } while (depth > 0 && scan->at < scan->text.len);
}

/* Past what is no word: true when there was such a thing. */
static bool skip(struct scan *scan) {
    char c = peek(scan, 0), next = peek(scan, 1);
    if (c == '-' && next == '-') {
        while (scan->at < scan->text.len && peek(scan, 0) != '\n') {
            scan->at++;
        }
    } else if (c == '/' && next == '*') {
        skip_block_comment(scan);
    } else if (c == '\'' || c == '"') {
        skip_quoted(scan, c, false);
    } else if ((c == 'e' || c == 'E') && next == '\'') {
        scan->at++;
        skip_quoted(scan, '\'', true);
    } else {
        return c == '$' && skip_dollars(scan);
    }
    return true;
}

size_t keyword_place(const struct source *source, size_t from, const char *word) {
    struct scan scan = {buf_view(&source->text), from};
    size_t len = strlen(word);
    int depth = 0;
    bool name_follows = false; /* after a dot, or AS: even a keyword is a name there */
    while (scan.at < scan.text.len) {
        if (skip(&scan)) {
            continue;
        }
        size_t start = scan.at;
        char c = peek(&scan, 0);
        if (!is_word(c)) {
            depth += c == '(' ? 1 : c == ')' ? -1 : 0;
            name_follows = c == '.' || (name_follows && isspace((unsigned char)c));
            scan.at++;
            continue;
        }
        while (scan.at < scan.text.len && is_word(peek(&scan, 0))) {
            scan.at++;
        }
        const char *found = scan.text.ptr + start;
        size_t found_len = scan.at - start;
        if (depth == 0 && !name_follows && found_len == len && strncasecmp(found, word, len) == 0) {
            return start;
        }
        name_follows = found_len == 2 && strncasecmp(found, "AS", 2) == 0 && start > from &&
                       strcmp(word, "WITH") != 0 && strcmp(word, "VALUES") != 0;
    }
    return NOWHERE;
}
