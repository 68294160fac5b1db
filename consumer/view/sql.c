#include "view/sql.h"

#include "base/safeguard.h"
#include "view/identifier.h"

#include <stdio.h>

#define PARAMETER_MAX 32 /* "x.c1600" */

static struct str take(struct draft *draft, struct buf *text) {
    struct str copy = arena_copy(draft->arena, buf_view(text));
    buf_clear(text);
    return copy;
}

static const struct type *output_type(struct draft *draft, size_t output) {
    const struct draft_output *o = &draft->outputs[output];
    const struct draft_relation *relation = relation_of(draft, o->table);
    return &relation->types[relation_column(relation, o->column)];
}

static bool is_key(const struct draft *draft, size_t output) {
    for (size_t i = 0; i < draft->key_output_count; i++) {
        if ((size_t)draft->key_outputs[i] == output) {
            return true;
        }
    }
    return false;
}

static void comma(struct buf *out, bool first) {
    buf_str(out, first ? STR("") : STR(", "));
}

/* `unnest($1::text[], $2::text[]) AS x(c1, c2)` */
static void append_rows(struct buf *out, size_t count) {
    buf_str(out, STR("unnest("));
    for (size_t i = 0; i < count; i++) {
        buf_printf(out, "%s$%zu::text[]", i > 0 ? ", " : "", i + 1);
    }
    buf_str(out, STR(") AS x("));
    for (size_t i = 0; i < count; i++) {
        buf_printf(out, "%sc%zu", i > 0 ? ", " : "", i + 1);
    }
    buf_str(out, STR(")"));
}

static void append_converted(struct buf *out, const struct type *type, size_t index,
                             enum convert what) {
    char from[PARAMETER_MAX];
    (void)snprintf(from, sizeof from, "x.c%zu", index + 1);
    type_convert(out, type, from, what);
}

static void append_outputs(struct buf *out, const struct draft *draft) {
    buf_str(out, STR(" ("));
    for (size_t i = 0; i < draft->output_count; i++) {
        comma(out, i == 0);
        identifier_append(out, draft->outputs[i].name);
    }
    buf_str(out, STR(")"));
}

static void append_key(struct buf *out, const struct draft *draft) {
    for (size_t i = 0; i < draft->key_output_count; i++) {
        comma(out, i == 0);
        identifier_append(out, draft->outputs[draft->key_outputs[i]].name);
    }
}

/* ---- DDL ---- */

/* The source's NOT NULLs are not repeated: they may go there without anyone telling the sink, and
 * then every record would be refused. */
struct str sql_ddl(struct draft *draft) {
    struct buf out = {0};
    buf_str(&out, STR("CREATE TABLE IF NOT EXISTS "));
    identifier_append(&out, draft->name);
    buf_str(&out, STR(" (\n"));
    for (size_t i = 0; i < draft->output_count; i++) {
        buf_str(&out, STR("  "));
        identifier_append(&out, draft->outputs[i].name);
        buf_str(&out, STR(" "));
        type_sql(&out, output_type(draft, i));
        buf_str(&out, STR(",\n"));
    }
    buf_str(&out, STR("  PRIMARY KEY ("));
    append_key(&out, draft);
    buf_str(&out, STR(")\n)"));
    return take(draft, &out);
}

/* ---- writing rows ---- */

static void append_insert(struct buf *out, struct draft *draft) {
    buf_str(out, STR("INSERT INTO "));
    identifier_append(out, draft->name);
    buf_str(out, STR(" AS t"));
    append_outputs(out, draft);
    buf_str(out, STR("\nSELECT "));
    for (size_t i = 0; i < draft->output_count; i++) {
        comma(out, i == 0);
        append_converted(out, output_type(draft, i), i, CONVERT_ASSIGN);
    }
    buf_str(out, STR("\nFROM "));
    append_rows(out, draft->output_count);
}

struct str sql_insert(struct draft *draft) {
    struct buf out = {0};
    append_insert(&out, draft);
    return take(draft, &out);
}

/* `ROW(t.name, t.note)::record` */
static void append_record(struct buf *out, const struct draft *draft, const char *row) {
    buf_str(out, STR("ROW("));
    bool first = true;
    for (size_t i = 0; i < draft->output_count; i++) {
        if (!is_key(draft, i)) {
            comma(out, first);
            buf_printf(out, "%s.", row);
            identifier_append(out, draft->outputs[i].name);
            first = false;
        }
    }
    buf_str(out, STR(")::record"));
}

/* Unchanged rows are left alone. *<> compares the stored bytes: it sees numeric 1.0 become 1.00,
 * and needs no operator of json. */
