#include "view/expression.h"

#include "view/identifier.h"
#include "view/token.h"

#include <stdlib.h>

#define USES_ROOM 16

struct reading {
    struct draft *draft;
    struct draft_expression *expression;
    size_t room;
};

/* ---- what is refused ---- */

static enum err_kind refuse(struct draft *draft, size_t at, const char *what) {
    return source_refuse(&draft->source, at,
                         "expressions over the columns of one row of each table", draft->report,
                         "%s", what);
}

static bool one_of(struct str name, const char *const *names) {
    for (; *names; names++) {
        if (str_is(name, *names)) {
            return true;
        }
    }
    return false;
}

static const char *const aggregates[] = {"any_value",
                                         "array_agg",
                                         "avg",
                                         "bit_and",
                                         "bit_or",
                                         "bit_xor",
                                         "bool_and",
                                         "bool_or",
                                         "corr",
                                         "count",
                                         "covar_pop",
                                         "covar_samp",
                                         "every",
                                         "json_agg",
                                         "json_object_agg",
                                         "jsonb_agg",
                                         "jsonb_object_agg",
                                         "max",
                                         "min",
                                         "mode",
                                         "percentile_cont",
                                         "percentile_disc",
                                         "range_agg",
                                         "range_intersect_agg",
                                         "regr_avgx",
                                         "regr_avgy",
                                         "regr_count",
                                         "regr_intercept",
                                         "regr_r2",
                                         "regr_slope",
                                         "stddev",
                                         "stddev_pop",
                                         "stddev_samp",
                                         "string_agg",
                                         "sum",
                                         "var_pop",
                                         "var_samp",
                                         "variance",
                                         "xmlagg",
                                         NULL};
static const char *const sets[] = {"generate_series",
                                   "generate_subscripts",
                                   "json_array_elements",
                                   "json_array_elements_text",
                                   "json_each",
                                   "json_each_text",
                                   "json_object_keys",
                                   "jsonb_array_elements",
                                   "jsonb_array_elements_text",
                                   "jsonb_each",
                                   "jsonb_each_text",
                                   "jsonb_object_keys",
                                   "jsonb_path_query",
                                   "regexp_matches",
                                   "regexp_split_to_table",
                                   "string_to_table",
                                   "unnest",
                                   NULL};
static const char *const changing[] = {"clock_timestamp",
                                       "currval",
                                       "gen_random_uuid",
                                       "lastval",
                                       "nextval",
                                       "now",
                                       "random",
                                       "setval",
                                       "statement_timestamp",
                                       "timeofday",
                                       "transaction_timestamp",
                                       "txid_current",
                                       NULL};

#define CHANGING "it changes without a record of the row, and the view would not notice"

static enum err_kind call_check(struct draft *draft, json_t *call) {
    size_t at = ast_own_place(call);
    json_t *list = json_object_get(call, "funcname");
    size_t count = json_array_size(list);
    struct str name = ast_name(list, count - 1);
    bool own = count == 1 || str_is(ast_name(list, 0), "pg_catalog");
    if (json_object_get(call, "over")) {
        return refuse(draft, at, "window functions are not supported: they are over several rows");
    }
    if (ast_flag(call, "agg_star") || ast_flag(call, "agg_distinct") ||
        ast_flag(call, "agg_within_group") || json_object_get(call, "agg_order") ||
        json_object_get(call, "agg_filter") || (own && one_of(name, aggregates))) {
        return refuse(draft, at, "aggregates are not supported: they are over several rows");
    }
    if (own && one_of(name, sets)) {
        return source_refuse(&draft->source, at, NULL, draft->report,
                             STR_FMT " gives several rows, which is not supported", STR_ARG(name));
    }
    if (own && one_of(name, changing)) {
        return source_refuse(&draft->source, at, NULL, draft->report, STR_FMT ": " CHANGING,
                             STR_ARG(name));
    }
    return ERR_NONE;
}

