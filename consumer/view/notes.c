#include "view/notes.h"

#include "view/identifier.h"

/* ---- the key, and each table's role ---- */

static void append_table(struct buf *out, const struct draft_table *table) {
    identifier_append(out, table->source->name);
    if (table->alias.ptr && !str_equal(table->alias, table->source->name)) {
        buf_str(out, STR(" "));
        identifier_append(out, table->alias);
    }
}

static void append_key(struct buf *out, struct draft *draft) {
    buf_str(out, STR("Rows are placed by "));
    for (size_t p = 0; p < draft->join_count; p++) {
        buf_str(out, p == 0 ? STR("") : STR(" and "));
        for (size_t o = 0; o < draft->core_count; o++) {
            int table = draft->order[o];
            buf_printf(out, "%s%s", o == 0 ? "" : " = ",
                       column_show(draft, table, draft->join[p].columns[table]));
        }
    }
    buf_printf(out, ": %s\n", draft->key_origin);
}

static void append_lookup(struct buf *out, struct draft *draft, const struct draft_table *table) {
    buf_str(out, STR("lookup by "));
    for (size_t i = 0; i < table->source->key_count; i++) {
        buf_printf(out, "%s%s", i == 0 ? "" : ", ",
                   column_show(draft, table->parent, table->parent_columns[i]));
    }
    buf_str(out, STR(": every task reads all of it, and keeps its rows"));
}

/* Integers that are placed as bigints. */
static void append_widened(struct buf *out, struct draft *draft, const struct plan *plan,
                           const struct target *target) {
    for (size_t o = 0; o < draft->core_count; o++) {
        int table = draft->order[o];
        const struct relation *relation = occurrence_relation(plan, target, (int)o);
        for (size_t p = 0; p < draft->join_count; p++) {
            if (column_is_widened(&relation->columns[p]) && !relation->filtered) {
                buf_printf(out,
                           "Note: %s is " STR_FMT " and compared with a bigint: Kafka Connect "
                           "casts it to find its partition\n",
                           column_show(draft, table, draft->join[p].columns[table]),
                           STR_ARG(relation->columns[p].type));
            }
        }
    }
}

static void append_roles(struct buf *out, struct draft *draft) {
    for (size_t o = 0; o < draft->table_count; o++) {
        const struct draft_table *table = &draft->tables[draft->order[o]];
        buf_str(out, STR("Table "));
        append_table(out, table);
        buf_str(out, STR(": "));
        if (table->role == ROLE_LOOKUP) {
            append_lookup(out, draft, table);
        } else if (table->filtered) {
            buf_str(out, STR("core, and a lookup, too: every task reads all of it, and keeps the "
                             "rows placed with it"));
        } else {
            buf_str(out, STR("core: task p reads partition p of it"));
        }
        buf_str(out, table->left ? STR("; joined LEFT\n") : STR("\n"));
    }
}

/* ---- what follows from it ---- */

/* A table in two roles is named twice. */
static void append_relation(struct buf *out, const struct relation *relation) {
    identifier_append(out, relation->name);
    buf_str(out, relation->filtered ? STR(" as core") : STR(""));
}

static void append_indexes(struct buf *out, const struct relation *relation) {
    for (size_t i = 0; i < relation->reference_count; i++) {
        const struct reference *reference = &relation->references[i];
        buf_str(out, STR("Index in the state: rows of "));
        append_relation(out, relation);
        for (size_t c = 0; c < reference->column_count; c++) {
            buf_str(out, c == 0 ? STR(" by ") : STR(", "));
            identifier_append(out, relation->columns[reference->columns[c]].name);
        }
        buf_str(out, STR("\n"));
    }
}

static void append_sink_key(struct buf *out, const struct target *target) {
    buf_str(out, STR("Key in the sink: "));
    for (size_t i = 0; i < target->key_output_count; i++) {
        buf_str(out, i == 0 ? STR("") : STR(", "));
        identifier_append(out, target->outputs[target->key_outputs[i]].name);
    }
    buf_str(out, STR("\n"));
}

static void append_state(struct buf *out, const struct plan *plan) {
    buf_str(out, STR("Progress of a task: the offsets of "));
    for (size_t r = 0; r < plan->relation_count; r++) {
        buf_str(out, r == 0 ? STR("") : STR(", "));
        append_relation(out, &plan->relations[r]);
    }
    buf_str(out, STR("\n"));
    if (plan->tasks_topic.ptr) {
        buf_str(out, STR("Tasks are shared out by the topic "));
        buf_str(out, plan->tasks_topic);
        buf_str(out, STR(", which has no records: no table's topic has a partition for each\n"));
    }
    for (size_t r = 0; r < plan->relation_count; r++) {
        append_indexes(out, &plan->relations[r]);
    }
}

/* ---- a plan beside others ---- */

