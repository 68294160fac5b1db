#include "pipeline/layout.h"

#include "plan/row.h"

_Static_assert(REFERENCES_MAX <= STATE_REFERENCES_MAX, "and an index for each of their references");
_Static_assert(RELATIONS_MAX <= STATE_TABLES_MAX, "a cache holds every view's tables");
_Static_assert(ROW_KEY_MAX <= KV_KEY_MAX, "and every row's key");

/* state_layout's parameters. NOLINTNEXTLINE(readability-function-size) */
static enum err_kind refers_to(const void *ctx, int table, size_t reference, struct str key,
                               struct str value, struct buf *out, bool *ret_has,
                               struct err *reterr) {
    const struct plan *plan = ctx;
    return row_reference(&plan->relations[table], reference, key, value, out, ret_has, reterr);
}

struct state_layout layout_of(const struct plan *plan) {
    struct state_layout layout = {
        .table_count = plan->relation_count, .refers_to = refers_to, .ctx = plan};
    for (size_t t = 0; t < plan->relation_count; t++) {
        layout.reference_counts[t] = plan->relations[t].reference_count;
    }
    return layout;
}
