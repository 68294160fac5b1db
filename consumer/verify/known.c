/* What the service has recorded about rows that are not as the view has them. */
#include "verify/impl.h"

#include "base/memory.h"
#include "plan/row.h"

#include <stdlib.h>

#define EXCLUDED_MAX 10000

static int compare_entries(const void *a, const void *b) {
    const struct known_entry *x = a, *y = b;
    return x->relation != y->relation ? (x->relation < y->relation ? -1 : 1)
                                      : str_compare(x->key, y->key);
}

static void add(struct verify *verify, int relation, struct str key, struct str why) {
    struct known *known = &verify->known;
    known->items = memory_grow(known->items, known->count, &known->cap, sizeof *known->items);
    known->items[known->count++] = (struct known_entry){relation, key, why};
}

/* Decodes bytea as text. */
static struct str bytes_of(struct arena *arena, struct str hex) {
    char *bytes = arena_alloc(arena, hex.len / 2 + 1);
    size_t count = 0;
    for (size_t i = 2; i + 1 < hex.len; i += 2) { /* behind \x */
        const char digits[] = {hex.ptr[i], hex.ptr[i + 1], '\0'};
        bytes[count++] = (char)strtol(digits, NULL, 16);
    }
    return (struct str){bytes, count};
}

static enum err_kind refused_read(struct verify *verify, struct err *reterr) {
    struct buf sql = {0};
    buf_str(&sql,
            STR("SELECT row_key, sqlstate, message, task, key FROM sync_refused WHERE view = "));
    query_literal(&sql, verify->target->name);
    buf_append(&sql, "", 1);
    PGresult *result = NULL;
    enum err_kind kind = session_ask(&verify->look[SINK], sql.ptr, &result, reterr);
    struct arena *arena = &verify->known.arena;
    for (int i = 0; kind == ERR_NONE && i < PQntuples(result); i++) {
        add(verify, -1, bytes_of(arena, result_value(result, i, 0)),
            arena_printf(arena, "refused row: SQLSTATE %s, %s (sync_refused: task %s, key %s)",
                         PQgetvalue(result, i, 1), PQgetvalue(result, i, 2),
                         PQgetvalue(result, i, 3), PQgetvalue(result, i, 4)));
    }
    PQclear(result);
    buf_clear(&sql);
    return kind;
}

static int relation_of_topic(const struct plan *plan, const char *topic) {
    for (size_t r = 0; r < plan->relation_count; r++) {
        if (str_is(plan->relations[r].slot, topic)) {
            return (int)r;
        }
    }
    return -1;
}

/* The newest of each row, as far as its key could be read. */
static enum err_kind letters_read(struct verify *verify, struct err *reterr) {
    struct buf sql = {0};
    buf_str(&sql, STR("SELECT DISTINCT ON (topic, row_key) topic, row_key, partition, \"offset\", "
                      "reason FROM sync_dead_letter WHERE row_key IS NOT NULL AND view = "));
    query_literal(&sql, verify->plan->name);
    buf_str(&sql, STR(" ORDER BY topic, row_key, \"offset\" DESC"));
    buf_append(&sql, "", 1);
    PGresult *result = NULL;
    enum err_kind kind = session_ask(&verify->look[SINK], sql.ptr, &result, reterr);
    struct arena *arena = &verify->known.arena;
    for (int i = 0; kind == ERR_NONE && i < PQntuples(result); i++) {
        int relation = relation_of_topic(verify->plan, PQgetvalue(result, i, 0));
        if (relation >= 0) {
            add(verify, relation, bytes_of(arena, result_value(result, i, 1)),
                arena_printf(arena, "dead letter: topic %s partition %s offset %s, %s",
                             PQgetvalue(result, i, 0), PQgetvalue(result, i, 2),
                             PQgetvalue(result, i, 3), PQgetvalue(result, i, 4)));
        }
    }
    PQclear(result);
    buf_clear(&sql);
    return kind;
}

