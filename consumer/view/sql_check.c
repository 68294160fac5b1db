/* The statements that write nothing. See sql.h. */
#include "base/safeguard.h"
#include "view/identifier.h"
#include "view/sql.h"
#include "view/sql_text.h"

#include <stdio.h>

#define PROOF_NAME_MAX 32 /* "g1600" */

/* ---- a row's own check ---- */

static const char *separator(bool first) {
    return first ? "SELECT " : " + ";
}

/* `s.c2`: expressions of a check see one table's columns. */
static void checked_name(struct buf *out, struct draft *draft, struct draft_column column) {
    const struct draft_relation *all = relation_of(draft, column.table)->shared;
    buf_printf(out, "s.c%zu", relation_column(all, column.column) + 1);
}

/* Whether a row's own values decide an expression, whatever its partners are. Not behind a WHERE,
 * which may keep it from values that it fails for: then the sink's row is refused. */
static bool is_own(struct draft *draft, const struct draft_relation *all,
                   const struct draft_expression *expression) {
    bool guarded = draft->where && SAFEGUARD("a row's own check leaves out what WHERE may guard");
    int table = expression && !guarded ? expression_table(expression) : -1;
    return table >= 0 && relation_of(draft, table)->shared == all;
}

/* Those of all views: what one of them can't compute is set aside for all, which see one log. */
static size_t append_own(struct buf *out, const struct share *share,
                         const struct draft_relation *all) {
    size_t count = 0;
    for (size_t d = 0; d < share->draft_count; d++) {
        struct draft *draft = share->drafts[d];
        for (size_t i = 0; i < draft->output_count; i++) {
            if (is_own(draft, all, draft->outputs[i].expression)) {
                buf_str(out, STR(" + count(ROW("));
                expression_append(out, draft, draft->outputs[i].expression, checked_name);
                buf_str(out, STR("))"));
                count++;
            }
        }
    }
    return count;
}

static void append_typed(struct buf *out, const struct share_relation *relation,
                         const struct buf *own) {
    const struct draft_relation *all = &relation->all;
    for (size_t i = 0; i < all->column_count; i++) {
        buf_printf(out, "%scount(s.c%zu)", separator(i == 0), i + 1);
    }
    buf_str(out, buf_view(own));
    buf_str(out, STR("\nFROM (SELECT "));
    for (size_t i = 0; i < all->column_count; i++) {
        sql_comma(out, i == 0);
        sql_typed(out, &all->types[i], i);
        sql_collate(out, relation->draft, (struct draft_column){all->first, all->columns[i]});
        buf_printf(out, " AS c%zu", i + 1);
    }
    buf_str(out, STR("\nFROM "));
    sql_rows(out, all->column_count);
    buf_str(out, STR(") AS s"));
}

/* count() makes PostgreSQL evaluate what it counts. */
struct str sql_check(const struct share *share, const struct share_relation *relation) {
    const struct draft_relation *all = &relation->all;
    struct buf out = {0}, own = {0};
    if (append_own(&own, share, all) > 0) {
        append_typed(&out, relation, &own);
        buf_clear(&own);
        return sql_take(relation->draft, &out);
    }
    for (size_t i = 0; i < all->column_count; i++) {
        buf_printf(&out, "%scount(", separator(i == 0));
        sql_converted(&out, &all->types[i], i, CONVERT_CHECK);
        buf_str(&out, STR(")"));
    }
    buf_str(&out, STR("\nFROM "));
    sql_rows(&out, all->column_count);
    return sql_take(relation->draft, &out);
}

/* ---- a proof ---- */

/* A comment for people: where the view says it, and how. */
static void append_label(struct buf *out, struct draft *draft, struct str column,
                         const struct draft_expression *expression) {
    struct buf label = {0};
    source_place(&draft->source, expression->at, &label);
    buf_str(&label, column.ptr ? STR(": column ") : STR(": WHERE"));
    if (column.ptr) {
        identifier_append(&label, column);
        buf_str(&label, STR(":"));
    }
    buf_str(&label, STR(" "));
    expression_show(&label, draft, expression);
    /* A comment may hold others. */
    bool comment = memmem(label.ptr, label.len, "*/", 2) || memmem(label.ptr, label.len, "/*", 2);
    if (!comment) {
        buf_printf(out, "/* " STR_FMT " */\n", STR_ARG(buf_view(&label)));
    }
    buf_clear(&label);
}

/* PostgreSQL's message may name the column. */
static void append_proof(struct buf *out, struct draft *draft, const char *name,
                         const struct draft_expression *expression, const char *is) {
    buf_printf(out, "ALTER TABLE pg_temp.s ADD COLUMN %s boolean GENERATED ALWAYS AS ((", name);
    expression_append(out, draft, expression, sql_input_name);
    buf_printf(out, ")%s) STORED;\n", is);
}

/* PostgreSQL takes no generated column that may change without its row. Whether an expression is
 * NULL is asked, since nobody here knows its type. */
struct str sql_prove(struct draft *draft) {
    struct buf out = {0};
    if (!draft->computes) {
        return STR_NONE;
    }
    buf_str(&out, STR("CREATE TEMP TABLE s ("));
    for (size_t i = 0; i < draft->input_count; i++) {
        sql_comma(&out, i == 0);
        identifier_append(&out, draft->inputs[i].name);
        buf_str(&out, STR(" "));
        type_sql(&out, sql_input_type(draft, i));
        sql_collate(&out, draft, draft->inputs[i].column);
    }
    buf_str(&out, STR(");\n"));
    for (size_t i = 0; i < draft->output_count; i++) {
        if (draft->outputs[i].expression) {
            append_label(&out, draft, draft->outputs[i].name, draft->outputs[i].expression);
            char name[PROOF_NAME_MAX];
            (void)snprintf(name, sizeof name, "g%zu", i + 1);
            append_proof(&out, draft, name, draft->outputs[i].expression, " IS NULL");
        }
    }
    if (draft->where) {
        append_label(&out, draft, STR_NONE, draft->where);
        append_proof(&out, draft, "\"where\"", draft->where, "");
    }
    buf_str(&out, STR("DROP TABLE pg_temp.s"));
    return sql_take(draft, &out);
}
