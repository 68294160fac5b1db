#include "plan/row.h"

#include "base/safeguard.h"

#include <endian.h>
#include <stdio.h>

#define INTEGER_BYTES 8
#define UUID_BYTES    16
#define UUID_TEXT     36
#define SIGN_BIT      (UINT64_C(1) << 63)
#define VARINT_MAX    10

/* ---- key parts ---- */

/* PostgreSQL's and JSON's canonical form: no plus sign, no leading zeros. */
static bool integer_parse(struct str text, int64_t *ret_value) {
    size_t i = text.len > 0 && text.ptr[0] == '-';
    size_t digits = text.len - i;
    if (digits == 0 || digits > 19 || (digits > 1 && text.ptr[i] == '0')) {
        return false;
    }
    bool negative = i == 1;
    uint64_t value = 0;
    for (; i < text.len; i++) {
        unsigned digit = (unsigned)(unsigned char)text.ptr[i] - '0';
        if (digit > 9) {
            return false;
        }
        value = value * 10 + digit; /* 19 digits fit 64 bits */
    }
    if (value > SIGN_BIT - !negative || (negative && value == 0)) {
        return false;
    }
    *ret_value = (int64_t)(negative ? 0 - value : value);
    return true;
}

static size_t integer_format(int64_t value, char *out) {
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest != 0);
    size_t sign = value < 0;
    if (sign) {
        out[0] = '-';
    }
    memcpy(out + sign, digits + at, sizeof digits - at);
    return sign + sizeof digits - at;
}

