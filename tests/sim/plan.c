/* What follows from a plan's arrays: keys, partitions, texts. */
#include "plan.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

int plan_pick(struct rng *rng, struct range range) {
    return range.low + rng_below(rng, range.high - range.low + 1);
}

/* ---- keys ---- */

int plan_primary_count(const struct plan_table *table) {
    int count = 1;
    for (int c = 0; c < table->key_count; c++) {
        count *= table->columns[c].primary ? table->columns[c].values : 1;
    }
    return count;
}

cells_t plan_primary(const struct plan_table *table, int nth) {
    cells_t cells = 0;
    for (int c = 0; c < table->key_count; c++) {
        if (table->columns[c].primary) {
            cells |= cell_of(c, 1 + nth % table->columns[c].values);
            nth /= table->columns[c].values;
        }
    }
    return cells;
}

int plan_join_count(const struct plan *plan) {
    int count = 1;
    for (int c = 0; c < plan->join_count; c++) {
        count *= plan->tables[0].columns[c].values;
    }
    return count;
}

cells_t plan_join(const struct plan *plan, int nth) {
    cells_t cells = 0;
    for (int c = 0; c < plan->join_count; c++) {
        cells |= cell_of(c, 1 + nth % plan->tables[0].columns[c].values);
        nth /= plan->tables[0].columns[c].values;
    }
    return cells;
}

bool plan_joins(const struct plan *plan, cells_t cells) {
    bool joins = true;
    for (int c = 0; c < plan->join_count; c++) {
        joins &= cell_at(cells, c) != 0;
    }
    return joins;
}

cells_t plan_sink_key(const struct plan *plan, int table, cells_t cells) {
    const struct plan_table *of = &plan->tables[table];
    cells_t key = 0;
    for (int c = 0; c < of->key_count; c++) {
        key |= cell_of(of->shown[c], cell_at(cells, c));
    }
    return key;
}

cells_t plan_sink_mask(const struct plan *plan, int table) {
    return plan_sink_key(plan, table, ~(cells_t)0);
}

cells_t plan_row(const struct plan *plan, int table, cells_t sink_key) {
    const struct plan_table *of = &plan->tables[table];
    cells_t cells = 0;
    for (int c = 0; c < of->key_count; c++) {
        cells |= cell_of(c, cell_at(sink_key, of->shown[c]));
    }
    return cells;
}

/* ---- texts ---- */

#define UUID_TEXT 36

struct str plan_text(const struct plan_column *column, int cell, char out[PLAN_TEXT_MAX]) {
    size_t len = 0;
    if (cell == 0) {
        return STR_NONE;
    }
    if (column->type == PLAN_UUID) {
        memcpy(out, "6ba7b810-9dad-11d1-80b4-00c04fd430c0", UUID_TEXT);
        out[UUID_TEXT - 1] = "0123456789abcdef"[cell];
        return (struct str){out, UUID_TEXT};
    }
    if (column->type == PLAN_TEXT) {
        out[len++] = 'k';
    }
    if (cell >= 10) {
        out[len++] = '1';
    }
    out[len++] = (char)('0' + cell % 10);
    return (struct str){out, len};
}

int plan_parse(struct str text) {
    if (text.len == UUID_TEXT) {
        char last = text.ptr[UUID_TEXT - 1];
        return last <= '9' ? last - '0' : last - 'a' + 10;
    }
    int value = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] >= '0' && text.ptr[i] <= '9') {
            value = value * 10 + (text.ptr[i] - '0');
        }
    }
    return value;
}

void plan_texts(const struct plan_table *table, cells_t cells, char (*scratch)[PLAN_TEXT_MAX],
                struct str *texts) {
    for (int c = 0; c < table->key_count; c++) {
        texts[c] = plan_text(&table->columns[c], cell_at(cells, c), scratch[c]);
    }
}

static const char *show(const char *name, cells_t cells, int count) {
    static char texts[4][96];
    static unsigned turn;
    char *text = texts[turn++ % 4];
    size_t len = (size_t)snprintf(text, sizeof texts[0], "%s(", name);
    for (int c = 0; c < count && len + 4 < sizeof texts[0]; c++) {
        len += (size_t)snprintf(text + len, sizeof texts[0] - len, "%s%d", c > 0 ? "," : "",
                                cell_at(cells, c));
    }
    (void)snprintf(text + len, sizeof texts[0] - len, ")");
    return text;
}

const char *plan_show(const struct plan *plan, int table, cells_t cells) {
    return show(plan->tables[table].name, cells, plan->tables[table].key_count);
}

const char *plan_show_sink(const struct plan *plan, cells_t sink_key) {
    return show("", sink_key, plan->key_count);
}

/* ---- partitions ---- */

/* As Java does: an int is itself, a long below 2^32 too, a text's hash goes over its characters. */
static uint32_t java_hash(const struct plan_column *column, int cell) {
    if (column->type == PLAN_BIGINT || column->type == PLAN_INTEGER) {
        return (uint32_t)cell;
    }
    char scratch[PLAN_TEXT_MAX];
    struct str text = plan_text(column, cell, scratch);
    uint32_t hash = 0;
    for (size_t i = 0; i < text.len; i++) {
        hash = 31 * hash + (unsigned char)text.ptr[i];
    }
    return hash;
}

int plan_partition(const struct plan *plan, cells_t cells, int partitions) {
    uint32_t sum = 0;
    for (int c = 0; c < plan->join_count; c++) {
        sum += java_hash(&plan->tables[0].columns[c], cell_at(cells, c));
    }
    sum &= INT32_MAX;
    return sum == INT32_MAX ? 0 : (int)(sum % (uint32_t)partitions);
}
