#include "view/token.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static char peek(const struct token_scan *scan, size_t ahead) {
    if (scan->at + ahead >= scan->text.len) {
        return '\0';
    }
    return scan->text.ptr[scan->at + ahead];
}

static bool is_word(char c) {
    return isalnum((unsigned char)c) || c == '_' || c == '$' || (unsigned char)c >= 0x80;
}

/* ---- blanks and comments ---- */

static void skip_block_comment(struct token_scan *scan) {
    int depth = 0;
    do {
        bool opens = peek(scan, 0) == '/' && peek(scan, 1) == '*';
        bool closes = peek(scan, 0) == '*' && peek(scan, 1) == '/';
        depth += opens ? 1 : closes ? -1 : 0;
        scan->at += opens || closes ? 2 : 1;
    } while (depth > 0 && scan->at < scan->text.len);
}

static void skip_blanks(struct token_scan *scan) {
    while (scan->at < scan->text.len) {
        char c = peek(scan, 0), next = peek(scan, 1);
        if (isspace((unsigned char)c)) {
            scan->at++;
        } else if (c == '-' && next == '-') {
            while (scan->at < scan->text.len && peek(scan, 0) != '\n') {
                scan->at++;
            }
        } else if (c == '/' && next == '*') {
            skip_block_comment(scan);
        } else {
            return;
        }
    }
}

/* ---- tokens ---- */

/* Past the closing quote; a doubled one is part of the text. */
static void take_quoted(struct token_scan *scan, bool backslashes) {
    char quote = peek(scan, 0);
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
static bool take_dollars(struct token_scan *scan) {
    size_t len = 1;
    while (is_word(peek(scan, len)) && peek(scan, len) != '$') {
        len++;
    }
    if (peek(scan, len) != '$' || isdigit((unsigned char)peek(scan, 1))) {
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

/* How many characters stand before the quote of E'', B'', X'', N'', U&'' and U&"". */
static size_t prefix_len(const struct token_scan *scan) {
    char c = (char)toupper((unsigned char)peek(scan, 0)), next = peek(scan, 1);
    if (c == 'U' && next == '&' && (peek(scan, 2) == '\'' || peek(scan, 2) == '"')) {
        return 2;
    }
    return next == '\'' && c != '\0' && strchr("EBXN", c) ? 1 : 0;
}

static enum token_kind take(struct token_scan *scan) {
    char c = peek(scan, 0);
    size_t prefix = prefix_len(scan);
    if (prefix > 0 || c == '\'' || c == '"') {
        scan->at += prefix;
        bool name = peek(scan, 0) == '"';
        take_quoted(scan, prefix == 1 && toupper((unsigned char)c) == 'E');
        return name ? TOKEN_NAME : TOKEN_STRING;
    }
    if (c == '$' && take_dollars(scan)) {
        return TOKEN_STRING;
    }
    if (!is_word(c)) {
        scan->at++;
        return TOKEN_CHAR;
    }
    while (scan->at < scan->text.len && is_word(peek(scan, 0))) {
        scan->at++;
    }
    return TOKEN_WORD;
}

bool token_next(struct token_scan *scan, struct token *ret_token) {
    skip_blanks(scan);
    if (scan->at >= scan->text.len) {
        return false;
    }
    ret_token->at = scan->at;
    ret_token->kind = take(scan);
    if (scan->at > scan->text.len) {
        scan->at = scan->text.len;
    }
    ret_token->end = scan->at;
    return true;
}

bool token_is(const struct token_scan *scan, const struct token *token, const char *text) {
    size_t len = strlen(text);
    return (token->kind == TOKEN_WORD || token->kind == TOKEN_CHAR) &&
           token->end - token->at == len && strncasecmp(scan->text.ptr + token->at, text, len) == 0;
}

int token_depth(const struct token_scan *scan, const struct token *token, int depth) {
    if (token_is(scan, token, "(") || token_is(scan, token, "[")) {
        return depth + 1;
    }
    return token_is(scan, token, ")") || token_is(scan, token, "]") ? depth - 1 : depth;
}
