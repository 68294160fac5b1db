#include "pipeline/coalesce.h"

#include "base/hash.h"
#include "base/safeguard.h"

#include <stdlib.h>

static uint64_t row_hash(int table, struct str key) {
    uint64_t hash = fnv1a(FNV1A_START ^ (unsigned)table, key);
    return hash ^ (hash >> 29);
}

void coalesce_init(struct coalesced *rows, struct arena *arena, size_t row_max) {
    size_t size = 16;
    while (size < row_max * 2) {
        size *= 2;
    }
    rows->rows = arena_alloc(arena, (row_max ? row_max : 1) * sizeof *rows->rows);
    rows->index = arena_alloc(arena, size * sizeof *rows->index);
    memset(rows->index, 0, size * sizeof *rows->index);
    rows->mask = size - 1;
    rows->count = 0;
}

/* Where the row stands in the index, or is to stand. */
static size_t index_of(const struct coalesced *rows, int table, struct str key) {
    size_t at = (size_t)row_hash(table, key) & rows->mask;
    while (rows->index[at]) {
        const struct changed_row *row = &rows->rows[rows->index[at] - 1].changed;
        if (row->table == table && str_equal(row->key, key)) {
            break;
        }
        at = (at + 1) & rows->mask;
    }
    return at;
}

static struct coalesced_row *find_or_add(struct coalesced *rows, int table, struct str key) {
    size_t at = index_of(rows, table, key);
    if (!rows->index[at]) {
        rows->rows[rows->count++] = (struct coalesced_row){.changed = {.table = table, .key = key}};
        rows->index[at] = (uint32_t)rows->count;
    }
    return &rows->rows[rows->index[at] - 1];
}

const struct coalesced_row *coalesce_find(const struct coalesced *rows, int table, struct str key) {
    size_t at = index_of(rows, table, key);
    return rows->index[at] ? &rows->rows[rows->index[at] - 1] : NULL;
}

void coalesce_add(struct coalesced *rows, const struct change *change) {
    struct coalesced_row *row = find_or_add(rows, change->table, change->key);
    row->changed.deleted |= change->op == CHANGE_DELETE;
    if (!row->value.ptr || SAFEGUARD("the last version in a batch wins")) {
        row->value = change->op == CHANGE_DELETE ? STR_NONE : change->value;
    }
}

void coalesce_set(struct coalesced *rows, int table, struct str key, struct str value) {
    find_or_add(rows, table, key)->value = value;
}

void coalesce_sort(struct coalesced *rows) {
    if (rows->count > 1) {
        qsort(rows->rows, rows->count, sizeof *rows->rows, changed_row_compare);
    }
}
