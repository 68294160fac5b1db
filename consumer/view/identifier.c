#include "view/identifier.h"

#include <pg_query.h>

#include <stdio.h>

static bool is_plain(struct str name) {
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool digit = c >= '0' && c <= '9';
        if (!((c >= 'a' && c <= 'z') || c == '_' || (digit && i > 0))) {
            return false;
        }
    }
    return name.len > 0 && name.len <= IDENTIFIER_MAX;
}

/* Key words are the parser's business: is name, as it stands, a table and a column name to it? */
static bool is_no_key_word(struct str name) {
    if (str_is(name, "system_user")) {
        return false; /* reserved since PostgreSQL 16, and this parser is older */
    }
    char sql[2 * IDENTIFIER_MAX + 32];
    (void)snprintf(sql, sizeof sql, "CREATE TABLE " STR_FMT " (" STR_FMT " int)", STR_ARG(name),
                   STR_ARG(name));
    PgQueryParseResult result = pg_query_parse(sql);
    bool parsed = !result.error;
    pg_query_free_parse_result(result);
    return parsed;
}

void identifier_append(struct buf *out, struct str name) {
    if (is_plain(name) && is_no_key_word(name)) {
        buf_str(out, name);
        return;
    }
    buf_str(out, STR("\""));
    for (size_t i = 0; i < name.len; i++) {
        buf_append(out, &name.ptr[i], 1);
        if (name.ptr[i] == '"') {
            buf_str(out, STR("\""));
        }
    }
    buf_str(out, STR("\""));
}

const char *identifier_text(char out[IDENTIFIER_TEXT_MAX], struct str name) {
    struct buf text = {0};
    identifier_append(&text, name);
    (void)snprintf(out, IDENTIFIER_TEXT_MAX, STR_FMT, STR_ARG(buf_view(&text)));
    buf_clear(&text);
    return out;
}

static char fold(char c) {
    return (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

bool identifier_same_folded(struct str a, struct str b) {
    size_t same = 0;
    while (same < a.len && same < b.len && fold(a.ptr[same]) == fold(b.ptr[same])) {
        same++;
    }
    return same == a.len && same == b.len;
}

static size_t smallest(size_t a, size_t b, size_t c) {
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

/* Levenshtein's distance, upper and lower case being one. */
static size_t edit_distance(struct str a, struct str b) {
    size_t row[IDENTIFIER_MAX + 1];
    for (size_t j = 0; j <= b.len; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t change = diagonal + (fold(a.ptr[i - 1]) != fold(b.ptr[j - 1]));
            diagonal = row[j];
            row[j] = smallest(change, row[j] + 1, row[j - 1] + 1);
        }
    }
    return row[b.len];
}

void nearest_try(struct nearest *nearest, struct str candidate) {
    if (candidate.len > IDENTIFIER_MAX) {
        return;
    }
    size_t distance = edit_distance(nearest->name, candidate);
    if (!nearest->best.ptr || distance < nearest->distance) {
        nearest->best = candidate;
        nearest->distance = distance;
    }
}

struct str nearest_found(const struct nearest *nearest) {
    size_t most = nearest->name.len / 2 > 1 ? nearest->name.len / 2 : 1;
    return nearest->best.ptr && nearest->distance <= most ? nearest->best : STR_NONE;
}