enum err_kind known_read(struct verify *verify, struct err *reterr) {
    arena_clear(&verify->known.arena);
    verify->known.count = 0;
    enum err_kind kind = refused_read(verify, reterr);
    if (kind == ERR_NONE) {
        kind = letters_read(verify, reterr);
    }
    if (kind == ERR_NONE && verify->known.count > 0) {
        qsort(verify->known.items, verify->known.count, sizeof *verify->known.items,
              compare_entries);
    }
    return kind;
}

static const struct known_entry *find(const struct verify *verify, int relation, struct str key) {
    const struct known_entry wanted = {.relation = relation, .key = key};
    return verify->known.count > 0 ? bsearch(&wanted, verify->known.items, verify->known.count,
                                             sizeof wanted, compare_entries)
                                   : NULL;
}

/* ---- rows that can't be computed ---- */

/* The values of a refused row's key, as sync_refused has them. */
static void append_refused(struct buf *out, const struct verify *verify, struct str key) {
    const char *at = key.ptr, *end = key.ptr + key.len;
    buf_str(out, STR("("));
    for (size_t i = 0; i < verify->order.key_count && at < end; i++) {
        struct str value = {at, strnlen(at, (size_t)(end - at))};
        at += value.len + 1;
        buf_printf(out, "%s" STR_FMT, i > 0 ? " AND " : "", STR_ARG(verify->names[SOURCE][i]));
        if (str_is(value, "\xff")) {
            buf_str(out, STR(" IS NULL"));
        } else {
            buf_str(out, STR(" = "));
            query_literal(out, value);
        }
    }
    buf_str(out, STR(")"));
}

/* Wherever the relation occurs. */
static void append_letter(struct buf *out, const struct verify *verify, int relation,
                          struct str key) {
    const struct target *target = verify->target;
    const struct relation *of = &verify->plan->relations[relation];
    struct str values[COLUMNS_MAX];
    char scratch[ROW_KEY_PARTS_MAX * ROW_PART_TEXT_MAX];
    if (row_decode(of, key, STR_NONE, scratch, values, NULL) != ERR_NONE) {
        return;
    }
    for (size_t o = 0; o < target->occurrence_count; o++) {
        if (target->occurrences[o].relation == relation) {
            buf_str(out, out->len > 0 ? STR(" OR (") : STR("("));
            for (size_t i = 0; i < of->key_count; i++) {
                buf_printf(out, "%s" STR_FMT " = ", i > 0 ? " AND " : "",
                           STR_ARG(target->source.parts[o][i]));
                query_literal(out, values[i]);
            }
            buf_str(out, STR(")"));
        }
    }
}

struct str known_condition(struct verify *verify, bool letters, uint64_t *ret_count) {
    struct buf all = {0};
    *ret_count = 0;
    for (size_t i = 0; i < verify->known.count && *ret_count < EXCLUDED_MAX; i++) {
        const struct known_entry *entry = &verify->known.items[i];
        if (entry->relation >= 0 && !letters) {
            continue;
        }
        if (entry->relation >= 0) {
            append_letter(&all, verify, entry->relation, entry->key);
        } else {
            buf_str(&all, all.len > 0 ? STR(" OR ") : STR(""));
            append_refused(&all, verify, entry->key);
        }
        ++*ret_count;
    }
    struct str condition = STR_NONE;
    if (all.len > 0) {
        condition =
            arena_printf(&verify->arena, "(" STR_FMT ") IS NOT TRUE", STR_ARG(buf_view(&all)));
    }
    buf_clear(&all);
    return condition;
}

/* ---- which entry explains a difference ---- */

static const struct known_entry *find_refused(const struct verify *verify, const struct str *row) {
    struct buf key = {0};
    for (size_t i = 0; i < verify->order.key_count; i++) {
        struct str value = row[verify->order.keys[i].column];
        buf_str(&key, value.ptr ? value : STR("\xff"));
        buf_append(&key, "", 1);
    }
    const struct known_entry *entry = find(verify, -1, buf_view(&key));
    buf_clear(&key);
    return entry;
}

