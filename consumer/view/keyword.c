#include "view/keyword.h"

#include "view/token.h"

size_t keyword_place(const struct source *source, size_t from, const char *word) {
    struct token_scan scan = {buf_view(&source->text), from};
    struct token token;
    int depth = 0;
    bool name_follows = false; /* after a dot, or AS: even a keyword is a name there */
    while (token_next(&scan, &token) && !(depth == 0 && token_is(&scan, &token, ";"))) {
        depth = token_depth(&scan, &token, depth);
        if (depth == 0 && !name_follows && token_is(&scan, &token, word)) {
            return token.at;
        }
        name_follows = token_is(&scan, &token, ".") ||
                       (token_is(&scan, &token, "AS") && token.at > from &&
                        strcmp(word, "WITH") != 0 && strcmp(word, "VALUES") != 0);
    }
    return NOWHERE;
}
