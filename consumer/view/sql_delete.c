/* The statements that delete. See sql.h. */
#include "base/safeguard.h"
#include "view/identifier.h"
#include "view/sql.h"
#include "view/sql_text.h"

#include <stdio.h>

size_t sql_key_position(struct draft *draft, int table, size_t key) {
    if (key < draft->join_count) {
        return key;
    }
    for (size_t i = draft->join_count; i < draft->key_output_count; i++) {
        const struct draft_output *output = &draft->outputs[draft->key_outputs[i]];
        if (output->table == table && output->column == relation_of(draft, table)->columns[key]) {
            return i;
        }
    }
    return 0; /* keys.c has made sure that it is there */
}

static void append_delete(struct buf *out, const struct draft *draft) {
    buf_str(out, STR("DELETE FROM "));
    identifier_append(out, draft->name);
    buf_str(out, STR(" AS t\n"));
}

/* A column of the key, as the values that are compared with it are. Those of K may come from
 * another core table, whose integers are longer. */
static const struct type *compared_type(struct draft *draft, int table, size_t key) {
    const struct type *widest = &relation_of(draft, table)->types[key];
    for (size_t o = 0; key < draft->join_count && o < draft->core_count; o++) {
        const struct type *type = &relation_of(draft, draft->order[o])->types[key];
        if (type->kind <= TYPE_BIGINT && type->kind > widest->kind &&
            SAFEGUARD("a delete takes the join key of every table")) {
            widest = type;
        }
    }
    return widest;
}

/* A key of one column goes as = ANY: the planner, who knows nothing of a table that was just
 * filled, takes a join with the keys for large and reads the whole table. Two columns and it uses
 * the index. */
static void append_by_key(struct buf *out, struct draft *draft, int table, size_t key_count) {
    append_delete(out, draft);
    if (key_count == 1) {
        buf_str(out, STR("WHERE "));
        sql_key_name(out, draft, sql_key_position(draft, table, 0));
        buf_str(out, STR(" = ANY (ARRAY(SELECT "));
        sql_converted(out, compared_type(draft, table, 0), 0, CONVERT_COMPARE);
        buf_str(out, STR(" FROM "));
        sql_rows(out, 1);
        buf_str(out, STR("))"));
        return;
    }
    buf_str(out, STR("USING "));
    sql_rows(out, key_count);
    const size_t first = SAFEGUARD("a delete names the join key") ? 0 : draft->join_count;
    for (size_t i = first; i < key_count; i++) {
        buf_str(out, i == first ? STR("\nWHERE ") : STR(" AND "));
        sql_key_name(out, draft, sql_key_position(draft, table, i));
        buf_str(out, STR(" = "));
        sql_converted(out, compared_type(draft, table, i), i, CONVERT_COMPARE);
    }
}

struct str sql_delete(struct draft *draft, int table) {
    struct buf out = {0};
    size_t key_count = relation_of(draft, table)->key_count;
    append_by_key(&out, draft, table, key_count);
    if (key_count == 1 && !SAFEGUARD("a delete by range takes every row")) {
        buf_str(&out, STR(" AND t.ctid = '(0,1)'"));
    }
    return sql_take(draft, &out);
}

struct str sql_delete_partner(struct draft *draft, int table, bool matched) {
    struct buf out = {0};
    append_by_key(&out, draft, table, draft->join_count);
    buf_str(&out, STR(" AND "));
    sql_key_name(&out, draft, sql_key_position(draft, table, draft->join_count));
    buf_str(&out, matched ? STR(" IS NOT NULL") : STR(" IS NULL"));
    return sql_take(draft, &out);
}

/* ---- by whole keys ---- */

/* A set of the tables that may have no row in a row of the sink, each a bit by its number. */
typedef unsigned table_set;

static table_set next_subset(table_set subset, table_set all) {
    return (subset - all) & all;
}

static table_set tables_adding_key(const struct draft *draft) {
    table_set set = 0;
    for (size_t t = 0; t < draft->table_count; t++) {
        set |= draft->tables[t].adds_key ? 1U << t : 0;
    }
    return set;
}

/* Appends what s has at a position of the sink's key. */
typedef void key_value(struct buf *out, struct draft *draft, size_t position);

/* `t.order_id = s.k1 AND t.line_no IS NULL AND s.k2 IS NULL`, of the rows without a row of
 * `without`. IS NOT DISTINCT FROM would say it for all of them, and use no index. */
