/* What a batch changed: a list of keys, sorted, and where a phase has come to in it. */
#include "join/join_impl.h"

int changed_row_compare(const void *left, const void *right) {
    const struct changed_row *a = left, *b = right;
    if (a->table != b->table) {
        return a->table < b->table ? -1 : 1;
    }
    return str_compare(a->key, b->key);
}

void changed_begin(struct join *join) {
    size_t end = 0;
    for (int table = 0; table < (int)join->plan->relation_count; table++) {
        while (end < join->count && join->changed[end].table == table) {
            end++;
        }
        join->changed_end[table] = end;
    }
}

/* The first changed row of the table that is not before key; NULL: there is none. */
static const struct changed_row *find_from(const struct join *join, int table, struct str key) {
    size_t low = table > 0 ? join->changed_end[table - 1] : 0, end = join->changed_end[table];
    size_t high = end;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (str_compare(join->changed[middle].key, key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < end ? &join->changed[low] : NULL;
}

bool is_among_changed(const struct join *join, int table, struct str key) {
    const struct changed_row *row = find_from(join, table, key);
    return row && str_equal(row->key, key);
}

bool is_changed_under(const struct join *join, int table, struct str prefix) {
    const struct changed_row *row = find_from(join, table, prefix);
    return row && str_starts(row->key, prefix);
}

bool is_changed_before(const struct join *join, int target, int end, struct str prefix) {
    const struct target *of = &join->plan->targets[target];
    bool changed = false;
    for (size_t o = 0; o < of->core_count && !changed; o++) {
        int table = of->occurrences[o].relation;
        changed = table < end && is_changed_under(join, table, prefix);
    }
    return changed;
}

bool is_first_of_table(const struct join *join, struct str prefix) {
    const struct changed_row *changed = &join->changed[join->index];
    return join->index == 0 || changed[-1].table != changed->table ||
           !str_starts(changed[-1].key, prefix);
}