/* values: the key of the occurrence's row; NULL in it: there is no row. */
static const struct known_entry *find_letter(const struct verify *verify, size_t occurrence,
                                             const struct str *values) {
    int relation = verify->target->occurrences[occurrence].relation;
    const struct relation *of = &verify->plan->relations[relation];
    for (size_t i = 0; i < of->key_count; i++) {
        if (!values[i].ptr) {
            return NULL;
        }
    }
    struct buf key = {0};
    const struct known_entry *entry = NULL;
    if (row_key_encode(of, values, &key, NULL) == ERR_NONE) {
        entry = find(verify, relation, buf_view(&key));
    }
    buf_clear(&key);
    return entry;
}

/* By the key that is shown: core rows only. */
static const struct known_entry *find_by_row(const struct verify *verify, const struct str *row) {
    const struct target *target = verify->target;
    const struct known_entry *entry = NULL;
    for (size_t o = 0; o < target->core_count && !entry; o++) {
        struct str values[ROW_KEY_PARTS_MAX] = {0};
        const struct relation *of = occurrence_relation(verify->plan, target, (int)o);
        for (size_t i = 0; i < of->key_count; i++) {
            values[i] = row[target->key_outputs[target->occurrences[o].key_positions[i]]];
        }
        entry = find_letter(verify, o, values);
    }
    return entry;
}

static void append_parts(struct buf *sql, const struct verify *verify, const struct str *row) {
    const struct target *target = verify->target;
    bool first = true;
    buf_str(sql, STR("SELECT "));
    for (size_t o = 0; o < target->occurrence_count; o++) {
        const struct relation *of = occurrence_relation(verify->plan, target, (int)o);
        for (size_t i = 0; i < of->key_count; i++) {
            buf_printf(sql, "%s" STR_FMT, first ? "" : ", ", STR_ARG(target->source.parts[o][i]));
            first = false;
        }
    }
    struct buf condition = {0};
    query_keys(&condition, verify, SOURCE, verify->order.key_count, &row, 1);
    buf_printf(sql, STR_FMT "\nWHERE " STR_FMT, STR_ARG(target->source.from),
               STR_ARG(buf_view(&condition)));
    buf_clear(&condition);
    buf_append(sql, "", 1);
}

/* By all the rows that the view's row is made of, also one that known_condition has left out. */
static enum err_kind find_by_parts(struct verify *verify, const struct str *row,
                                   const struct known_entry **ret_entry, struct err *reterr) {
    const struct target *target = verify->target;
    struct buf sql = {0};
    append_parts(&sql, verify, row);
    PGresult *result = NULL;
    enum err_kind kind = session_ask(&verify->look[SOURCE], sql.ptr, &result, reterr);
    for (int r = 0; kind == ERR_NONE && r < PQntuples(result); r++) {
        int column = 0;
        for (size_t o = 0; o < target->occurrence_count && !*ret_entry; o++) {
            struct str values[ROW_KEY_PARTS_MAX] = {0};
            const struct relation *of = occurrence_relation(verify->plan, target, (int)o);
            for (size_t i = 0; i < of->key_count; i++) {
                values[i] = result_value(result, r, column++);
            }
            *ret_entry = find_letter(verify, o, values);
        }
    }
    PQclear(result);
    buf_clear(&sql);
    return kind;
}

enum err_kind known_find(struct verify *verify, const struct difference *difference,
                         const struct known_entry **ret_entry, struct err *reterr) {
    const struct str *row = difference_row(difference);
    *ret_entry = NULL;
    if (verify->known.count == 0) {
        return ERR_NONE;
    }
    if (difference->kind == DIFFERENCE_MISSING) { /* a refused row is in the table no more */
        *ret_entry = find_refused(verify, row);
    }
    if (!*ret_entry) {
        *ret_entry = find_by_row(verify, row);
    }
    return *ret_entry ? ERR_NONE : find_by_parts(verify, row, ret_entry, reterr);
}
