#include "oltp/sizes.h"

#include "base/buf.h"
#include "oltp/array.h"
#include "oltp/link.h"
#include "plan/estimate.h"

#include <stdlib.h>

/* A partitioned table has what its partitions have. */
#define SQL_ROWS                                                                                   \
    "SELECT coalesce((WITH RECURSIVE l(oid) AS (SELECT c.oid UNION ALL SELECT i.inhrelid FROM l"   \
    " JOIN pg_inherits i ON i.inhparent = l.oid WHERE c.relkind = 'p')"                            \
    " SELECT CASE WHEN bool_or(k.reltuples < 0) THEN -1 ELSE sum(k.reltuples) END FROM l"          \
    " JOIN pg_class k ON k.oid = l.oid WHERE k.relkind <> 'p'), -1)"                               \
    " FROM unnest($1::text[], $2::text[]) WITH ORDINALITY w(schema, name, n)"                      \
    " LEFT JOIN (pg_class c JOIN pg_namespace ns ON ns.oid = c.relnamespace)"                      \
    " ON ns.nspname = w.schema AND c.relname = w.name ORDER BY w.n"

#define SQL_WIDTHS                                                                                 \
    "SELECT coalesce(s.avg_width, -1), coalesce(s.null_frac, 0)"                                   \
    " FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY w(schema, name, part, n)"    \
    " LEFT JOIN LATERAL (SELECT p.avg_width, p.null_frac FROM pg_catalog.pg_stats p"               \
    " WHERE p.schemaname = w.schema AND p.tablename = w.name AND p.attname = w.part"               \
    " ORDER BY p.inherited DESC LIMIT 1) s ON true ORDER BY w.n"

#define SHORT_MAX 126 /* longer values have a header of four bytes, others of one */

static double number(const PGresult *result, int row, int column) {
    return strtod(PQgetvalue(result, row, column), NULL);
}

static enum err_kind rows_read(struct link *link, const struct plan *plan, struct sizes *sizes,
                               struct err *reterr) {
    struct buf schemas = {0}, names = {0};
    array_begin(&schemas);
    array_begin(&names);
    for (size_t t = 0; t < plan->relation_count; t++) {
        array_add(&schemas, plan->relations[t].schema);
        array_add(&names, plan->relations[t].name);
    }
    const char *params[] = {array_end(&schemas), array_end(&names)};
    PGresult *r = NULL;
    enum err_kind kind = link_ask(link, SQL_ROWS, 2, params, &r, reterr);
    for (size_t t = 0; kind == ERR_NONE && t < plan->relation_count; t++) {
        sizes->tables[t].rows = number(r, (int)t, 0);
    }
    PQclear(r);
    buf_clear(&schemas);
    buf_clear(&names);
    return kind;
}

/* Whether what the source stores is the text that a cache stores. */
static bool is_text(const struct relation_column *column) {
    static const char *const types[] = {"text", "character", "json", "xml"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (column->scalar == SCALAR_STRING &&
            str_starts(column->source_type, str_from(types[i]))) {
            return true;
        }
    }
    return false;
}

static double width(const struct relation_column *column, double stored, double null_fraction) {
    double bytes = estimate_width(column);
    if (is_text(column) && stored >= 0) {
        double header = stored > SHORT_MAX ? 4 : 1;
        bytes = stored > header ? stored - header : 0;
    }
    return bytes * (1 - null_fraction);
}

static void widths_fill(const struct plan *plan, const PGresult *r, struct sizes *sizes) {
    int row = 0;
    for (size_t t = 0; t < plan->relation_count; t++) {
        const struct relation *relation = &plan->relations[t];
        double *widths = arena_alloc(&sizes->arena, relation->column_count * sizeof *widths);
        for (size_t c = 0; c < relation->column_count; c++, row++) {
            widths[c] = width(&relation->columns[c], number(r, row, 0), number(r, row, 1));
        }
        sizes->tables[t].widths = widths;
    }
}

static enum err_kind widths_read(struct link *link, const struct plan *plan, struct sizes *sizes,
                                 struct err *reterr) {
    struct buf arrays[3] = {{0}};
    const char *params[3];
    for (size_t i = 0; i < 3; i++) {
        array_begin(&arrays[i]);
    }
    for (size_t t = 0; t < plan->relation_count; t++) {
        for (size_t c = 0; c < plan->relations[t].column_count; c++) {
            array_add(&arrays[0], plan->relations[t].schema);
            array_add(&arrays[1], plan->relations[t].name);
            array_add(&arrays[2], plan->relations[t].columns[c].name);
        }
    }
    for (size_t i = 0; i < 3; i++) {
        params[i] = array_end(&arrays[i]);
    }
    PGresult *r = NULL;
    enum err_kind kind = link_ask(link, SQL_WIDTHS, 3, params, &r, reterr);
    if (kind == ERR_NONE) {
        widths_fill(plan, r, sizes);
    }
    PQclear(r);
    for (size_t i = 0; i < 3; i++) {
        buf_clear(&arrays[i]);
    }
    return kind;
}

enum err_kind link_sizes(struct link *link, const struct plan *plan, struct sizes *sizes,
                         struct err *reterr) {
    sizes->tables = arena_alloc(&sizes->arena, plan->relation_count * sizeof *sizes->tables);
    enum err_kind kind = rows_read(link, plan, sizes, reterr);
    return kind == ERR_NONE ? widths_read(link, plan, sizes, reterr) : kind;
}

void sizes_clear(struct sizes *sizes) {
    arena_clear(&sizes->arena);
    *sizes = (struct sizes){0};
}
