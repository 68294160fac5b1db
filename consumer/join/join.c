#include "join/join.h"

#include "base/memory.h"
#include "base/safeguard.h"

#include <stdlib.h>

enum phase { PHASE_DELETES, PHASE_CHECKS, PHASE_UPSERTS, PHASE_ALL, PHASE_END };

/* What the first pass (the deletes) found out about a touched row. */
struct entry {
    struct str value; /* after the batch; ptr NULL: deleted */
    bool has_partner; /* unless deleted: join_has_partner */
};

struct join {
    const struct plan *plan;
    struct row_reader reader;
    struct touched *touched;
    struct entry *entries; /* beside touched */
    size_t count, index, entry_cap;
    enum phase phase;
    /* A cursor over the combinations of one row of table `fixed` with rows of the other tables:
     * rows[] is the present combination, first[] each table's first row. */
    bool turning;
    int fixed;
    struct str prefix;
    struct row_ref rows[RELATIONS_MAX], first[RELATIONS_MAX];
};

struct join *join_new(const struct plan *plan) {
    struct join *join = memory_new(1, sizeof *join);
    join->plan = plan;
    join->phase = PHASE_END;
    return join;
}

void join_destroy(struct join **join) {
    if (*join) {
        free((*join)->entries);
        free(*join);
        *join = NULL;
    }
}

int touched_compare(const void *left, const void *right) {
    const struct touched *a = left, *b = right;
    if (a->table != b->table) {
        return a->table < b->table ? -1 : 1;
    }
    return str_compare(a->key, b->key);
}

static bool is_touched(const struct join *join, int table, struct str key) {
    struct touched wanted = {.table = table, .key = key};
    return join->count > 0 &&
           bsearch(&wanted, join->touched, join->count, sizeof wanted, touched_compare) != NULL;
}

void join_begin(struct join *join, struct row_reader reader, struct touched *touched,
                size_t touched_count) {
    if (touched_count > 1) {
        qsort(touched, touched_count, sizeof *touched, touched_compare);
    }
    if (touched_count > join->entry_cap) {
        join->entries = memory_resize(join->entries, touched_count, sizeof *join->entries);
        join->entry_cap = touched_count;
    }
    join->reader = reader;
    join->touched = touched;
    join->count = touched_count;
    join->index = 0;
    join->turning = false;
    join->phase = PHASE_DELETES;
}

void join_begin_all(struct join *join, struct row_reader reader) {
    join_begin(join, reader, NULL, 0);
    join->phase = PHASE_ALL;
    join->rows[0].key = STR_NONE;
}

void join_end(struct join *join) {
    join->phase = PHASE_END;
    join->touched = NULL;
    join->count = 0;
}

/* The first row of table after `after` with the join key. Skips touched rows of tables before the
 * fixed one: their own pass emits this combination (no sink row is written twice). */
static enum err_kind next_partner(struct join *join, int table, struct str after,
                                  struct row_ref *ret_row, struct err *reterr) {
    do {
        enum err_kind kind = join->reader.next(join->reader.ctx, table, join->prefix, after,
                                               &ret_row->key, &ret_row->value, reterr);
        if (kind != ERR_NONE) {
            return kind;
        }
        after = ret_row->key;
    } while (ret_row->key.ptr && table < join->fixed && is_touched(join, table, ret_row->key) &&
             SAFEGUARD("no sink row is written twice"));
    return ERR_NONE;
}

/* Moves every table but the fixed one to its first row. *ret_found: there is a combination. */
static enum err_kind combinations_begin(struct join *join, bool *ret_found, struct err *reterr) {
    *ret_found = false;
    for (int table = 0; table < (int)join->plan->relation_count; table++) {
        if (table == join->fixed) {
            continue;
        }
        enum err_kind kind = next_partner(join, table, STR_NONE, &join->first[table], reterr);
        if (kind != ERR_NONE) {
            return kind;
        }
        if (!join->first[table].key.ptr) {
            return ERR_NONE;
        }
        join->rows[table] = join->first[table];
    }
    *ret_found = true;
    return ERR_NONE;
}

/* The next combination; the last table varies fastest. */
static enum err_kind combinations_next(struct join *join, bool *ret_found, struct err *reterr) {
    *ret_found = false;
    for (int table = (int)join->plan->relation_count - 1; table >= 0; table--) {
        if (table == join->fixed) {
            continue;
        }
        struct row_ref row;
        enum err_kind kind = next_partner(join, table, join->rows[table].key, &row, reterr);
        if (kind != ERR_NONE) {
            return kind;
        }
        if (row.key.ptr) {
            join->rows[table] = row;
            *ret_found = true;
            return ERR_NONE;
        }
        join->rows[table] = join->first[table];
    }
    return ERR_NONE;
}

/* Moves the cursor to the next combination; *ret_found false: there are no more. */
static enum err_kind turn(struct join *join, bool *ret_found, struct err *reterr) {
    enum err_kind kind = join->turning ? combinations_next(join, ret_found, reterr)
                                       : combinations_begin(join, ret_found, reterr);
    join->turning = kind == ERR_NONE && *ret_found;
    return kind;
}

enum err_kind join_has_partner(const struct plan *plan, struct row_reader reader, int table,
                               struct str join_key, bool *ret_partner, struct err *reterr) {
    bool has = true;
    for (int other = 0; has && other < (int)plan->relation_count; other++) {
        if (other != table && (other < 2 || SAFEGUARD("a partner is asked of every table"))) {
            struct row_ref row;
            enum err_kind kind =
                reader.next(reader.ctx, other, join_key, STR_NONE, &row.key, &row.value, reterr);
            if (kind != ERR_NONE) {
                return kind;
            }
            has = row.key.ptr != NULL;
        }
    }
    *ret_partner = has;
    return ERR_NONE;
}

