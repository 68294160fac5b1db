/* token.h: the view's text in tokens, for what the parser's tree has no place of. Private to view/.
 *
 * What:    words, quoted names, strings and single characters; blanks and comments are passed over.
 *          The text is one that the parser has accepted.
 * Units:   places are byte offsets into the text.
 */
#ifndef VIEW_TOKEN_H
#define VIEW_TOKEN_H

#include "base/str.h"

#include <stdbool.h>

enum token_kind {
    TOKEN_WORD,   /* a name without quotes, a keyword, or the digits of a number */
    TOKEN_NAME,   /* "..." */
    TOKEN_STRING, /* '...' of any kind, $$...$$ */
    TOKEN_CHAR,   /* any other character */
};

struct token {
    enum token_kind kind;
    size_t at, end;
};

/* Where the next token is looked for. */
struct token_scan {
    struct str text;
    size_t at;
};

/* False: there are no more. */
bool token_next(struct token_scan *scan, struct token *ret_token);
/* Whether the token is this word, in capitals or not; of a TOKEN_CHAR: this character. */
bool token_is(const struct token_scan *scan, const struct token *token, const char *text);
/* How far a token lies inside of parentheses, given how far the one before it did. */
int token_depth(const struct token_scan *scan, const struct token *token, int depth);

#endif
