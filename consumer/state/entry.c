#include "state/entry.h"

#include "state/checksummed.h"

#include <assert.h>

size_t entry_references(const struct state_layout *layout) {
    size_t count = 0;
    for (size_t t = 0; t < layout->table_count; t++) {
        count += layout->reference_counts[t];
    }
    return count;
}

int entry_space(const struct state_layout *layout, int table, size_t reference) {
    assert(table >= 0 && (size_t)table < layout->table_count);
    assert(reference < layout->reference_counts[table]);
    size_t before = 0;
    for (int t = 0; t < table; t++) {
        before += layout->reference_counts[t];
    }
    return INDEX_SPACE((int)layout->table_count) + (int)(before + reference);
}

/* state_layout's parameters. NOLINTNEXTLINE(readability-function-size) */
enum err_kind entry_make(const struct state_layout *layout, int table, size_t reference,
                         const struct str row[2], struct buf *entry, struct err *reterr) {
    struct str key = row[0], value = row[1];
    bool has = false;
    buf_reset(entry);
    enum err_kind kind = value.ptr ? layout->refers_to(layout->ctx, table, reference, key, value,
                                                       entry, &has, reterr)
                                   : ERR_NONE;
    if (kind != ERR_NONE || !has) {
        buf_reset(entry);
        return kind;
    }
    buf_str(entry, key);
    if (entry->len > KV_KEY_MAX) { /* decode/ lets none come so far */
        size_t len = entry->len;
        buf_reset(entry);
        return err_set(reterr, ERR_HALT,
                       "a row of table %d was kept by a dead letter when the view did not use what "
                       "it refers to; that and its key take %zu bytes, more than %d",
                       table, len, KV_KEY_MAX);
    }
    return ERR_NONE;
}