/* current_date: a key word, shown as it is written. */
static enum err_kind refuse_value(struct draft *draft, size_t at) {
    struct token_scan scan = {buf_view(&draft->source.text), at};
    struct token token = {.at = at, .end = at};
    (void)token_next(&scan, &token);
    struct str word = {scan.text.ptr + token.at, token.end - token.at};
    return source_refuse(&draft->source, at, NULL, draft->report, STR_FMT ": " CHANGING,
                         STR_ARG(word));
}

/* What is refused wherever it stands; NULL: nothing. */
static const char *tag_refusal(const char *tag) {
    static const struct {
        const char *tag, *what;
    } refused[] = {
        {"SubLink", "subqueries are not supported: join the table in FROM"},
        {"GroupingFunc", "aggregates are not supported: they are over several rows"},
        {"ParamRef", "parameters are not supported"},
        {"CurrentOfExpr", "CURRENT OF is not supported"},
        {"SetToDefault", "DEFAULT is not supported"},
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        if (strcmp(tag, refused[i].tag) == 0) {
            return refused[i].what;
        }
    }
    return NULL;
}

/* ---- columns ---- */

static void use_add(struct reading *reading, struct expression_use use) {
    struct draft_expression *expression = reading->expression;
    if (expression->use_count == reading->room) {
        reading->room = reading->room > 0 ? 2 * reading->room : USES_ROOM;
        struct expression_use *uses =
            arena_alloc(reading->draft->arena, reading->room * sizeof *uses);
        if (expression->use_count > 0) {
            memcpy(uses, expression->uses, expression->use_count * sizeof *uses);
        }
        expression->uses = uses;
    }
    expression->uses[expression->use_count++] = use;
}

/* What stands directly around a column's name. */
enum {
    SAYS_TEXT = 1,      /* a cast to text */
    SAYS_COLLATION = 2, /* COLLATE */
};

static bool is_text_type(json_t *type) {
    static const char *const names[] = {"text", "varchar", "bpchar", NULL};
    json_t *list = json_object_get(type, "names");
    size_t count = json_array_size(list);
    return one_of(ast_name(list, count - 1), names) &&
           (count == 1 || str_is(ast_name(list, 0), "pg_catalog"));
}

/* around: what stands around the tag itself. Whether it is NULL depends on nothing else. */
static unsigned said_by(const char *tag, json_t *members, unsigned around) {
    if (strcmp(tag, "TypeCast") == 0 && is_text_type(json_object_get(members, "typeName"))) {
        return SAYS_TEXT | (around & SAYS_COLLATION);
    }
    if (strcmp(tag, "NullTest") == 0) {
        return SAYS_TEXT | SAYS_COLLATION;
    }
    return strcmp(tag, "CollateClause") == 0 ? SAYS_COLLATION : 0;
}

static enum err_kind type_check(struct draft *draft, struct draft_column column, size_t at,
                                unsigned said) {
    struct type type;
    const char *why;
    if (!column_type(draft, column.table, column.column, &type, &why) || !type_is_replaced(&type) ||
        (said & SAYS_TEXT)) {
        return ERR_NONE;
    }
    const char *shown = column_show(draft, column.table, column.column);
    const char *array = type.array ? "[]" : "";
    struct buf name = {0};
    type_source(&name, &type);
    enum err_kind kind = source_refuse(&draft->source, at, NULL, draft->report,
                                       "write %s::text%s: its type " STR_FMT
                                       " is text%s in the OLAP database, where an "
                                       "expression would give other results",
                                       shown, array, STR_ARG(buf_view(&name)), array);
    buf_clear(&name);
    return kind;
}

