#include "view/trigger.h"

#include "view/identifier.h"

#define SUFFIX "_refuse_truncate"

static void append_function_name(struct buf *out, struct str schema) {
    identifier_append(out, schema);
    buf_str(out, STR(".refuse_truncate()"));
}

static void append_function(struct buf *out, struct str schema) {
    buf_str(out, STR("CREATE OR REPLACE FUNCTION "));
    append_function_name(out, schema);
    buf_str(out, STR(" RETURNS trigger LANGUAGE plpgsql AS $$\nBEGIN\n"
                     "  RAISE EXCEPTION 'TRUNCATE of % is refused: it would not reach the OLAP "
                     "database', TG_TABLE_NAME\n"
                     "    USING HINT = 'Use DELETE FROM ' || TG_TABLE_NAME || ' instead.';\n"
                     "END $$;\n"));
}

/* Cut as PostgreSQL would cut it, but for the suffix. */
static void append_trigger_name(struct buf *out, struct str table) {
    struct buf name = {0};
    size_t len = table.len;
    while (len > IDENTIFIER_MAX - (sizeof SUFFIX - 1) ||
           (len < table.len && ((unsigned char)table.ptr[len] & 0xc0) == 0x80)) {
        len--;
    }
    buf_append(&name, table.ptr, len);
    buf_str(&name, STR(SUFFIX));
    identifier_append(out, buf_view(&name));
    buf_clear(&name);
}

static void append_trigger(struct buf *out, const struct relation *table) {
    buf_str(out, STR("CREATE TRIGGER "));
    append_trigger_name(out, table->name);
    buf_str(out, STR(" BEFORE TRUNCATE ON "));
    identifier_append(out, table->schema);
    buf_str(out, STR("."));
    identifier_append(out, table->name);
    buf_str(out, STR("\n  FOR EACH STATEMENT EXECUTE FUNCTION "));
    append_function_name(out, table->schema);
    buf_str(out, STR(";\n"));
}

void trigger_append(struct buf *out, const struct plan *plan) {
    for (size_t t = 0; t < plan->relation_count; t++) {
        bool made = false;
        for (size_t i = 0; i < t; i++) {
            made |= str_equal(plan->relations[i].schema, plan->relations[t].schema);
        }
        if (!made) {
            append_function(out, plan->relations[t].schema);
        }
        if (!plan->relations[t].filtered) { /* else its lookup has it */
            append_trigger(out, &plan->relations[t]);
        }
    }
}