static int hex_value(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool uuid_is_dash(size_t at) {
    return at == 8 || at == 13 || at == 18 || at == 23;
}

static bool uuid_parse(struct str text, unsigned char out[UUID_BYTES]) {
    if (text.len != UUID_TEXT) {
        return false;
    }
    size_t nibbles = 0;
    for (size_t i = 0; i < UUID_TEXT; i++) {
        if (uuid_is_dash(i)) {
            if (text.ptr[i] != '-') {
                return false;
            }
            continue;
        }
        int value = hex_value(text.ptr[i]);
        if (value < 0) {
            return false;
        }
        unsigned char high = nibbles % 2 ? out[nibbles / 2] : 0;
        out[nibbles / 2] = (unsigned char)(high << 4 | value);
        nibbles++;
    }
    return true;
}

static size_t uuid_format(const char *bytes, char *out) {
    size_t at = 0;
    for (size_t i = 0; i < UUID_BYTES; i++) {
        if (uuid_is_dash(at)) {
            out[at++] = '-';
        }
        unsigned byte = (unsigned char)bytes[i];
        out[at++] = "0123456789abcdef"[byte >> 4];
        out[at++] = "0123456789abcdef"[byte & 15];
    }
    return at;
}

static enum err_kind bad_part(const struct relation *table, size_t part, const char *what,
                              struct err *reterr) {
    const struct relation_column *column = &table->columns[part];
    return err_set(reterr, ERR_RECORD, "%scolumn " STR_FMT "." STR_FMT " (" STR_FMT "): %s",
                   part < table->key_count ? "key " : "", STR_ARG(table->name),
                   STR_ARG(column->name), STR_ARG(column->type), what);
}

static enum err_kind integer_encode(const struct relation *table, size_t part, struct str text,
                                    struct buf *key, struct err *reterr) {
    int64_t value;
    if (!integer_parse(text, &value)) {
        return bad_part(table, part, "not an integer of 64 bits", reterr);
    }
    if (table->columns[part].key == KEY_INTEGER && (value < INT32_MIN || value > INT32_MAX)) {
        return bad_part(table, part, "integer out of range", reterr);
    }
    buf_be64(key, (uint64_t)value ^ SIGN_BIT);
    return ERR_NONE;
}

static enum err_kind part_encode(const struct relation *table, size_t part, struct str text,
                                 struct buf *key, struct err *reterr) {
    unsigned char uuid[UUID_BYTES];
    switch (table->columns[part].key) {
    case KEY_INTEGER:
    case KEY_BIGINT:
        return integer_encode(table, part, text, key, reterr);
    case KEY_UUID:
        if (!uuid_parse(text, uuid)) {
            return bad_part(table, part, "not a uuid", reterr);
        }
        buf_append(key, uuid, sizeof uuid);
        return ERR_NONE;
    case KEY_TEXT:
        if (text.len > ROW_KEY_MAX) {
            return bad_part(table, part, "longer than a key may be", reterr);
        }
        if (text.len > 0 && memchr(text.ptr, '\0', text.len)) {
            return bad_part(table, part, "holds a NUL byte", reterr);
        }
        buf_str(key, text);
        buf_append(key, "", 1);
        return ERR_NONE;
    case KEY_NONE:
        break;
    }
    return err_set(reterr, ERR_BUG, "column %zu of " STR_FMT " is not a key part", part,
                   STR_ARG(table->name));
}

enum err_kind row_key_encode(const struct relation *table, const struct str *values,
                             struct buf *key, struct err *reterr) {
    size_t start = key->len;
    for (size_t i = 0; i < table->key_count; i++) {
        enum err_kind kind = part_encode(table, i, values[i], key, reterr);
        if (kind != ERR_NONE) {
            key->len = start;
            return kind;
        }
    }
    if (key->len - start > ROW_KEY_MAX) {
        size_t len = key->len - start;
        key->len = start;
        return err_set(reterr, ERR_RECORD, "the key of " STR_FMT " takes %zu bytes, more than %d",
                       STR_ARG(table->name), len, ROW_KEY_MAX);
    }
    return ERR_NONE;
}

static bool is_int32(const char *bytes) {
    uint64_t be;
    memcpy(&be, bytes, sizeof be);
    int64_t value = (int64_t)(be64toh(be) ^ SIGN_BIT);
    return value >= INT32_MIN && value <= INT32_MAX;
}

/* Bytes of the part at the start of key; 0 if key ends before it does, or no encoder wrote it. */
static size_t part_len(enum key_code code, struct str key) {
    const char *end;
    switch (code) {
    case KEY_INTEGER:
        return key.len >= INTEGER_BYTES && is_int32(key.ptr) ? INTEGER_BYTES : 0;
    case KEY_BIGINT:
        return key.len >= INTEGER_BYTES ? INTEGER_BYTES : 0;
    case KEY_UUID:
        return key.len >= UUID_BYTES ? UUID_BYTES : 0;
    case KEY_TEXT:
        end = key.len > 0 ? memchr(key.ptr, '\0', key.len) : NULL;
        return end ? (size_t)(end - key.ptr) + 1 : 0;
    case KEY_NONE:
        break;
    }
    return 0;
}

size_t row_key_prefix(const struct relation *table, struct str key, size_t parts) {
    size_t at = 0;
    for (size_t i = 0; i < parts; i++) {
        size_t len = part_len(table->columns[i].key, (struct str){key.ptr + at, key.len - at});
        if (len == 0) {
            return 0;
        }
        at += len;
    }
    return at;
}

/* The text of the part in bytes; out: ROW_PART_TEXT_MAX bytes for what is not shown in place. */
static struct str part_text(enum key_code code, struct str bytes, char *out) {
    uint64_t be;
    switch (code) {
    case KEY_INTEGER:
    case KEY_BIGINT:
        memcpy(&be, bytes.ptr, sizeof be);
        return (struct str){out, integer_format((int64_t)(be64toh(be) ^ SIGN_BIT), out)};
    case KEY_UUID:
        return (struct str){out, uuid_format(bytes.ptr, out)};
    case KEY_TEXT:
    case KEY_NONE:
        break;
    }
    return (struct str){bytes.ptr, bytes.len - 1};
}

/* ---- values ---- */

void row_value_encode(const struct relation *table, const struct str *values, struct buf *value) {
    size_t room = 0;
    for (size_t i = table->key_count; i < table->column_count; i++) {
        room += VARINT_MAX + values[i].len;
    }
    char *out = buf_reserve(value, room), *start = out;
    for (size_t i = table->key_count; i < table->column_count; i++) {
        uint64_t head = values[i].ptr ? (uint64_t)values[i].len + 1 : 0;
        for (; head >= 0x80; head >>= 7) {
            *out++ = (char)(head | 0x80);
        }
        *out++ = (char)head;
        if (values[i].ptr && values[i].len > 0) {
            memcpy(out, values[i].ptr, values[i].len);
            out += values[i].len;
        }
    }
    value->len += (size_t)(out - start);
}

/* Takes one column off the front of *rest. False: *rest was written by nobody. */
static bool value_take(struct str *rest, struct str *ret_text) {
    uint64_t head = 0;
    size_t at = 0;
    unsigned char byte;
    do {
        if (at == rest->len || at == VARINT_MAX - 1) {
            return false;
        }
        byte = (unsigned char)rest->ptr[at];
        head |= (uint64_t)(byte & 0x7f) << (7 * at);
        at++;
    } while (byte & 0x80);
    if (byte == 0 && at > 1) {
        return false; /* longer than it need be */
    }
    if (head == 0) {
        *ret_text = STR_NONE;
    } else if (head - 1 > rest->len - at) {
        return false;
    } else {
        *ret_text = (struct str){rest->ptr + at, (size_t)head - 1};
        at += (size_t)head - 1;
    }
    *rest = (struct str){rest->ptr + at, rest->len - at};
    return true;
}

static enum err_kind damaged(const struct relation *table, const char *what, struct err *reterr) {
    return err_set(reterr, ERR_CACHE, "a stored %s of " STR_FMT " is not what was written", what,
                   STR_ARG(table->name));
}

enum err_kind row_decode(const struct relation *table, struct str key, struct str value,
                         char *scratch, struct str *values, struct err *reterr) {
    for (size_t i = 0; i < table->key_count; i++) {
        size_t len = part_len(table->columns[i].key, key);
        if (len == 0) {
            return damaged(table, "key", reterr);
        }
        values[i] = part_text(table->columns[i].key, (struct str){key.ptr, len},
                              scratch + i * ROW_PART_TEXT_MAX);
        key = (struct str){key.ptr + len, key.len - len};
    }
    if (key.len > 0) {
        return damaged(table, "key", reterr);
    }
    if (!value.ptr) {
        return ERR_NONE;
    }
    for (size_t i = table->key_count; i < table->column_count; i++) {
        if (!value_take(&value, &values[i])) {
            return damaged(table, "row", reterr);
        }
    }
    return value.len > 0 ? damaged(table, "row", reterr) : ERR_NONE;
}

/* ---- references ---- */

/* A value column's text. They are walked from *rest, which holds those from column *at on, and
 * leaves it behind: columns that ascend are found in one walk. */
static bool value_find(struct str *rest, size_t *at, size_t column, struct str *ret_text) {
    do {
        if (!value_take(rest, ret_text)) {
            return false;
        }
    } while ((*at)++ < column);
    return true;
}

/* A part of the key is written as what it refers to is. */
static bool key_find(const struct relation *table, struct str key, size_t part,
                     struct str *ret_bytes) {
    size_t begin = row_key_prefix(table, key, part), end = row_key_prefix(table, key, part + 1);
    *ret_bytes = (struct str){key.ptr + begin, end - begin};
    return end > begin;
}

/* state_layout's parameters. NOLINTNEXTLINE(readability-function-size) */
enum err_kind row_reference(const struct relation *table, size_t reference, struct str key,
                            struct str value, struct buf *out, bool *ret_has, struct err *reterr) {
    const struct reference *refers = &table->references[reference];
    struct str rest = value, found = STR_NONE;
    size_t start = out->len, at = table->key_count;
    enum err_kind kind = ERR_NONE;
    *ret_has = true;
    for (size_t i = 0; kind == ERR_NONE && *ret_has && i < refers->column_count; i++) {
        size_t column = refers->columns[i];
        if (column < table->key_count) {
            kind = key_find(table, key, column, &found) ? ERR_NONE : damaged(table, "key", reterr);
            buf_str(out, kind == ERR_NONE ? found : STR(""));
            continue;
        }
        if (column < at) {
            rest = value;
            at = table->key_count;
        }
        if (!value_find(&rest, &at, column, &found)) {
            kind = damaged(table, "row", reterr);
        } else if (found.ptr) {
            kind = part_encode(table, column, found, out, reterr);
        }
        *ret_has = found.ptr != NULL;
    }
    if (kind != ERR_NONE || !*ret_has) {
        out->len = start;
    }
    return kind;
}

static enum err_kind too_long(const struct relation *table, const struct reference *refers,
                              size_t len, struct err *reterr) {
    struct buf names = {0};
    for (size_t i = 0; i < refers->column_count; i++) {
        buf_str(&names, i > 0 ? STR(", ") : STR(""));
        buf_str(&names, table->columns[refers->columns[i]].name);
    }
    buf_append(&names, "", 1);
    enum err_kind kind = err_set(reterr, ERR_RECORD,
                                 "what the row of " STR_FMT " refers to (%.200s) and its own key "
                                 "take %zu bytes together, more than %d: it could not be found by "
                                 "what it refers to",
                                 STR_ARG(table->name), names.ptr, len, ROW_KEY_MAX);
    buf_clear(&names);
    return kind;
}

enum err_kind row_references_check(const struct relation *table, const struct str *values,
                                   size_t key_len, struct buf *scratch, struct err *reterr) {
    for (size_t r = 0; r < table->reference_count; r++) {
        const struct reference *refers = &table->references[r];
        bool has = true;
        size_t start = scratch->len;
        enum err_kind kind = ERR_NONE;
        for (size_t i = 0; kind == ERR_NONE && has && i < refers->column_count; i++) {
            size_t column = refers->columns[i];
            has = values[column].ptr != NULL;
            kind = has ? part_encode(table, column, values[column], scratch, reterr) : ERR_NONE;
        }
        size_t len = scratch->len - start + key_len;
        scratch->len = start;
        if (kind == ERR_NONE && has && len > ROW_KEY_MAX &&
            SAFEGUARD("a reference that can't be indexed is refused")) {
            kind = too_long(table, refers, len, reterr);
        }
        if (kind != ERR_NONE) {
            return kind;
        }
    }
    return ERR_NONE;
}

/* ---- for people ---- */

/* Appends as much of s as fits before the NUL, never half a character. Returns where the next one
 * goes: size - 1 (no room) after a cut. */
static size_t show(char *out, size_t size, size_t at, struct str s) {
    size_t len = s.len < size - 1 - at ? s.len : size - 1 - at;
    while (len > 0 && len < s.len && ((unsigned char)s.ptr[len] & 0xc0) == 0x80) {
        len--;
    }
    if (len > 0) {
        memcpy(out + at, s.ptr, len);
    }
    out[at + len] = '\0';
    return len < s.len ? size - 1 : at + len;
}

const char *row_key_show(const struct relation *table, struct str key, char *out, size_t size) {
    if (size == 0) {
        return out;
    }
    out[0] = '\0';
    size_t at = 0;
    for (size_t i = 0; i < table->key_count; i++) {
        enum key_code code = table->columns[i].key;
        size_t len = part_len(code, key);
        if (len == 0) {
            return out;
        }
        char scratch[ROW_PART_TEXT_MAX];
        at = i > 0 ? show(out, size, at, STR(" ")) : at;
        at = show(out, size, at, table->columns[i].name);
        at = show(out, size, at, STR("="));
        at = show(out, size, at, part_text(code, (struct str){key.ptr, len}, scratch));
        key = (struct str){key.ptr + len, key.len - len};
    }
    return out;
}
