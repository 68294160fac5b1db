/* How long keys may become: what the declared types tell. See notes.h. */
#include "plan/row.h"
#include "view/identifier.h"
#include "view/notes.h"

/* The columns of a key or a reference, and what they take together. */
struct measured {
    size_t bytes;     /* of those that are limited */
    bool unlimited;   /* one is not */
    struct buf names; /* of those that are not, or else of all */
};

static void measure(const struct draft_relation *relation, const size_t *columns, size_t count,
                    struct measured *all) {
    struct buf limited = {0};
    for (size_t i = 0; i < count; i++) {
        size_t bytes = type_key_bytes(&relation->types[columns[i]]);
        struct buf *names = bytes == 0 ? &all->names : &limited;
        buf_str(names, names->len > 0 ? STR(", ") : STR(""));
        identifier_append(names, relation->source->columns[relation->columns[columns[i]]].name);
        all->unlimited |= bytes == 0;
        all->bytes += bytes;
    }
    if (!all->unlimited) {
        buf_str(&all->names, buf_view(&limited));
    }
    buf_clear(&limited);
}

static bool fits(const struct measured *all) {
    return !all->unlimited && all->bytes <= ROW_KEY_MAX;
}

static void append_measured(struct buf *out, const struct measured *all) {
    buf_str(out, buf_view(&all->names));
    if (all->unlimited) {
        buf_str(out, STR(" may be of any length"));
    } else {
        buf_printf(out, " may take %zu bytes", all->bytes);
    }
}

static void note_key(struct buf *out, const struct draft_relation *relation,
                     const struct measured *key) {
    if (!fits(key)) {
        buf_str(out, STR("Note: the key of "));
        identifier_append(out, relation->source->name);
        buf_printf(out, " takes at most %d bytes, but ", ROW_KEY_MAX);
        append_measured(out, key);
        buf_str(out, STR(": a record with a longer key becomes a dead letter\n"));
    }
}

/* The key stands behind the reference in the index. */
static void note_reference(struct buf *out, const struct draft_relation *relation,
                           const struct draft_reference *reference, const struct measured *key) {
    struct measured all = {0};
    measure(relation, reference->columns, reference->column_count, &all);
    all.bytes += key->bytes;
    if (all.unlimited || (!key->unlimited && all.bytes > ROW_KEY_MAX)) {
        buf_str(out, STR("Note: what a row of "));
        identifier_append(out, relation->source->name);
        buf_printf(out, " refers to and its own key take at most %d bytes together, but ",
                   ROW_KEY_MAX);
        append_measured(out, &all);
        buf_str(out, all.unlimited ? STR("") : STR(" with the key"));
        buf_str(out, STR(": a record with longer ones becomes a dead letter\n"));
    }
    buf_clear(&all.names);
}

void key_bytes_append(struct buf *out, const struct draft_relation *relation) {
    struct measured key = {0};
    size_t columns[2 * DRAFT_KEY_MAX];
    for (size_t i = 0; i < relation->key_count; i++) {
        columns[i] = i;
    }
    measure(relation, columns, relation->key_count, &key);
    note_key(out, relation, &key);
    for (size_t i = 0; i < relation->reference_count; i++) {
        note_reference(out, relation, &relation->references[i], &key);
    }
    buf_clear(&key.names);
}