/* Looks the touched row up in the state: its value, and whether every other table has a partner. */
static enum err_kind look_up(struct join *join, const struct touched *touched, struct entry *entry,
                             struct err *reterr) {
    enum err_kind kind =
        join->reader.get(join->reader.ctx, touched->table, touched->key, &entry->value, reterr);
    struct str join_key = {touched->key.ptr, touched->join_len};
    if (kind != ERR_NONE || !entry->value.ptr) {
        return kind;
    }
    return join_has_partner(join->plan, join->reader, touched->table, join_key, &entry->has_partner,
                            reterr);
}

static enum err_kind next_delete(struct join *join, struct row_op *ret_op, struct err *reterr) {
    while (join->index < join->count) {
        const struct touched *touched = &join->touched[join->index];
        struct entry *entry = &join->entries[join->index];
        enum err_kind kind = look_up(join, touched, entry, reterr);
        if (kind != ERR_NONE) {
            return kind;
        }
        join->index++;
        if ((touched->deleted && SAFEGUARD("what was deleted in between is deleted")) ||
            !entry->value.ptr ||
            (!entry->has_partner && SAFEGUARD("a row without a partner is deleted"))) {
            *ret_op = (struct row_op){
                .kind = ROW_OP_DELETE, .table = touched->table, .row = {touched->key, STR_NONE}};
            return ERR_NONE;
        }
    }
    join->phase = PHASE_CHECKS;
    join->index = 0;
    return ERR_NONE;
}

static enum err_kind next_check(struct join *join, struct row_op *ret_op) {
    while (join->index < join->count) {
        size_t i = join->index++;
        if (join->entries[i].value.ptr && !join->entries[i].has_partner &&
            SAFEGUARD("rows without a partner are checked")) {
            *ret_op = (struct row_op){.kind = ROW_OP_CHECK,
                                      .table = join->touched[i].table,
                                      .row = {join->touched[i].key, join->entries[i].value}};
            return ERR_NONE;
        }
    }
    join->phase = PHASE_UPSERTS;
    join->index = 0;
    return ERR_NONE;
}

static void emit_upsert(const struct join *join, struct row_op *ret_op) {
    *ret_op = (struct row_op){.kind = ROW_OP_UPSERT, .rows = join->rows};
}

static enum err_kind next_upsert(struct join *join, struct row_op *ret_op, struct err *reterr) {
    while (join->index < join->count) {
        const struct touched *touched = &join->touched[join->index];
        const struct entry *entry = &join->entries[join->index];
        bool found = false;
        if (entry->value.ptr && entry->has_partner) {
            join->fixed = touched->table;
            join->prefix = (struct str){touched->key.ptr, touched->join_len};
            join->rows[touched->table] = (struct row_ref){touched->key, entry->value};
            enum err_kind kind = turn(join, &found, reterr);
            if (kind != ERR_NONE) {
                return kind;
            }
        }
        if (found) {
            emit_upsert(join, ret_op);
            return ERR_NONE;
        }
        join->index++;
    }
    join->phase = PHASE_END;
    return ERR_NONE;
}

/* Each row of table 0 with all its combinations. */
static enum err_kind next_of_all(struct join *join, struct row_op *ret_op, struct err *reterr) {
    bool found = false;
    enum err_kind kind = ERR_NONE;
    if (join->turning) {
        kind = turn(join, &found, reterr);
    }
    while (kind == ERR_NONE && !found) {
        kind = join->reader.next(join->reader.ctx, 0, STR_NONE, join->rows[0].key,
                                 &join->rows[0].key, &join->rows[0].value, reterr);
        if (kind != ERR_NONE || !join->rows[0].key.ptr) {
            break;
        }
        join->fixed = 0;
        join->prefix = (struct str){
            join->rows[0].key.ptr,
            row_key_prefix(&join->plan->relations[0], join->rows[0].key, join->plan->join_count)};
        kind = turn(join, &found, reterr);
    }
    if (kind != ERR_NONE) {
        return kind;
    }
    if (!found) {
        join->phase = PHASE_END;
        return ERR_NONE;
    }
    emit_upsert(join, ret_op);
    return ERR_NONE;
}

static enum err_kind next_of_phase(struct join *join, struct row_op *ret_op, struct err *reterr) {
    switch (join->phase) {
    case PHASE_DELETES:
        return next_delete(join, ret_op, reterr);
    case PHASE_CHECKS:
        return next_check(join, ret_op);
    case PHASE_UPSERTS:
        return next_upsert(join, ret_op, reterr);
    case PHASE_ALL:
        return next_of_all(join, ret_op, reterr);
    case PHASE_END:
        break;
    }
    return ERR_NONE;
}

enum err_kind join_next(struct join *join, struct row_op *ret_op, struct err *reterr) {
    struct row_op op = {.kind = ROW_OP_END};
    enum err_kind kind = ERR_NONE;
    while (kind == ERR_NONE && op.kind == ROW_OP_END && join->phase != PHASE_END) {
        kind = next_of_phase(join, &op, reterr); /* END: the phase has no more */
    }
    if (kind == ERR_NONE) {
        *ret_op = op;
    }
    return kind;
}