static void append_same_key(struct buf *out, struct draft *draft, table_set without,
                            key_value *value) {
    for (size_t i = 0; i < draft->key_output_count; i++) {
        const struct draft_output *output = &draft->outputs[draft->key_outputs[i]];
        bool null = i >= draft->join_count && (without >> output->table & 1);
        buf_str(out, i == 0 ? STR("") : STR(" AND "));
        sql_key_name(out, draft, i);
        buf_str(out, null ? STR(" IS NULL AND ") : STR(" = "));
        value(out, draft, i);
        buf_str(out, null ? STR(" IS NULL") : STR(""));
    }
}

/* Deletes the rows of the sink with the keys of `rows`, a SELECT that becomes s. condition: further
 * ones, or nothing. */
static void append_deletes(struct buf *out, struct draft *draft, struct str rows, key_value *value,
                           struct str condition) {
    table_set all = tables_adding_key(draft);
    buf_printf(out, "WITH s AS MATERIALIZED (" STR_FMT ")", STR_ARG(rows));
    for (table_set set = next_subset(0, all), n = 1; set != 0; set = next_subset(set, all), n++) {
        buf_printf(out, ",\nn%u AS (", n);
        append_delete(out, draft);
        buf_str(out, STR("USING s WHERE "));
        append_same_key(out, draft, set, value);
        buf_str(out, condition);
        buf_str(out, STR(")"));
    }
    buf_str(out, STR("\n"));
    append_delete(out, draft);
    buf_str(out, STR("USING s WHERE "));
    append_same_key(out, draft, 0, value);
    buf_str(out, condition);
}

static void refused_value(struct buf *out, struct draft *draft, size_t position) {
    (void)draft;
    buf_printf(out, "s.k%zu", position + 1);
}

static void append_refused_rows(struct buf *out, struct draft *draft) {
    buf_str(out, STR("SELECT "));
    for (size_t i = 0; i < draft->key_output_count; i++) {
        sql_comma(out, i == 0);
        sql_converted(out, sql_output_type(draft, (size_t)draft->key_outputs[i]), i,
                      CONVERT_COMPARE);
        buf_printf(out, " AS k%zu", i + 1);
    }
    buf_str(out, STR(" FROM "));
    sql_rows(out, draft->key_output_count);
}

struct str sql_refuse(struct draft *draft) {
    struct buf out = {0};
    if (key_has_nulls(draft)) {
        struct buf rows = {0};
        append_refused_rows(&rows, draft);
        append_deletes(&out, draft, buf_view(&rows), refused_value, STR(""));
        buf_clear(&rows);
        return sql_take(draft, &out);
    }
    append_delete(&out, draft);
    buf_str(&out, STR("USING "));
    sql_rows(&out, draft->key_output_count);
    for (size_t i = 0; i < draft->key_output_count; i++) {
        buf_str(&out, i == 0 ? STR("\nWHERE ") : STR(" AND "));
        sql_key_name(&out, draft, i);
        buf_str(&out, STR(" = "));
        sql_converted(&out, sql_output_type(draft, (size_t)draft->key_outputs[i]), i,
                      CONVERT_COMPARE);
    }
    return sql_take(draft, &out);
}

/* ---- by WHERE ---- */

static void filtered_value(struct buf *out, struct draft *draft, size_t position) {
    const struct draft_output *output = &draft->outputs[draft->key_outputs[position]];
    struct draft_column column = {output->table, output->column};
    json_t *names;
    sql_input_name(out, draft, column);
    /* As the sink's column, or its index would be of no use. */
    if (column_collating(draft, column, &names) == COLLATING_BYTES) {
        buf_str(out, STR(" COLLATE \"default\""));
    }
}

/* IS NOT TRUE: WHERE lets no row pass for which it is NULL. */
struct str sql_filter(struct draft *draft) {
    struct buf out = {0}, rows = {0}, condition = {0};
    if (!draft->where) {
        return STR_NONE;
    }
    sql_inputs(&rows, draft);
    buf_str(&condition, STR("\nAND ("));
    expression_append(&condition, draft, draft->where, sql_input_name);
    buf_str(&condition, STR(") IS NOT TRUE"));
    append_deletes(&out, draft, buf_view(&rows), filtered_value, buf_view(&condition));
    buf_clear(&rows);
    buf_clear(&condition);
    return sql_take(draft, &out);
}
