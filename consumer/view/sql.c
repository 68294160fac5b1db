#include "view/sql.h"

#include "view/identifier.h"
#include "view/sql_text.h"

#define SHAPE "sync_shape"

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

static void append_create(struct buf *out, const struct draft *draft) {
    buf_str(out, STR("CREATE TABLE IF NOT EXISTS "));
    identifier_append(out, draft->name);
    buf_str(out, STR(" (\n"));
}

/* A plain column as it is, or an expression. */
static void append_value(struct buf *out, struct draft *draft, const struct draft_output *output) {
    if (output->expression) {
        expression_append(out, draft, output->expression, sql_input_name);
    } else {
        sql_input_name(out, draft, (struct draft_column){output->table, output->column});
    }
}

/* Nobody here knows the type of an expression: PostgreSQL makes a table of the same SELECT over
 * NULLs, and the sink table is made like it. */
static void append_shape(struct buf *out, struct draft *draft) {
    buf_str(out, STR("CREATE TEMP TABLE " SHAPE " AS SELECT "));
    for (size_t i = 0; i < draft->output_count; i++) {
        sql_comma(out, i == 0);
        append_value(out, draft, &draft->outputs[i]);
        buf_str(out, STR(" AS "));
        identifier_append(out, draft->outputs[i].name);
    }
    buf_str(out, STR("\nFROM (SELECT "));
    for (size_t i = 0; i < draft->input_count; i++) {
        buf_str(out, i == 0 ? STR("NULL::") : STR(", NULL::"));
        type_sql(out, sql_input_type(draft, i));
        buf_str(out, STR(" AS "));
        identifier_append(out, draft->inputs[i].name);
    }
    buf_str(out, STR(") AS s WITH NO DATA;\n"));
    for (size_t i = 0; i < draft->join_count && key_has_nulls(draft); i++) {
        buf_str(out, STR("ALTER TABLE " SHAPE " ALTER COLUMN "));
        identifier_append(out, draft->outputs[draft->key_outputs[i]].name);
        buf_str(out, STR(" SET NOT NULL;\n"));
    }
}

static bool has_expressions(const struct draft *draft) {
    bool has = false;
    for (size_t i = 0; i < draft->output_count; i++) {
        has |= draft->outputs[i].expression != NULL;
    }
    return has;
}

/* The source's NOT NULLs are not repeated: they may go there without anyone telling the sink, and
 * then every record would be refused. */
struct str sql_ddl(struct draft *draft) {
    struct buf out = {0};
    bool shaped = has_expressions(draft);
    if (shaped) {
        append_shape(&out, draft);
    }
    append_create(&out, draft);
    buf_str(&out, shaped ? STR("  LIKE " SHAPE ",\n") : STR(""));
    for (size_t i = 0; i < draft->output_count && !shaped; i++) {
        buf_str(&out, STR("  "));
        identifier_append(&out, draft->outputs[i].name);
        buf_str(&out, STR(" "));
        type_sql(&out, sql_output_type(draft, i));
        buf_str(&out,
                is_placement(draft, i) && key_has_nulls(draft) ? STR(" NOT NULL,\n") : STR(",\n"));
    }
    append_constraint(&out, draft);
    buf_str(&out, shaped ? STR("\n);\nDROP TABLE " SHAPE) : STR("\n)"));
    return sql_take(draft, &out);
}

/* ---- writing rows ---- */

static void append_computed(struct buf *out, struct draft *draft) {
    for (size_t i = 0; i < draft->output_count; i++) {
        sql_comma(out, i == 0);
        append_value(out, draft, &draft->outputs[i]);
    }
    buf_str(out, STR("\nFROM ("));
    sql_inputs(out, draft);
    buf_str(out, STR(") AS s"));
    if (draft->where) {
        buf_str(out, STR("\nWHERE ("));
        expression_append(out, draft, draft->where, sql_input_name);
        buf_str(out, STR(")"));
    }
}

static void append_insert(struct buf *out, struct draft *draft) {
    buf_str(out, STR("INSERT INTO "));
    identifier_append(out, draft->name);
    buf_str(out, STR(" AS t"));
    append_outputs(out, draft);
    buf_str(out, STR("\nSELECT "));
    if (draft->computes) {
        append_computed(out, draft);
        return;
    }
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
    if (draft->computes) {
        return STR_NONE;
    }
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