static void append_update(struct buf *out, const struct draft *draft) {
    buf_str(out, STR("DO UPDATE SET "));
    bool first = true;
    for (size_t i = 0; i < draft->output_count; i++) {
        if (!is_key(draft, i)) {
            comma(out, first);
            identifier_append(out, draft->outputs[i].name);
            buf_str(out, STR(" = excluded."));
            identifier_append(out, draft->outputs[i].name);
            first = false;
        }
    }
    buf_str(out, STR("\nWHERE "));
    append_record(out, draft, "t");
    buf_str(out, STR(" OPERATOR(pg_catalog.*<>) "));
    append_record(out, draft, "excluded");
}

struct str sql_upsert(struct draft *draft) {
    struct buf out = {0};
    append_insert(&out, draft);
    buf_str(&out, STR("\nON CONFLICT ("));
    append_key(&out, draft);
    buf_str(&out, STR(") "));
    if (draft->key_output_count == draft->output_count) {
        buf_str(&out, STR("DO NOTHING"));
    } else {
        append_update(&out, draft);
    }
    return take(draft, &out);
}

struct str sql_copy(struct draft *draft) {
    for (size_t i = 0; i < draft->output_count; i++) {
        if (!type_copies(output_type(draft, i))) {
            return STR_NONE;
        }
    }
    struct buf out = {0};
    buf_str(&out, STR("COPY "));
    identifier_append(&out, draft->name);
    append_outputs(&out, draft);
    buf_str(&out, STR(" FROM STDIN"));
    return take(draft, &out);
}

/* ---- deleting ---- */

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

static void append_key_name(struct buf *out, struct draft *draft, int table, size_t key) {
    buf_str(out, STR("t."));
    size_t position = sql_key_position(draft, table, key);
    identifier_append(out, draft->outputs[draft->key_outputs[position]].name);
}

/* A key of one column goes as = ANY: the planner, who knows nothing of a table that was just
 * filled, takes a join with the keys for large and reads the whole table. Two columns and it uses
 * the index. */
struct str sql_delete(struct draft *draft, int table) {
    const struct draft_relation *relation = relation_of(draft, table);
    struct buf out = {0};
    buf_str(&out, STR("DELETE FROM "));
    identifier_append(&out, draft->name);
    buf_str(&out, STR(" AS t\n"));
    if (relation->key_count == 1) {
        buf_str(&out, STR("WHERE "));
        append_key_name(&out, draft, table, 0);
        buf_str(&out, STR(" = ANY (ARRAY(SELECT "));
        append_converted(&out, &relation->types[0], 0, CONVERT_COMPARE);
        buf_str(&out, STR(" FROM "));
        append_rows(&out, 1);
        buf_str(&out, STR("))"));
        if (!SAFEGUARD("a delete by range takes every row")) {
            buf_str(&out, STR(" AND t.ctid = '(0,1)'"));
        }
        return take(draft, &out);
    }
    buf_str(&out, STR("USING "));
    append_rows(&out, relation->key_count);
    const size_t first = SAFEGUARD("a delete names the join key") ? 0 : draft->join_count;
    for (size_t i = first; i < relation->key_count; i++) {
        buf_str(&out, i == first ? STR("\nWHERE ") : STR(" AND "));
        append_key_name(&out, draft, table, i);
        buf_str(&out, STR(" = "));
        append_converted(&out, &relation->types[i], i, CONVERT_COMPARE);
    }
    return take(draft, &out);
}

struct str sql_refuse(struct draft *draft) {
    struct buf out = {0};
    buf_str(&out, STR("DELETE FROM "));
    identifier_append(&out, draft->name);
    buf_str(&out, STR(" AS t\nUSING "));
    append_rows(&out, draft->key_output_count);
    for (size_t i = 0; i < draft->key_output_count; i++) {
        size_t output = (size_t)draft->key_outputs[i];
        buf_str(&out, i == 0 ? STR("\nWHERE t.") : STR(" AND t."));
        identifier_append(&out, draft->outputs[output].name);
        buf_str(&out, STR(" = "));
        append_converted(&out, output_type(draft, output), i, CONVERT_COMPARE);
    }
    return take(draft, &out);
}

/* ---- checking ---- */

/* count() makes PostgreSQL evaluate what it counts. */
struct str sql_check(struct draft *draft, const struct draft_relation *relation) {
    struct buf out = {0};
    buf_str(&out, STR("SELECT "));
    for (size_t i = 0; i < relation->column_count; i++) {
        buf_str(&out, i == 0 ? STR("count(") : STR(" + count("));
        append_converted(&out, &relation->types[i], i, CONVERT_CHECK);
        buf_str(&out, STR(")"));
    }
    buf_str(&out, STR("\nFROM "));
    append_rows(&out, relation->column_count);
    return take(draft, &out);
}
