#include "view/newer.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#define WORDS     5  /* the last one may be a name */
#define DEPTH_MAX 64 /* parentheses; what is deeper is not looked at */

/* What was read up to a place. */
struct scan {
    struct str text;
    size_t at;
    struct str words[WORDS];      /* the newest first; a sign or a literal is one, too */
    struct str before[DEPTH_MAX]; /* of each open parenthesis, the word before it */
    size_t depth;
    struct str closed; /* what stood before the parenthesis that was closed last */
};

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_word(struct str word, const char *name) {
    return word.ptr && word.len == strlen(name) && strncasecmp(word.ptr, name, word.len) == 0;
}

/* The text from `at` on begins with this. */
static bool is_next(const struct scan *scan, const char *start) {
    size_t len = strlen(start);
    return scan->text.len - scan->at >= len && memcmp(scan->text.ptr + scan->at, start, len) == 0;
}

/* Behind the next place, from `from` on, where `end` stands. */
static size_t behind(const struct scan *scan, size_t from, struct str end) {
    const char *start = scan->text.ptr + from;
    const char *found =
        from < scan->text.len ? memmem(start, scan->text.len - from, end.ptr, end.len) : NULL;
    return found ? (size_t)(found - scan->text.ptr) + end.len : scan->text.len;
}

/* Behind $tag$ ... $tag$; *at itself, if it is no such text. */
static size_t behind_dollars(const struct scan *scan) {
    size_t end = scan->at + 1;
    while (end < scan->text.len &&
           (is_letter(scan->text.ptr[end]) || is_digit(scan->text.ptr[end]))) {
        end++;
    }
    if (end == scan->text.len || scan->text.ptr[end] != '$') {
        return scan->at + 1;
    }
    struct str tag = {scan->text.ptr + scan->at, end + 1 - scan->at};
    return behind(scan, end + 1, tag);
}

static bool is_blank_next(const struct scan *scan) {
    char c = scan->text.ptr[scan->at];
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

/* To the next token. */
static void skip(struct scan *scan) {
    for (;;) {
        if (scan->at < scan->text.len && is_blank_next(scan)) {
            scan->at++;
        } else if (is_next(scan, "--")) {
            scan->at = behind(scan, scan->at, STR("\n"));
        } else if (is_next(scan, "/*")) {
            scan->at = behind(scan, scan->at + 2, STR("*/"));
        } else {
            return;
        }
    }
}

static size_t token_end(const struct scan *scan) {
    const char *text = scan->text.ptr;
    size_t end = scan->at + 1;
    char c = text[scan->at];
    if (c == '\'' || c == '"') {
        return behind(scan, end, (struct str){&text[scan->at], 1});
    }
    if (c == '$') {
        return behind_dollars(scan);
    }
    while (is_letter(c) && end < scan->text.len && (is_letter(text[end]) || is_digit(text[end]))) {
        end++;
    }
    while (is_digit(c) && end < scan->text.len && is_digit(text[end])) {
        end++;
    }
    return end;
}

static void take(struct scan *scan, struct str word) {
    if (is_word(word, ";")) {
        scan->depth = 0;
    } else if (is_word(word, "(")) {
        if (scan->depth < DEPTH_MAX) {
            scan->before[scan->depth] = scan->words[0];
        }
        scan->depth++;
    } else if (is_word(word, ")") && scan->depth > 0) {
        scan->depth--;
        scan->closed = scan->depth < DEPTH_MAX ? scan->before[scan->depth] : STR("");
    }
    memmove(&scan->words[1], &scan->words[0], sizeof scan->words - sizeof *scan->words);
    scan->words[0] = word;
}

/* Reads all tokens before `at`; returns the one there. */
static struct str read_to(struct scan *scan, size_t at) {
    for (;;) {
        skip(scan);
        if (scan->at >= scan->text.len) {
            return STR("");
        }
        struct str word = {scan->text.ptr + scan->at, token_end(scan) - scan->at};
        if (scan->at + word.len > at) {
            return word;
        }
        take(scan, word);
        scan->at += word.len;
    }
}

/* `AS ( ... )` of a generated column, and no STORED behind it. */
static bool is_virtual(const struct scan *scan, struct str word) {
    bool ends = is_word(word, ",") || is_word(word, ")") || is_word(word, "VIRTUAL");
    return ends && is_word(scan->words[0], ")") && is_word(scan->closed, "AS");
}

static struct str call_of(const struct scan *scan) {
    bool known = scan->depth > 0 && scan->depth <= DEPTH_MAX;
    return known ? scan->before[scan->depth - 1] : STR("");
}

/* 1_000, 0x1f */
static bool is_new_number(const struct scan *scan, struct str word) {
    size_t end = scan->at + word.len;
    if (word.len == 0 || !is_digit(word.ptr[0]) || end + 1 >= scan->text.len) {
        return false;
    }
    char next = scan->text.ptr[end], third = scan->text.ptr[end + 1];
    return (next == '_' && is_digit(third)) || (is_word(word, "0") && strchr("xXoObB", next));
}

/* What the functions of SQL/JSON have between their parentheses. */
static const struct {
    const char *name;
    int version;
} calls[] = {
    {"JSON_ARRAY", 16},     {"JSON_ARRAYAGG", 16}, {"JSON_OBJECT", 16}, {"JSON_OBJECTAGG", 16},
    {"JSON", 17},           {"JSON_SCALAR", 17},   {"JSON_EXISTS", 17}, {"JSON_QUERY", 17},
    {"JSON_SERIALIZE", 17}, {"JSON_TABLE", 17},    {"JSON_VALUE", 17},
};

/* A word behind others. */
static const struct {
    const char *before, *word, *what;
    int version;
} words[] = {
    {"IS", "JSON", "IS JSON", 16},
    {"NOT", "JSON", "IS NOT JSON", 16},
    {"AT", "LOCAL", "AT LOCAL", 17},
    {"NOT", "ENFORCED", "NOT ENFORCED", 18},
    {",", "NOT", "NOT NULL as a constraint of the table", 18},
};

struct newer newer_syntax(struct str text, size_t at) {
    struct scan scan = {.text = text};
    struct str word = read_to(&scan, at);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (is_word(scan.words[0], words[i].before) && is_word(word, words[i].word)) {
            return (struct newer){words[i].what, words[i].version};
        }
    }
    if (is_word(word, "WITHOUT") && scan.depth > 0) {
        return (struct newer){"WITHOUT OVERLAPS", 18};
    }
    if (is_word(word, "NOT") && is_word(scan.words[1], "CONSTRAINT")) {
        return (struct newer){"NOT NULL as a constraint of the table", 18};
    }
    if (is_word(scan.words[0], "PERIOD") && scan.depth > 0) {
        return (struct newer){"PERIOD", 18};
    }
    if (is_virtual(&scan, word)) {
        return (struct newer){"a generated column that is not STORED", 18};
    }
    struct str call = call_of(&scan);
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        if (is_word(call, calls[i].name)) {
            return (struct newer){calls[i].name, calls[i].version};
        }
    }
    return is_new_number(&scan, word)
               ? (struct newer){"a number with underscores or of base 2, 8 or 16", 16}
               : (struct newer){NULL, 0};
}
