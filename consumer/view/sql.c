#include "view/sql.h"

#include "view/identifier.h"
#include "view/sql_text.h"

static bool is_key(const struct draft *draft, size_t output) {
    for (size_t i = 0; i < draft->key_output_count; i++) {
        if ((size_t)draft->key_outputs[i] == output) {
            return true;
        }
    }
    return false;
}

static void append_outputs(struct buf *out, const struct draft *draft) {
    buf_str(out, STR(" ("));
    for (size_t i = 0; i < draft->output_count; i++) {
        sql_comma(out, i == 0);
        identifier_append(out, draft->outputs[i].name);
    }
    buf_str(out, STR(")"));
}

/* ---- DDL ---- */

/* A row without a partner in a table that is joined LEFT has NULL in its place in the key, and is
 * one row: NULLs are not distinct. A primary key can't have them. */
static void append_constraint(struct buf *out, const struct draft *draft) {
    buf_str(out,
            key_has_nulls(draft) ? STR("  UNIQUE NULLS NOT DISTINCT (") : STR("  PRIMARY KEY ("));
    sql_key(out, draft);
    buf_str(out, STR(")"));
}

static bool is_placement(const struct draft *draft, size_t output) {
    for (size_t p = 0; p < draft->join_count; p++) {
        if ((size_t)draft->key_outputs[p] == output) {
            return true;
        }
    }
    return false;
}

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
        type_sql(&out, sql_output_type(draft, i));
        buf_str(&out,
                is_placement(draft, i) && key_has_nulls(draft) ? STR(" NOT NULL,\n") : STR(",\n"));
    }
    append_constraint(&out, draft);
    buf_str(&out, STR("\n)"));
    return sql_take(draft, &out);
}

/* ---- writing rows ---- */

static void append_insert(struct buf *out, struct draft *draft) {
    buf_str(out, STR("INSERT INTO "));
    identifier_append(out, draft->name);
    buf_str(out, STR(" AS t"));
    append_outputs(out, draft);
    buf_str(out, STR("\nSELECT "));
    for (size_t i = 0; i < draft->output_count; i++) {
        sql_comma(out, i == 0);
        sql_converted(out, sql_output_type(draft, i), i, CONVERT_ASSIGN);
    }
    buf_str(out, STR("\nFROM "));
    sql_rows(out, draft->output_count);
}

struct str sql_insert(struct draft *draft) {
    struct buf out = {0};
    append_insert(&out, draft);
    return sql_take(draft, &out);
}

/* `ROW(t.name, t.note)::record` */
static void append_record(struct buf *out, const struct draft *draft, const char *row) {
    buf_str(out, STR("ROW("));
    bool first = true;
    for (size_t i = 0; i < draft->output_count; i++) {
        if (!is_key(draft, i)) {
            sql_comma(out, first);
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
            sql_comma(out, first);
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
    sql_key(&out, draft);
    buf_str(&out, STR(") "));
    if (draft->key_output_count == draft->output_count) {
        buf_str(&out, STR("DO NOTHING"));
    } else {
        append_update(&out, draft);
    }
    return sql_take(draft, &out);
}

struct str sql_copy(struct draft *draft) {
    for (size_t i = 0; i < draft->output_count; i++) {
        if (!type_copies(sql_output_type(draft, i))) {
            return STR_NONE;
        }
    }
    struct buf out = {0};
    buf_str(&out, STR("COPY "));
    identifier_append(&out, draft->name);
    append_outputs(&out, draft);
    buf_str(&out, STR(" FROM STDIN"));
    return sql_take(draft, &out);
}

/* ---- checking ---- */

/* count() makes PostgreSQL evaluate what it counts. */
struct str sql_check(struct draft *draft, const struct draft_relation *relation) {
    struct buf out = {0};
    buf_str(&out, STR("SELECT "));
    for (size_t i = 0; i < relation->column_count; i++) {
        buf_str(&out, i == 0 ? STR("count(") : STR(" + count("));
        sql_converted(&out, &relation->types[i], i, CONVERT_CHECK);
        buf_str(&out, STR(")"));
    }
    buf_str(&out, STR("\nFROM "));
    sql_rows(&out, relation->column_count);
    return sql_take(draft, &out);
}
