#include "base/log_json.h"

#include "base/utf8.h"

#include <stdbool.h>
#include <stdio.h>

#define END_LEN 2 /* "} */

struct object {
    char *text;
    size_t len, size;
    bool any, full;
};

/* All of it, or nothing and no more from then on. */
static bool put(struct object *o, const char *piece, size_t len) {
    o->full |= o->size - o->len < len + END_LEN;
    if (!o->full) {
        memcpy(o->text + o->len, piece, len);
        o->len += len;
    }
    return !o->full;
}

/* The length of `key=` at the beginning of s, with the =; 0: there is none. */
static size_t key_len(struct str s) {
    size_t len = 0;
    while (len < s.len && ((s.ptr[len] >= 'a' && s.ptr[len] <= 'z') || s.ptr[len] == '_')) {
        len++;
    }
    return len > 0 && len < s.len && s.ptr[len] == '=' ? len + 1 : 0;
}

static bool put_key(struct object *o, struct str key) {
    char piece[64];
    int len =
        snprintf(piece, sizeof piece, "%s\"%.*s\":\"", o->any ? "," : "", (int)key.len, key.ptr);
    if (len < 0 || (size_t)len >= sizeof piece || !put(o, piece, (size_t)len)) {
        o->full = true;
        return false;
    }
    o->any = true;
    return true;
}

/* One character of a value that is not between quotes. */
static size_t put_plain(struct object *o, struct str rest) {
    uint32_t code = 0;
    size_t len = utf8_decode(rest.ptr, rest.ptr + rest.len, &code);
    char c = rest.ptr[0];
    if (len == 0) {
        put(o, "?", 1);
    } else if (c == '"' || c == '\\') {
        put(o, (char[]){'\\', c}, 2);
    } else {
        put(o, rest.ptr, len);
    }
    return len ? len : 1;
}

/* One character of a value between quotes: log_quote's \" \\ \n mean the same in JSON, its \x1f is
 * shown as it is. A lone backslash is the end of a line that was cut. */
static size_t put_quoted(struct object *o, struct str rest) {
    if (rest.ptr[0] != '\\') {
        return put_plain(o, rest);
    }
    if (rest.len == 1) {
        return 1;
    }
    put(o, rest.ptr[1] == 'x' ? "\\\\x" : rest.ptr, rest.ptr[1] == 'x' ? 3 : 2);
    return 2;
}

static size_t put_between_quotes(struct object *o, struct str value) {
    size_t at = 1;
    while (at < value.len && value.ptr[at] != '"') {
        at += put_quoted(o, (struct str){value.ptr + at, value.len - at});
    }
    return at < value.len ? at + 1 : at;
}

/* Up to the next key, since a value that should have been quoted may have blanks. */
static size_t put_bare(struct object *o, struct str value, size_t at) {
    while (at < value.len) {
        struct str rest = {value.ptr + at, value.len - at};
        if (rest.ptr[0] == ' ' && key_len((struct str){rest.ptr + 1, rest.len - 1}) > 0) {
            break;
        }
        at += put_plain(o, rest);
    }
    return at;
}

static size_t put_value(struct object *o, struct str value) {
    size_t at = value.len > 0 && value.ptr[0] == '"' ? put_between_quotes(o, value) : 0;
    return put_bare(o, value, at);
}

size_t log_json(char *out, size_t size, struct str line) {
    struct object o = {.text = out, .len = 1, .size = size};
    out[0] = '{';
    while (line.len > 0 && !o.full) {
        size_t key = key_len(line);
        if (!put_key(&o, key > 0 ? (struct str){line.ptr, key - 1} : STR("text"))) {
            break;
        }
        size_t used = key + put_value(&o, (struct str){line.ptr + key, line.len - key});
        used += used < line.len; /* the blank */
        line = (struct str){line.ptr + used, line.len - used};
        o.text[o.len++] = '"';
    }
    o.text[o.len++] = '}';
    return o.len;
}