/* Its name would mean another collation in the OLAP database, or none: only the view can say. */
static enum err_kind collation_check(struct draft *draft, struct draft_column column, size_t at,
                                     unsigned said) {
    json_t *names;
    if ((said & SAYS_COLLATION) || column_collating(draft, column, &names) != COLLATING_OTHER) {
        return ERR_NONE;
    }
    struct buf name = {0};
    for (size_t i = 0; i < json_array_size(names); i++) {
        buf_str(&name, i > 0 ? STR(".") : STR(""));
        identifier_append(&name, ast_name(names, i));
    }
    const char *shown = column_show(draft, column.table, column.column);
    const char *cast = said & SAYS_TEXT ? "::text" : "";
    enum err_kind kind = source_refuse(&draft->source, at, NULL, draft->report,
                                       "write %s%s COLLATE " STR_FMT
                                       ": the column is declared so, and the OLAP database, which "
                                       "must have that collation, would use its own",
                                       shown, cast, STR_ARG(buf_view(&name)));
    buf_clear(&name);
    return kind;
}

static enum err_kind column_read(struct reading *reading, json_t *reference, unsigned said) {
    struct draft *draft = reading->draft;
    json_t *fields = json_object_get(reference, "fields");
    size_t count = json_array_size(fields), at = ast_own_place(reference);
    if (count > 0 && ast_is(json_array_get(fields, count - 1), "A_Star")) {
        return refuse(draft, at, "* is not supported: name the columns");
    }
    struct scope all = {0, draft->table_count};
    struct expression_use use = {.at = at};
    json_t *node = json_pack("{s:O}", "ColumnRef", reference);
    enum err_kind kind = column_find(draft, node, all, &use.column.table, &use.column.column);
    json_decref(node);
    if (kind == ERR_NONE) {
        kind = type_check(draft, use.column, at, said);
    }
    if (kind == ERR_NONE) {
        kind = collation_check(draft, use.column, at, said);
    }
    if (kind != ERR_NONE) {
        return kind;
    }
    struct token_scan scan = {buf_view(&draft->source.text), at};
    struct token token = {.end = at};
    for (size_t i = 0; i < 2 * count - 1 && token_next(&scan, &token); i++) {
        use.end = token.end;
    }
    use_add(reading, use);
    return ERR_NONE;
}

/* NOLINTNEXTLINE(misc-no-recursion): a tree, at most jansson's 2048 deep */
static enum err_kind node_read(struct reading *reading, json_t *node, unsigned said) {
    enum err_kind kind = ERR_NONE;
    const char *name;
    json_t *child;
    size_t index;
    json_array_foreach(node, index, child) {
        if (kind == ERR_NONE) {
            kind = node_read(reading, child, said);
        }
    }
    json_object_foreach(node, name, child) {
        if (kind != ERR_NONE) {
            return kind;
        }
        const char *refusal = tag_refusal(name);
        if (refusal) {
            kind = refuse(reading->draft, ast_place(child), refusal);
        } else if (strcmp(name, "SQLValueFunction") == 0) {
            kind = refuse_value(reading->draft, ast_own_place(child));
        } else if (strcmp(name, "ColumnRef") == 0) {
            kind = column_read(reading, child, said);
        } else {
            /* Members' names begin with a small letter, tags don't. */
            bool is_tag = name[0] >= 'A' && name[0] <= 'Z';
            kind = strcmp(name, "FuncCall") == 0 ? call_check(reading->draft, child) : ERR_NONE;
            kind = kind == ERR_NONE
                       ? node_read(reading, child, is_tag ? said_by(name, child, said) : said)
                       : kind;
        }
    }
    return kind;
}

static int compare_uses(const void *a, const void *b) {
    const struct expression_use *x = a, *y = b;
    return (x->at > y->at) - (x->at < y->at);
}

enum err_kind expression_read(struct draft *draft, json_t *node, size_t at, size_t end,
                              struct draft_expression **ret_expression) {
    struct draft_expression *expression = arena_alloc(draft->arena, sizeof *expression);
    *expression = (struct draft_expression){.at = at, .end = end};
    struct reading reading = {draft, expression, 0};
    enum err_kind kind = node_read(&reading, node, 0);
    if (kind != ERR_NONE) {
        return kind;
    }
    if (expression->use_count > 0) {
        qsort(expression->uses, expression->use_count, sizeof *expression->uses, compare_uses);
    }
    *ret_expression = expression;
    return ERR_NONE;
}

/* ---- its text ---- */

