#include "cli/show.h"

#include "base/log.h"

const char *show_views(const struct plan *plan, struct arena *arena) {
    struct buf names = {0};
    for (size_t t = 0; t < plan->target_count; t++) {
        buf_str(&names, t > 0 ? STR(",") : STR(""));
        buf_str(&names, plan->targets[t].name);
    }
    const char *shown = arena_copy(arena, buf_view(&names)).ptr;
    buf_clear(&names);
    return shown;
}

const char *show_tables(const struct plan *plan, struct arena *arena) {
    struct buf tables = {0};
    for (size_t t = 0; t < plan->relation_count; t++) {
        const struct relation *relation = &plan->relations[t];
        buf_printf(&tables, "%s%s.%s %s (", t > 0 ? "; " : "", relation->schema.ptr,
                   relation->name.ptr, relation->role == ROLE_CORE ? "core" : "lookup");
        for (size_t c = 0; c < relation->column_count; c++) {
            buf_printf(&tables, "%s%s", c > 0 ? "," : "", relation->columns[c].name.ptr);
        }
        buf_str(&tables, STR(")"));
    }
    size_t size = tables.len * 4 + 3; /* a byte may need an escape */
    char *quoted = arena_alloc(arena, size);
    (void)log_quote(quoted, size, buf_view(&tables));
    buf_clear(&tables);
    return quoted;
}
