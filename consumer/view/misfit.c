/* What speaks against a choice of K, in words. See roles.h. */
#include "view/roles.h"

#include <stdarg.h>
#include <stdio.h>

bool roles_misfit(struct draft *draft, struct roles *roles, enum fit fit, size_t at,
                  const char *format, ...) {
    char text[sizeof draft->report->err->message];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    roles->fit = fit;
    roles->at = at;
    roles->why = arena_copy(draft->arena, str_from(text)).ptr;
    return false;
}

const char *roles_key_show(struct draft *draft, const struct roles *roles) {
    struct buf text = {0};
    for (size_t p = 0; p < roles->key_count; p++) {
        const struct draft_class *class = &draft->classes[roles->key[p]];
        int table = 0;
        while (class->columns[table] < 0) {
            table++;
        }
        buf_str(&text, p == 0 ? STR("") : STR(", "));
        buf_str(&text, str_from(column_show(draft, table, class->columns[table])));
    }
    struct str shown = arena_copy(draft->arena, buf_view(&text));
    buf_clear(&text);
    return shown.ptr;
}
