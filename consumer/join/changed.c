/* What a batch changed: a list of keys, sorted, and where a phase has come to in it. */
#include "join/join_impl.h"

#include <stdlib.h>

int changed_row_compare(const void *left, const void *right) {
    const struct changed_row *a = left, *b = right;
    if (a->table != b->table) {
        return a->table < b->table ? -1 : 1;
    }
    return str_compare(a->key, b->key);
}

bool is_changed(const struct join *join, int table, struct str key) {
    struct changed_row wanted = {.table = table, .key = key};
    return join->count > 0 &&
           bsearch(&wanted, join->changed, join->count, sizeof wanted, changed_row_compare) != NULL;
}

bool is_changed_under(const struct join *join, int table, struct str prefix) {
    const struct changed_row wanted = {.table = table, .key = prefix};
    size_t low = 0, high = join->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (changed_row_compare(&join->changed[middle], &wanted) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < join->count && join->changed[low].table == table &&
           str_starts(join->changed[low].key, prefix);
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