size_t expression_end(const struct draft *draft, size_t at, size_t limit, bool has_alias) {
    struct token_scan scan = {buf_view(&draft->source.text), at};
    struct token token, last[3] = {{.end = at}, {.end = at}, {.end = at}}; /* newest first */
    int depth = 0;
    while (token_next(&scan, &token) && token.at < limit &&
           !(depth == 0 && token_is(&scan, &token, ","))) {
        depth = token_depth(&scan, &token, depth);
        last[2] = last[1];
        last[1] = last[0];
        last[0] = token;
    }
    if (!has_alias) {
        return last[0].end;
    }
    if (last[0].kind != TOKEN_WORD && last[0].kind != TOKEN_NAME) {
        return NOWHERE; /* UESCAPE '...' */
    }
    return token_is(&scan, &last[1], "AS") ? last[2].end : last[1].end;
}

static bool is_operator(struct str text, const struct token *token) {
    return token->kind == TOKEN_CHAR && strchr("+-*/<>=~!@#%^&|`?", text.ptr[token->at]);
}

/* What stands between two tokens with blanks or comments between them. Strings behind each other
 * are one only with a line's end there. */
static struct str gap(const struct token *before, const struct token *token) {
    bool strings = token->kind == TOKEN_STRING && before->kind == TOKEN_STRING;
    return strings ? STR("\n") : STR(" ");
}

/* Whether two tokens mean something else without blanks between them. */
static bool needs_gap(struct str text, const struct token *before, const struct token *token) {
    return (before->kind != TOKEN_CHAR && token->kind != TOKEN_CHAR) ||
           (is_operator(text, before) && is_operator(text, token));
}

static void append_token(struct buf *out, struct str text, const struct token *token,
                         bool compared) {
    for (size_t i = token->at; i < token->end; i++) {
        char c = text.ptr[i];
        if (compared && token->kind == TOKEN_WORD && c >= 'A' && c <= 'Z') {
            c = (char)(c - 'A' + 'a');
        }
        buf_append(out, &c, 1);
    }
}

static void append(struct buf *out, struct draft *draft, const struct draft_expression *expression,
                   expression_name *name, bool compared) {
    struct str text = buf_view(&draft->source.text);
    struct token_scan scan = {text, expression->at};
    struct token token, before = {.kind = TOKEN_CHAR, .at = expression->at, .end = expression->at};
    size_t use = 0;
    while (token_next(&scan, &token) && token.at < expression->end) {
        if (token.at > before.end && (!compared || needs_gap(text, &before, &token))) {
            buf_str(out, gap(&before, &token));
        }
        while (use < expression->use_count && expression->uses[use].at < token.at) {
            use++; /* a place that is said twice */
        }
        if (use < expression->use_count && token.at == expression->uses[use].at) {
            name(out, draft, expression->uses[use].column);
            scan.at = token.end = expression->uses[use++].end;
            token.kind = TOKEN_WORD;
        } else {
            append_token(out, text, &token, compared);
        }
        before = token;
    }
}

void expression_append(struct buf *out, struct draft *draft,
                       const struct draft_expression *expression, expression_name *name) {
    append(out, draft, expression, name, false);
}

void expression_compared(struct buf *out, struct draft *draft,
                         const struct draft_expression *expression, expression_name *name) {
    append(out, draft, expression, name, true);
}

static void column_name(struct buf *out, struct draft *draft, struct draft_column column) {
    buf_str(out, str_from(column_show(draft, column.table, column.column)));
}

void expression_show(struct buf *out, struct draft *draft,
                     const struct draft_expression *expression) {
    size_t start = out->len;
    expression_append(out, draft, expression, column_name);
    for (size_t i = start; i < out->len; i++) {
        if (out->ptr[i] == '\n') {
            out->ptr[i] = ' ';
        }
    }
}

int expression_table(const struct draft_expression *expression) {
    int table = -1;
    for (size_t i = 0; i < expression->use_count; i++) {
        if (i > 0 && expression->uses[i].column.table != table) {
            return -1;
        }
        table = expression->uses[i].column.table;
    }
    return table;
}