static bool has_table(const struct share *share, const struct catalog_table *source) {
    for (size_t r = 0; r < share->relation_count; r++) {
        if (share->relations[r]->all.source == source) {
            return true;
        }
    }
    return false;
}

/* Tables whose records Kafka has once for each of several plans. */
static void append_twice(struct buf *out, const struct shares *shares, size_t number) {
    const struct share *share = shares->items[number];
    struct buf names = {0};
    for (size_t r = 0; r < share->relation_count; r++) {
        const struct catalog_table *source = share->relations[r]->all.source;
        bool twice = false;
        for (size_t i = 0; i < number && !share->relations[r]->all.filtered; i++) {
            twice |= has_table(shares->items[i], source);
        }
        if (twice) {
            buf_str(&names, names.len > 0 ? STR(", ") : STR(""));
            identifier_append(&names, source->name);
        }
    }
    if (names.len > 0) {
        buf_str(out, STR(", and topics of its own, which have the records of "));
        buf_str(out, buf_view(&names));
        buf_str(out, STR(" once more"));
    }
    buf_clear(&names);
}

static void append_apart(struct buf *out, const struct shares *shares, size_t number) {
    const struct draft *first = shares->items[number]->drafts[0];
    for (size_t i = 0; i < first->apart_count; i++) {
        buf_str(out, STR("View "));
        identifier_append(out, first->name);
        buf_printf(out, " can't share " STR_FMT "\n", STR_ARG(first->apart[i]));
    }
    if (number > 0) {
        buf_str(out, STR("This plan costs a connector, a replication slot and members of its own "
                         "(the OLTP database's log is decoded once more)"));
        append_twice(out, shares, number);
        buf_str(out, STR("\n"));
    }
}

/* ---- what to mind ---- */

static void append_joins(struct buf *out, const struct draft *draft) {
    for (size_t t = 0; t < draft->table_count; t++) {
        const struct draft_table *table = &draft->tables[t];
        if (table->made_inner) {
            buf_str(out, STR("Note: LEFT JOIN of "));
            append_table(out, table);
            buf_str(out, STR(" means JOIN here: a table behind it is joined INNER on it\n"));
        } else if (table->left && table->role == ROLE_CORE && !table->adds_key) {
            buf_str(out, STR("Note: "));
            append_table(out, table);
            buf_str(out, STR(" adds nothing to the key: rows stay in place when its row comes or "
                             "goes\n"));
        }
    }
    if (key_has_nulls(draft)) {
        buf_str(out, STR("Note: the key has NULLs where a table has no row, so it needs PostgreSQL "
                         "15 and is no primary key: to publish the sink's table further, give it "
                         "REPLICA IDENTITY FULL\n"));
    }
}

static void append_warning(struct buf *out) {
    buf_str(out, STR(" depends on the collation of texts, in the OLAP database: write COLLATE, if "
                     "that of the OLTP database is another one\n"));
}

static void append_warnings(struct buf *out, struct draft *draft) {
    json_t *targets = json_object_get(draft->select, "targetList");
    for (size_t i = 0; i < draft->output_count; i++) {
        if (draft->outputs[i].expression && compares_texts(draft, json_array_get(targets, i))) {
            buf_str(out, STR("Warning: column "));
            identifier_append(out, draft->outputs[i].name);
            append_warning(out);
        }
    }
    if (draft->where && compares_texts(draft, json_object_get(draft->select, "whereClause"))) {
        buf_str(out, STR("Warning: WHERE"));
        append_warning(out);
    }
}

static void append_view(struct buf *out, struct draft *draft, const struct plan *plan,
                        const struct target *target) {
    bool several = plan->target_count > 1;
    if (several) {
        buf_printf(out, "View " STR_FMT ": fingerprint " STR_FMT "\n", STR_ARG(target->name),
                   STR_ARG(target->fingerprint));
    }
    append_key(out, draft);
    append_roles(out, draft);
    append_sink_key(out, target);
    if (!several) {
        append_state(out, plan);
    }
    append_joins(out, draft);
    append_widened(out, draft, plan, target);
    append_warnings(out, draft);
    for (size_t i = 0; i < draft->other_key_count; i++) {
        buf_printf(out, "Another key, " STR_FMT "\n", STR_ARG(draft->other_keys[i]));
    }
}

struct str notes_text(const struct shares *shares, size_t number, const struct plan *plan) {
    const struct share *share = shares->items[number];
    struct buf out = {0};
    append_apart(&out, shares, number);
    if (plan->target_count > 1) {
        append_state(&out, plan);
    }
    for (size_t t = 0; t < plan->target_count; t++) {
        append_view(&out, share->drafts[t], plan, &plan->targets[t]);
    }
    for (size_t r = 0; r < share->relation_count; r++) {
        key_bytes_append(&out, &share->relations[r]->all);
    }
    struct str text = arena_copy(share->drafts[0]->arena, buf_view(&out));
    buf_clear(&out);
    return text;
}
